#!/usr/bin/env bash
# The mistakes of tests/planted fit the tree, and name tests that there are; `make check-planted` makes them.
: "${srcdir:=.}"
export srcdir
exec bash "$srcdir/tests/planted/run.sh" --dry-run
