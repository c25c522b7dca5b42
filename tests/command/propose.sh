#!/usr/bin/env bash
# grus plan: the number of tasks and what each gets, against arithmetic of awk over the sizes that the system tells; and that a run
# of so many parts has just these shards.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

mkdir -p "$work/in/a" "$work/in/b"
n=0
for bytes in 5000 100 2500 2500 900 7000 1 0 3000 1200 4100; do
    n=$((n + 1))
    head -c $bytes /dev/zero | tr '\0' '\n' >"$work/in/$([[ $n -gt 6 ]] && echo b || echo a)/s$(printf %02d $n).txt"
done
echo note >"$work/in/README"
(cd "$work/in" && find . -name '*.txt' -printf '%P %s\n' | LC_ALL=C sort) >"$work/sizes"

# least SIZE: the least number of parts of which none has more than SIZE bytes, nor than the largest shard.
least() {
    awk -v limit="$1" '{ size[NR - 1] = $2; if ($2 > most) most = $2 }
        END {
            if (most > limit)
                limit = most
            for (n = 1;; n++) {
                split("", sum)
                over = 0
                for (i = 0; i < NR; i++)
                    over = over || (sum[i % n] += size[i]) > limit
                if (!over)
                    break
            }
            printf "%d:", n
            for (r = 0; r < n; r++)
                printf " %d", sum[r]
            print ""
        }' "$work/sizes"
}

# told: the same out of the JSON in $work/out.
told() {
    printf '%s:' "$(sed -n 's/^  "tasks": \([0-9]*\),$/\1/p' "$work/out")"
    sed -n 's/^    {"rank": .*"bytes": \([0-9]*\)},*$/ \1/p' "$work/out" | tr -d '\n'
    echo
}

for size in 1 3000 6999 7000 7001 8000 9K 10000 14KB 16000 26301 26302 1G; do
    expect 0 "--per-task $size" plan "$work/in" -r --per-task $size --json
    bytes=$(echo $size | sed 's/KB/000/; s/9K/9216/; s/1G/1073741824/')
    check "--per-task $size: $(told), and by awk $(least "$bytes")" test "$(told)" = "$(least "$bytes")"
done
check "the largest" grep -qF '"largest": {"input": "a/s06.txt", "bytes": 7000}' "$work/out"
check "one task" grep -qF '"array": "0-0"' "$work/out"
check "what is no shard" grep -qF '"others": 1' "$work/out"
expect 0 "for people" plan "$work/in" -r --per-task 6000
check "its line for sbatch" grep -qE '^tasks +[0-9]+: sbatch --array=0-[0-9]+, or --world-size' "$work/out"
check "a shard that is too large" grep -q "^too large 1 shard:" "$work/out"
check "files that are no shards" grep -q "README" "$work/out"

# A run of so many parts.
expect 0 "a plan" plan "$work/in" -r --per-task 9000 --json
parts=$(sed -n 's/^  "tasks": \([0-9]*\),$/\1/p' "$work/out")
sed -n 's/^    {"rank": \([0-9]*\), "shards": \([0-9]*\),.*/\1 \2/p' "$work/out" >"$work/wanted"
check "several parts" test "$parts" -gt 2
for ((rank = 0; rank < parts; rank++)); do
    expect 0 "rank $rank" run "$golden/bahdanau/model" "$work/in" -r -o "$work/run" --rank $rank --world-size "$parts" --dry-run
    echo "$rank $(sed -n 's/^grus: .*[ (]\([0-9]*\) shards*, .*/\1/p' "$work/err" | head -n 1)"
done >"$work/got"
check "each rank has the shards that the plan says" cmp "$work/wanted" "$work/got"

cut -d' ' -f1 "$work/sizes" | head -n 4 >"$work/list"
expect 0 "a list" plan "$work/in" --filelist "$work/list" --per-task 1G --json
check "of 4" grep -q '"shards": 4' "$work/out"
mkdir "$work/in/b/out"
cp "$work/list" "$work/in/b/out/x.txt"
expect 0 "OUTDIR in INPUT" plan "$work/in" -r -o "$work/in/b/out" --per-task 1G --json
check "is left out" grep -q '"shards": 11' "$work/out"
expect 2 "no size" plan "$work/in"
expect 2 "a size of 0" plan "$work/in" --per-task 0
expect 2 "no input" plan --per-task 1G
expect 2 "standard input" plan - --per-task 1G
expect 4 "an input that is not there" plan "$work/in/a/s01.txt" "$work/none.txt" --per-task 1G
says "an input that is not there" "none.txt: No such file"

# So many that not every number is tried: all are in some part, and none has too much.
seq -f 's%06g.txt' 20000 >"$work/list"
mkdir "$work/many"
(cd "$work/many" && xargs touch <"$work/list" && awk 'NR % 7 == 0 { for (i = 0; i < NR % 50; i++) print i > $1; close($1) }' "$work/list")
expect 0 "20000 shards" plan "$work/many" --per-task 2K --json
check "all of them" test "$(sed -n 's/.*"shards": \([0-9]*\), .*/\1/p' "$work/out" | awk '{ n += $1 } END { print n }')" = 20000
check "none has too much" test "$(sed -n 's/^    {.*"bytes": \([0-9]*\)}.*/\1/p' "$work/out" | sort -n | tail -n 1)" -le 2048

finish
