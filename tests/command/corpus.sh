#!/usr/bin/env bash
# A small corpus of the kind that `make check-corpus' makes large: real text, shards of unequal sizes, some lines spoilt, through a
# tagger in int8; killed on the way, every byte is that of a run that was not.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"

check "the corpus" "$python" "$srcdir/tests/soak/corpus.py" --size 6M --shards 5 --kills 3 --threads 2 --dir "$work" \
    --text "$srcdir"/README.md "$srcdir"/CHANGELOG.md "$srcdir"/doc/*.md
finish
