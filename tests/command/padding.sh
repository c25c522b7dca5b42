#!/usr/bin/env bash
# What report.json says of padding, for shards whose lengths are hard on lanes: at most 3 % of the positions computed are
# nobody's, and the positions are those of the shard. tests/unit/check_batcher counts what is computed.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/pool-dot-last-hidden/model

# number NAME FILE: a number of a report.
number() {
    sed -nE "s/^ *\"$1\": ([0-9.e+-]+),?\$/\1/p" "$2"
}

# mix NAME MOST AWK: a shard of the lengths that AWK prints has at most so much padding, on any number of threads.
mix() {
    local threads report=$work/report.json padding
    awk "BEGIN { srand(3); $3 }" >"$work/lengths"
    awk '{ line = ""; for (i = 0; i < $1; i++) line = line "a "; print line }' "$work/lengths" >"$work/shard.txt"
    for threads in 1 3; do
        rm -rf "$work/out.d"
        expect 0 "$1" run "$model" "$work/shard.txt" -q -o "$work/out.d" -t "$threads" --report "$report"
        padding=$(number encoder_padding "$report")
        check "$1: $padding of padding, at most $2 wanted" awk -v got="$padding" -v most="$2" 'BEGIN { exit !(got <= most) }'
        check "$1: positions" test "$(number encoder_positions "$report")" = "$(awk '{ n += $1 } END { print n }' "$work/lengths")"
        check "$1: padding is what the positions say" awk -v share="$padding" \
            -v asked="$(number encoder_positions "$report")" -v computed="$(number encoder_positions_computed "$report")" \
            'BEGIN { d = 1 - asked / computed - share; exit !(d < 1e-5 && d > -1e-5) }'
    done
}

mix "all equal" 0.03 'for (i = 0; i < 2000; i++) print 32'
mix "log-normal" 0.03 'for (i = 0; i < 4000; i++) {
    n = int(20 * exp(0.5 * sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand())) + 0.5); print (n < 2 ? 2 : (n > 120 ? 120 : n)) }'
mix "half 2, half 200" 0.03 'for (i = 0; i < 1000; i++) print rand() < 0.5 ? 2 : 200'
for place in 0 5000 10000; do
    mix "one of 5,000 at $place" 0.03 "for (i = 0; i < 10001; i++) print i == $place ? 5000 : 10"
done
# Without memory for wide batches it is what it is, and the results are the same.
cp "$work/out.d/shard.jsonl.zst" "$work/wanted"
rm -rf "$work/out.d"
expect 0 "little memory" run "$model" "$work/shard.txt" -q -o "$work/out.d" --max-memory 300M
check "little memory: the same bytes" cmp "$work/wanted" "$work/out.d/shard.jsonl.zst"
finish
