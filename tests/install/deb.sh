#!/usr/bin/env bash
# Debian's packages of what `make dist` makes: built twice to the same bytes, clean for lintian, installed into a fresh root where
# the command and the package for Python run a model that ships and a program is built with the library, and taken away again.
# Needs root, debootstrap and a mirror. DEB_ONCE=1 leaves the second build out.
set -euo pipefail
: "${srcdir:?}" "${builddir:?}"
NAME=deb needs="dpkg-buildpackage lintian unshare"
# shellcheck source=tests/install/common.sh
. "$srcdir/tests/install/common.sh"

version=$(sed -n '1s/.*(\(.*\)-.*).*/\1/p' "$srcdir/debian/changelog")
tarball=$builddir/grus-$version.tar.gz
[[ -f $tarball ]] || fail "$tarball is not there: make dist"

build() { # DIRECTORY OPTIONS
    mkdir "$work/$1"
    cp "$tarball" "$work/$1/grus_$version.orig.tar.gz"
    tar -C "$work/$1" -xf "$tarball"
    (cd "$work/$1/grus-$version" && DEB_BUILD_OPTIONS="parallel=$(nproc) $2" logged "$1" dpkg-buildpackage -us -uc -b)
    rm -rf "$work/$1/grus-$version"
    echo "built: $(cd "$work/$1" && find . -name "*.deb" | wc -l) packages"
}

build first ""
if [[ -z ${DEB_ONCE-} ]]; then
    build second nocheck
    for package in "$work"/first/*.deb; do
        cmp "$package" "$work/second/${package##*/}" || fail "two builds differ"
    done
    echo "two builds, one digest"
fi
logged lintian lintian --allow-root --fail-on error,warning,info "$work"/first/*.changes
echo "lintian has nothing to say"

make_root
mkdir "$root/packages"
cp "$work"/first/*_*.deb "$root/packages"
rm -f "$root"/packages/*-dbgsym_*
logged install inside sh -c 'apt-get update && apt-get install -y --no-install-recommends /packages/*.deb gcc libc6-dev pkg-config zstd'

model=/usr/share/grus/models/mnist-rows
logged run inside grus run "$model" "$model/demo.jsonl.zst" -o /out --quiet
right=$(inside sh -c 'zstd -dc /out/demo.jsonl.zst' | grep -c '"digit":' || true)
wanted=$(zstd -dc "$srcdir/models/mnist-rows/demo.jsonl.zst" | wc -l)
[[ $right == "$wanted" ]] || fail "grus run: $right of $wanted records"
inside grus verify /out >/dev/null || fail "grus verify"
inside test -f /usr/share/man/man1/grus-run.1.gz || fail "no manual page"
echo "runs: $(inside grus --version)"

# Every link of a document that names no address leads somewhere.
documents=$(find -L "$root"/usr/share/doc/{grus,grus-doc,python3-grus} -name '*.md' ! -path '*/examples/*')
(($(wc -l <<<"$documents") > 8)) || fail "the documents are not there: $documents"
while read -r document; do
    while read -r link; do
        from=${document%/*}/
        [[ $link != /* ]] || from=$root
        [[ -e $from${link%%#*} ]] || fail "${document#"$root"}: nothing at $link"
    done < <(grep -o '](\([^)#][^):]*\))' "$document" | sed 's/^](//; s/)$//')
done <<<"$documents"

cat >"$root/try.c" <<'END'
#include <grus.h>
int main(void)
{
    grus_model *model;
    grus_error error;
    grus_status status = grus_model_load("/usr/share/grus/models/g2p-en", NULL, &model, &error);
    if (status == GRUS_OK)
        grus_model_free(model);
    return status;
}
END
# Python: the first record of the demo shard, as the command has it.
cat >"$root/try.py" <<'END'
import json, sys
import grus
model = grus.Model("/usr/share/grus/models/mnist-rows")
(told,) = model.run([json.loads(sys.argv[1])])
wanted = json.loads(sys.argv[2])
close = abs(wanted["digit"].pop("prob") - told["digit"].pop("prob")) < 1e-6
assert close and wanted == told, told
END
first() { zstd -dc "$1" | head -n 1 || true; }
inside python3 /try.py "$(first "$root$model/demo.jsonl.zst")" "$(first "$root/out/demo.jsonl.zst")" || fail "the package for Python"
[[ $(inside python3 -c 'import grus; print(grus.__file__)') == /usr/lib/python3/dist-packages/grus/__init__.py ]] ||
    fail "the package for Python lies elsewhere"
# shellcheck disable=SC2016
inside sh -c 'cc -Wall -Werror -o /try /try.c $(pkg-config --cflags --libs grus) && /try' || fail "a program with the library"
logged remove inside sh -c 'apt-get purge -y grus grus-models grus-doc libgrus0 libgrus-dev python3-grus'
left=$(inside sh -c 'find / -xdev -name "*grus*" ! -path "/packages/*" ! -path "/proc/*" ! -path "/out*"')
[[ -z $left ]] || fail "left behind: $left"
echo "installed, run, built with, and taken away"
