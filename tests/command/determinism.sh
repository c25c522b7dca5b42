#!/usr/bin/env bash
# Every output byte is the same for any number of threads, any batch size, order of shards, division among processes and
# bound of memory.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

# Three shards: JSONL with records in error, empty and long ones; text, compressed; TSV.
mkdir "$work/in"
{
    words 300 1 | to_jsonl
    echo '{"id": 1, "text": ""}'
    echo '{"id": 2, "text"'
    printf '{"id": 3, "text": "%s"}\n' "$(printf 'long %.0s' {1..400})"
    printf '{"id": 4, "text": "%s"}\n' "$(printf 'x%.0s' {1..20000})"
    echo
    words 200 2 | to_jsonl
} >"$work/in/a.jsonl"
words 350 3 | zstd -q >"$work/in/b.txt.zst"
words 250 4 | awk '{print $0 "\t" NR}' >"$work/in/c.tsv"
: >"$work/in/empty.jsonl"
shards=(a b c empty)

# same WHAT DIR: the shards in DIR are those of the reference.
same() {
    local stem
    for stem in "${shards[@]}"; do
        check "$1: shard $stem has other bytes" cmp "$reference/$stem.$suffix" "$2/$stem.$suffix"
    done
}

# try WHAT ARGUMENT...: a run with these arguments gives the reference.
try() {
    local what=$1
    shift
    rm -rf "$work/out.d"
    expect 0 "$name, $what" run "$model" -q -o "$work/out.d" "${options[@]}" "$@"
    same "$name, $what" "$work/out.d"
}

sweep() {
    local n
    reference=$work/reference
    rm -rf "$reference"
    expect 0 "$name" run "$model" "$work/in" -q -t 1 -o "$reference" "${options[@]}"
    check "$name: 505 records in, as many out" test "$(plain "$reference/a.$suffix" | wc -l)" = 505
    for n in 2 3 8; do
        try "$n threads" "$work/in" -t "$n"
    done
    # About 1, 7 and 64 records a batch.
    for n in 1 50 450; do
        try "batches of $n tokens" "$work/in" --batch-tokens "$n" -t 3
    done
    try "bounded memory" "$work/in" -t 8 --max-memory "$bound"
    try "shards in another order" "$work/in/c.tsv" "$work/in/empty.jsonl" "$work/in/a.jsonl" "$work/in/b.txt.zst"

    rm -rf "$work/out.d"
    for n in 2 0 1; do
        expect 0 "$name, rank $n of 3" run "$model" "$work/in" -q -o "$work/out.d" "${options[@]}" --rank "$n" --world-size 3
    done
    same "$name, three processes" "$work/out.d"
}

suffix=jsonl.zst
bound=400M

name="beam search" model=$golden/bahdanau/model
options=(-b 4 --n-best 3 --attention soft --length-norm avg)
sweep

name=draws model=$golden/bahdanau/model
options=(--sampling-topk 0 --sampling-temperature 1.5 --n-best 3 --attention soft --no-repeat-ngram-size 2 --seed 5)
sweep

name="greedy search" model=$golden/whitespace-bos-eos/model options=()
sweep

name="beam search behind a reset" model=$golden/reset-before-beam/model
options=(-b 4 --n-best 3 --attention soft)
sweep

name="heads behind a reset" model=$golden/reset-before-tagger/model options=(--attention soft)
sweep

name="beam search behind a front" model=$golden/front-beam/model
options=(-b 4 --n-best 3 --attention soft)
sweep

name="heads behind a front" model=$golden/front-grows/model options=()
sweep

name=heads model=$golden/two-tasks/model options=(--attention soft)
sweep

name=embedding model=$golden/pool-dot-last-hidden/model options=(--task embed)
sweep

name=text model=$golden/bahdanau/model options=(--format txt) suffix=txt.zst
sweep
finish
