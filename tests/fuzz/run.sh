#!/usr/bin/env bash
# run.sh FUZZER DIR CORPUS RUNS [TARGET...]: RUNS inputs through each target, beginning with the corpora of DIR/corpus;
# what reaches new code is kept in CORPUS. An input that fails stays in CORPUS/failed, and is named.
set -u
fuzzer=$1 dir=$2 corpus=$3 runs=$4
shift 4
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=2:thread_local_quarantine_size_kb=16:allocator_may_return_null=1}
[[ $# -gt 0 ]] || set -- $(ls "$dir/corpus")
mkdir -p "$corpus/failed" || exit 1
failed=0
for target; do
    mkdir -p "$corpus/$target"
    if "$fuzzer" "--target=$target" "$corpus/$target" "$dir/corpus/$target" "-dict=$dir/json.dict" -max_len=6144 \
        "-runs=$runs" -timeout=20 -rss_limit_mb=2048 -reload=0 -print_final_stats=1 \
        "-artifact_prefix=$corpus/failed/$target-" >"$corpus/$target.log" 2>&1; then
        printf '%-14s %s inputs, no failure\n' "$target" \
            "$(sed -n 's/stat::number_of_executed_units: *//p' "$corpus/$target.log")"
    else
        failed=1
        printf '%-14s FAILED: %s\n' "$target" "$(grep -E 'not so|ERROR|runtime error' "$corpus/$target.log" | head -n 1)"
        ls "$corpus/failed/$target-"* 2>/dev/null
    fi
done
exit $failed
