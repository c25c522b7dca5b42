#!/usr/bin/env bash
# The committed corpora of the fuzzing targets, every finding among them, once more and without a fuzzer.
set -u
: "${srcdir:?}" "${builddir:?}"
exec "$builddir/tests/fuzz/replay" "$srcdir"/tests/fuzz/corpus/*
