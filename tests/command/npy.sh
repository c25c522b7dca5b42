#!/usr/bin/env bash
# --format npy: numpy loads it, row i is record i, and its bytes depend on nothing else.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/pool-dot-last-hidden/model

# About 1 MB of rows in the first shard, records in error among them; one record; none.
mkdir "$work/in"
{
    words 20000 1 | to_jsonl
    echo '{"id": 1, "text"'
    echo '{"id": 2, "text": ""}'
    echo
    printf '{"id": 3, "text": "%s"}\n' "$(printf 'long %.0s' {1..400})"
    words 20000 2 | to_jsonl
    echo '{"id": 4}'
} >"$work/in/a.jsonl"
echo 'one line' >"$work/in/b.txt"
: >"$work/in/c.tsv"
reference=$work/reference

expect 0 "the same as jsonl" run "$model" "$work/in" -q -o "$work/jsonl" --task embed
expect 0 "npy" run "$model" "$work/in" -q -t 1 -o "$reference" --task embed --format npy
check "npy: no partial file is left" test -z "$(ls "$reference/.grus/partial")"
check "npy: records in error are counted" grep -q '"records_failed": 3\b' "$reference/.grus/done/a.json"
for stem in a b c; do
    check "npy: the size of $stem in its manifest" \
        grep -q "\"output_bytes\": $(wc -c <"$reference/$stem.npy")\\b" "$reference/.grus/done/$stem.json"
    if command -v xxhsum >/dev/null; then
        hash=$(xxhsum -H1 "$reference/$stem.npy")
        check "npy: the hash of $stem in its manifest" grep -q "\"${hash%% *}\"" "$reference/.grus/done/$stem.json"
    fi
done
expect 0 "again" run "$model" "$work/in" -o "$reference" --task embed --format npy
says "again" "nothing to do"
rm "$reference/.grus/done/a.json"
expect 0 "without its manifest" run "$model" "$work/in" -q -o "$reference" --task embed --format npy
check "what is there is adopted" test -e "$reference/.grus/done/a.json"

for options in "-t 2" "-t 3 --batch-tokens 50" "-t 3 --batch-tokens 450" "-t 8 --max-memory 400M"; do
    rm -rf "$work/other"
    # shellcheck disable=SC2086
    expect 0 "$options" run "$model" "$work/in" -q -o "$work/other" --task embed --format npy $options
    for stem in a b c; do
        check "$options: $stem has the same bytes" cmp "$reference/$stem.npy" "$work/other/$stem.npy"
    done
done

# The head is written into a file that may not grow any more.
code=0
(ulimit -f 100 && "$GRUS" run "$model" "$work/in/a.jsonl" -q -o "$work/limited" --task embed --format npy) \
    2>"$work/err" || code=$?
check "a file over its limit is an output error (exit $code)" test "$code" = 5
check "a file over its limit: nothing is there" test ! -e "$work/limited/a.npy"
check "a file over its limit: no partial file is left" test -z "$(ls "$work/limited/.grus/partial")"

expect 2 "npy and another task" run "$model" "$work/in" -q -o "$work/o" --format npy
says "npy and another task" "--format: npy takes the vectors of --task embed"
expect 2 "npy and attention" run "$model" "$work/in" -q -o "$work/o" --task embed --format npy --attention soft
says "npy and attention" "--format: npy has no room for attention"
expect 2 "npy and a decoder" run "$golden/bahdanau/model" "$work/in" -q -o "$work/o" --format npy
expect 2 "npy to standard output" run "$model" - -q -o - --task embed --format npy
says "npy to standard output" "--format: npy needs an output directory"
check "what is refused writes nothing" test ! -e "$work/o"
"$GRUS" run "$model" - -q -o "$work/stdin" --task embed --format npy <"$work/in/a.jsonl" || fail "standard input: exit $?"
check "standard input to a directory" cmp "$reference/a.npy" "$work/stdin/stdin.npy"

for python in "${PYTHON:-}" python3 /usr/bin/python3 ''; do
    [[ -n $python ]] && "$python" -c 'import numpy' 2>/dev/null && break
done
if [[ -z $python ]]; then
    echo "the comparison with numpy was left out: no python3 with numpy (Debian package: python3-numpy)"
    finish
fi
for stem in a b c; do
    plain "$work/jsonl/$stem.jsonl.zst" >"$work/lines"
    check "numpy loads $stem as the jsonl output has it" "$python" - "$reference/$stem.npy" "$work/lines" <<'END'
import json, sys
import numpy

found = numpy.load(sys.argv[1])
records = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
assert found.dtype == "<f4" and found.flags.c_contiguous and found.shape[0] == len(records), (found.dtype, found.shape)
assert numpy.load(sys.argv[1], mmap_mode="r").shape == found.shape
for row, record in zip(found, records):
    if "error" in record:
        assert numpy.isnan(row).all(), record
    else:
        assert (row == numpy.array(record["embedding"], dtype="<f4")).all(), (row, record)
END
done
finish
