#!/usr/bin/env bash
# grus bench: the CPU that it tells, in the table and as JSON.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/features-encoder/model
cpu=$(awk -F "[[:space:]]*:[[:space:]]*" '$1 == "model name" { print substr($2, 1, 127); exit }' /proc/cpuinfo || true)
cpu=${cpu:-$(uname -m)}
expect 0 "a table" bench "$model" --records 5 --seconds 0 -t 2
check "the table: the CPU and the threads" grep -qxF "CPU $cpu, up to 2 threads" "$work/out"
expect 0 "JSON" bench "$model" --records 5 --seconds 0 -t 2 --json "$work/json"
check "JSON: the CPU" test "$("${PYTHON:-python3}" -c 'import json, sys; print(json.load(open(sys.argv[1]))["cpu"])' "$work/json")" = "$cpu"
finish
