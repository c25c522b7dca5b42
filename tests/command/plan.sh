#!/usr/bin/env bash
# The memory that a run announces is what it asks the system for: on the models that ship the most bytes asked for at any
# moment, counted by tests/support/asked.c, stay below the announcement, and where the input brings all that the plan
# has room for, above half of it: a window of 128 MiB, a line of 16 MB, and in every worker at once a wide batch of long
# sequences. FULL=1: all models, with 1, 2, 3 and 8 threads.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"
asked=$(cd "$builddir" && pwd)/tests/support/.libs/asked.so
if [[ ! -f $asked ]] || nm -D "$builddir/.libs/grus" 2>/dev/null | grep -qE '__(asan|tsan|ubsan)_'; then
    echo "nothing can stand between this build and the C library" >&2
    exit 77
fi
if [[ -n ${FULL-} ]]; then
    models=(g2p-en multi30k-en-de snips-en mnist-rows)
    threads=(1 2 3 8)
else
    models=(mnist-rows)
    threads=(1)
fi

number() { # NAME: of the last report
    sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" "$work/o/report.json" | head -n 1
}

# measured WHAT LEAST MODEL INPUT OPTION...: LEAST hundredths of the announcement are asked for, and not more than it.
measured() {
    local what=$1 least=$2 model=$3 input=$4 most announced
    shift 4
    rm -rf "$work/o"
    checks=$((checks + 1))
    ASKED=$work/asked LD_PRELOAD=$asked "$GRUS" run "$MODELS/$model" "$input" -o "$work/o" -q "$@" 2>"$work/err" ||
        fail "$model, $what: $(cat "$work/err")"
    most=$(cat "$work/asked") announced=$(number predicted_memory)
    echo "$model $*, $what: $((most >> 20)) MiB of $((announced >> 20)) MiB, $((most / (announced / 100))) %"
    check "$model $*, $what: $most bytes asked for, $announced announced" test "$most" -le "$announced"
    check "$model $*, $what: $most bytes asked for of $announced" test "$((most / (announced / 100)))" -ge "$least"
}

# long MODEL THREADS: records of 2,000 to 4,000 positions, some 90,000 in all for each thread, behind a line of 16 MB.
long() {
    local position
    case $1 in
    g2p-en) position=ab ;;
    mnist-rows) position=$(printf '[%s0], ' "$(printf '0.5, %.0s' {1..27})") ;;
    *) position='a man ' ;;
    esac
    printf '{"text": "%s"}\n' "$(head -c 16770000 /dev/zero | tr '\0' l)"
    awk -v n=$((30 * $2)) -v position="$position" -v model="$1" 'BEGIN {
        for (i = 1; i <= n; i++) {
            text = ""
            positions = 2000 + i * 7919 % 2000
            if (model != "mnist-rows")
                positions = int(positions / 2)
            for (j = 0; j < positions; j++)
                text = text position
            if (model == "mnist-rows")
                printf "{\"features\": [%s]}\n", substr(text, 1, length(text) - 2)
            else
                printf "{\"text\": \"%s\"}\n", text
        }
    }'
}

for model in "${models[@]}"; do
    searches=("")
    case $model in
    g2p-en) searches=("" "--beam-size 5") ;;
    multi30k-en-de) searches=("--beam-size 5") ;;
    esac
    for n in "${threads[@]}"; do
        # From a pipe, so that the frame does not tell how little it holds, and its window is as large as asked for.
        long "$model" "$n" | zstd -q --long=27 -1 -T1 >"$work/long.jsonl.zst"
        for search in "${searches[@]}"; do
            read -r -a options <<<"$search"
            measured "its demo shard" 1 "$model" "$MODELS/$model/demo.jsonl.zst" -t "$n" ${options[@]+"${options[@]}"}
            [[ $model != *-en-de && $model != g2p-en ]] || options+=(--max-length 2)
            measured "all that the plan has room for" 50 "$model" "$work/long.jsonl.zst" -t "$n" ${options[@]+"${options[@]}"}
        done
    done
done
finish
