#!/bin/sh
# Makes ./configure from configure.ac. Needed in a clone; a release tarball has it already.
set -eu
cd "$(dirname "$0")"

missing=
need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need autoreconf autoconf
need automake automake
need libtoolize libtool
need pkg-config pkg-config
if [ -n "$missing" ]; then
    echo "autogen.sh: not found; on Debian: apt-get install$missing" >&2
    exit 1
fi
exec autoreconf --install --force --warnings=all
