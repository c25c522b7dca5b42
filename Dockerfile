# grus in a container of Debian's libraries, run by a user without rights.
#
#   docker build -t grus .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" grus run /usr/share/grus/models/g2p-en shards -o out
#
# Debian keeps one version of a package a release, and drops the ones before it: none is pinned here.
FROM debian:12-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        autoconf \
        automake \
        build-essential \
        libblis-dev \
        libjansson-dev \
        libsentencepiece-dev \
        libtool \
        libunistring-dev \
        libxxhash-dev \
        libzstd-dev \
        pkg-config \
        zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN ./autogen.sh && ./configure --prefix=/usr --disable-static
RUN make -j"$(nproc)" && make install-strip DESTDIR=/out && find /out -name '*.la' -delete

FROM debian:12-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libblis4-serial \
        libgomp1 \
        libjansson4 \
        libsentencepiece0 \
        libunistring2 \
        libxxhash0 \
        libzstd1 \
        zlib1g \
        zstd \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home grus
COPY --from=build /out /
RUN ldconfig
USER grus
WORKDIR /work
ENTRYPOINT ["grus"]
CMD ["--help"]
