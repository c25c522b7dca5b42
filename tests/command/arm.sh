#!/usr/bin/env bash
# aarch64: builds grus for it, with Debian's cross compiler and libraries, and runs tests/command/kernels.sh on that build
# under qemu: all models that ship, and the golden cases, give the bytes of every other machine, with BLIS's kernel and with
# the plain C. The build is kept in builddir/arm.
set -eu
: "${srcdir:=.}" "${builddir:=.}"
# A compiler, an emulator and, for arm64, what the README names for building.
packages=(gcc-aarch64-linux-gnu qemu-user libblis-dev:arm64 libzstd-dev:arm64 zlib1g-dev:arm64 libjansson-dev:arm64 libxxhash-dev:arm64
    libunistring-dev:arm64 libgomp1:arm64)
source=$(cd "$srcdir" && pwd) build=$(cd "$builddir" && pwd)

if ! command -v aarch64-linux-gnu-gcc qemu-aarch64 >/dev/null ||
    [[ ! -e /usr/lib/aarch64-linux-gnu/pkgconfig/jansson.pc ]]; then
    echo "aarch64 needs: dpkg --add-architecture arm64; apt-get update; apt-get install ${packages[*]}" >&2
    exit 77
fi

mkdir -p "$build/arm"
cd "$build/arm"
[[ -e Makefile ]] || PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig \
    "$source/configure" --quiet --host=aarch64-linux-gnu --without-sentencepiece --disable-static --enable-werror
make -s -j"$(nproc)" grus
cat >emulated <<EOF
#!/bin/sh
LD_LIBRARY_PATH="$build/arm/.libs" exec qemu-aarch64 -L / "$build/arm/.libs/grus" "\$@"
EOF
chmod +x emulated

GRUS=$build/arm/emulated MODELS=$source/models srcdir=$source builddir=$build THREADS=2 \
    bash "$source/tests/command/kernels.sh"
