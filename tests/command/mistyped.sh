#!/usr/bin/env bash
# The command line: what a mistyped word may have meant, help and version as commands, sizes in all their forms, every option
# that the help speaks of, the report on standard output, and what inspect says as JSON.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
model=$golden/features-encoder/model

# ---- words ----

while read -r word meant; do
    expect 2 "$word" "$word"
    says "$word" "grus: $word: no such command; did you mean $meant?"
done <<'END'
rnu run
Run run
inspekt inspect
statsu status
verfy verify
benhc bench
END
expect 2 "nothing near" frobnicate
says "nothing near" "grus: frobnicate: no such command; grus --help lists them"
while read -r word meant; do
    expect 2 "$word" run "$word" x
    says "$word" "grus: ${word%%=*}: no such option; did you mean $meant?"
done <<'END'
--beamsize --beam-size
--beam-sizes=4 --beam-size
--thread-s --threads
--ouptut --output
--max_memory --max-memory
--lenght-penalty --length-penalty
--hlep --help
END
expect 2 "an option that is none" run --frobnicate
says "an option that is none" "grus: --frobnicate: no such option"
check "no guess" bash -c '! grep -q "did you mean" "$1"' - "$work/err"
expect 2 "an option cut short" run --max-length-
expect 2 "an option cut too short" run --max-
says "an option cut too short" "--max-: may be any of --max-length, --max-length-factor"

# ---- help and version ----

for command in run inspect status report verify bench attend; do
    expect 0 "help $command" help "$command"
    cp "$work/out" "$work/help"
    expect 0 "$command --help" "$command" --help
    check "help $command: the same" cmp "$work/help" "$work/out"
done
expect 0 "help" help
check "help lists run" grep -q '^  grus run ' "$work/out"
expect 2 "help of nothing" help rnu
says "help of nothing" "did you mean run?"
expect 0 "version" version
cp "$work/out" "$work/version"
expect 0 "--version" --version
check "version: the same" cmp "$work/version" "$work/out"

# Each option of each command is known, however many there are.
for command in run inspect status report verify bench attend; do
    expect 0 "$command --help" "$command" --help
    grep -oE '^  (-.,|   ) --[a-z0-9-]+' "$work/out" | grep -oE -- '--.*' >"$work/options"
    while read -r option; do
        code=0
        "$GRUS" "$command" "$option" "$work/none" "$work/none" </dev/null >"$work/out" 2>"$work/err" || code=$?
        check "$command $option is known" bash -c '! grep -qE "no such option|may be any" "$1"' - "$work/err"
    done <"$work/options"
done

# ---- sizes ----

head -c 5000000 /dev/zero | tr '\0' x >"$work/long.txt"
while read -r size bytes; do
    rm -rf "$work/out.d"
    expect 1 "--max-record $size" run "$golden/bpe/model" "$work/long.txt" -q -o "$work/out.d" --max-record "$size"
    check "--max-record $size: $bytes" grep -qF "the line is longer than $bytes bytes" <(plain "$work/out.d/long.jsonl.zst")
done <<'END'
1 1
512 512
1K 1024
1k 1024
2M 2097152
1.5K 1536
0.25M 262144
1KiB 1024
1kib 1024
1.5MiB 1572864
1KB 1000
1.5kb 1500
3MB 3000000
1.0000001K 1024
0.0001234567M 129
END
for size in 1.5 1. .5K K 1X 1KX 1KIBI 1KiBs 1.K -1 1e3 '' ' 1' '1 K' 1,5K; do
    expect 2 "the size '$size'" run "$model" "$work/long.txt" -o "$work/out.d" --max-record "$size"
    says "the size '$size'" "is not a size: a number, perhaps with K, M, G or T"
done
for size in 99999999999999999999 16777216T 17000000TiB 18446745TB 18446744073709551615.9K; do
    expect 2 "the size $size" run "$model" "$work/long.txt" -o "$work/out.d" --max-record "$size"
    says "the size $size" "is not a size that this machine can hold"
done

# ---- the report on standard output ----

echo '{"id": 1, "features": [[0.5, 1, 2]]}' >"$work/one.jsonl"
rm -rf "$work/out.d"
expect 0 "--report -" run "$model" "$work/one.jsonl" -q -o "$work/out.d" --report -
check "the report is on standard output" grep -q '"records": 1' "$work/out"
check "and in no file" test ! -e - -a ! -e "$work/out.d/report.json"
expect 2 "--report - beside the records" run "$model" - -q -o - --report -
says "--report - beside the records" "--report: standard output has the records already"

# ---- inspect --json ----

python=${PYTHON:-python3}
if "$python" -c '' 2>/dev/null; then
    for what in "$model" "$work/one.jsonl"; do
        expect 0 "inspect $what" inspect "$what"
        cp "$work/out" "$work/text"
        expect 0 "inspect --json" inspect "$what" --json
        check "JSON that says as much as the text" "$python" - "$work/out" "$work/text" <<'END'
import json, re, sys
about, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
number = about["parameters"] if "parameters" in about else about["records"]
assert f"{number:,}" in text or str(number) in text, (number, text)
END
    done
fi
finish
