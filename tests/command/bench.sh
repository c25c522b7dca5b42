#!/usr/bin/env bash
# grus bench: the CPU that it tells, in the table and as JSON; how much of the inputs the whole run takes, and how often; its
# progress on a terminal.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
PYTHON=${PYTHON:-python3}
model=$golden/features-encoder/model
cpu=$(awk -F "[[:space:]]*:[[:space:]]*" '$1 == "model name" { print substr($2, 1, 127); exit }' /proc/cpuinfo || true)
cpu=${cpu:-$(uname -m)}

# json FILE EXPRESSION: the Python expression holds of the object in the file, which is called it.
json() {
    "$PYTHON" -c 'import json, os, sys
it = json.load(open(sys.argv[1]))
parts = {part["part"]: part for part in it["parts"]}
run = parts.get("run")
assert eval("(" + sys.argv[2] + ")"), it' "$1" "$2"
}

# ---- the processor ----

expect 0 "a table" bench "$model" --records 5 --seconds 0 -t 2
check "the table: the CPU and the threads" grep -qxE "CPU .*, up to 2 threads on [0-9]+ cores?" "$work/out"
check "the table: the CPU's name" grep -qF "CPU $cpu, up to" "$work/out"
check "no progress where there is no terminal" test ! -s "$work/err"
expect 0 "JSON" bench "$model" --records 5 --seconds 0 -t 2 --json "$work/json"
check "JSON: the CPU" test "$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["cpu"])' "$work/json")" = "$cpu"
check "JSON: the cores" json "$work/json" '1 <= it["cores"] <= len(os.sched_getaffinity(0))'
check "JSON: which they are" json "$work/json" '{n for piece in it["core_list"].split(",")
    for n in range(int(piece.split("-")[0]), int(piece.split("-")[-1]) + 1)} == os.sched_getaffinity(0)'
check "JSON: the date is of this minute" json "$work/json" 'abs(__import__("calendar").timegm(__import__("time").strptime(
    it["date"], "%Y-%m-%dT%H:%M:%SZ")) - __import__("time").time()) < 600'
check "JSON: the caches" "$PYTHON" - "$work/json" <<'END'
import glob, json, os, sys
found = []
for folder in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*"), key=lambda name: int(name.rsplit("index", 1)[1])):
    word = {name: open(os.path.join(folder, name)).read().strip() if os.path.exists(os.path.join(folder, name)) else ""
            for name in ("level", "type", "size", "shared_cpu_list")}
    if word["level"] and word["type"] and word["size"]:
        size = int(word["size"].rstrip("KM")) * {"K": 1024, "M": 1048576}.get(word["size"][-1], 1)
        found.append({"level": int(word["level"]), "type": word["type"], "bytes": size, "cpus": word["shared_cpu_list"]})
assert json.load(open(sys.argv[1]))["caches"] == found, found
END
zstd_version=$(zstd --version | sed -n 's/.* v\([0-9.]*\),.*/\1/p')
check "JSON: versions" json "$work/json" "it['versions']['grus'] == it['version'] == '$("$GRUS" --version | awk '{print $2}')' and
    it['versions']['zstd'].split('.')[0] == '${zstd_version%%.*}' and it['versions']['Linux'] == os.uname().release and
    it['versions']['libc'] == os.confstr('CS_GNU_LIBC_VERSION').split()[1] and it['versions']['BLIS'] and it['versions']['compiler']"
hash=$("$GRUS" inspect "$model" --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["hash"])')
check "JSON: the model" json "$work/json" "it['model'] == '$hash' and it['inputs'] == []"
if command -v taskset >/dev/null; then
    one=$(taskset -cp $$ | sed 's/.*[:,-] *//')
    GRUS="taskset" expect 0 "one core" -c "$one" "$GRUS" bench "$model" --records 5 --seconds 0 --json "$work/json"
    check "one core" json "$work/json" "it['cores'] == 1 and it['core_list'] == '$one' and {p['threads'] for p in it['parts']} == {1}"
fi

# ---- two files side by side ----

# Figures by hand: powers of two, so that every ratio is exact.
"$PYTHON" - "$work" <<'END'
import copy, json, sys
def part(name, threads, records, least, median, most, cpu):
    return {"part": name, "threads": threads, "records": records, "seconds": {"min": least, "median": median, "max": most},
            "cpu_seconds": cpu}
before = {"version": "1.0", "date": "2026-01-02T03:04:05Z", "cpu": "One \x1b[31m CPU", "cores": 2, "kernel": "haswell",
          "records": 64, "parts": [part("infer", 1, 64, 1, 2, 4, 2), part("infer", 2, 64, 1, 1, 1, 2), part("run", 2, 64, 4, 4, 4, 0),
                                   part("read", 1, 64, 1, 1, 1, 1)]}
after = copy.deepcopy(before)
after.update(date="2026-01-03T03:04:05Z", records=128)
after["parts"] = [part("infer", 1, 64, 0.5, 1, 1, 0.5), part("infer", 2, 128, 1, 1, 1, 2), part("run", 2, 64, 8, 8, 16, 0),
                  part("parse", 1, 64, 1, 1, 1, 1)]
json.dump(before, open(sys.argv[1] + "/before.json", "w"))
json.dump(after, open(sys.argv[1] + "/after.json", "w"))
after.update(cpu="Another", caches=[])
json.dump(after, open(sys.argv[1] + "/other.json", "w"))
END
expect 0 "compare" bench --compare "$work/before.json" "$work/after.json"
cat >"$work/wanted" <<END
before   $work/before.json: grus 1.0, 2026-01-02T03:04:05Z
after    $work/after.json: grus 1.0, 2026-01-03T03:04:05Z
differs  records: 64 | 128

part threads records/s then ratio least most by CPU
infer 1 32 64 2.000 1.000 8.000 4.000
infer 2 64 128 2.000 2.000 2.000 2.000
run 2 16 8 0.500 0.250 0.500
read in the one before alone
parse in the one after alone
END
check "compare: $(cat "$work/out")" cmp -s <(sed '5,$s/  */ /g' "$work/out") "$work/wanted"
expect 0 "other machines" bench --compare "$work/before.json" "$work/other.json"
check "other machines: in what" grep -qxF 'differs  cpu: One ?[31m CPU | Another' "$work/out"
check "other machines: what is not told" grep -qxF 'differs  caches: not told | []' "$work/out"
check "other machines: what it means" grep -qx "The machines differ: the ratios are not the program's alone." "$work/out"
expect 0 "compare as JSON" bench --compare "$work/before.json" "$work/other.json" --json "$work/compared.json"
check "compare as JSON" json "$work/compared.json" 'it["machines_differ"] is True and it["differs"] == ["cpu", "caches", "records"] and
    [(p["part"], p["records_per_second"], p["ratio"], p["least"], p["most"], p.get("cpu_ratio")) for p in it["parts"]] ==
    [("infer", [32, 64], 2, 1, 8, 4), ("infer", [64, 128], 2, 2, 2, 2), ("run", [16, 8], 0.5, 0.25, 0.5, None)]'
expect 0 "with itself" bench --compare "$work/json" "$work/json"
check "with itself: nothing differs" test "$(grep -c '^differs\|^The machines' "$work/out")" = 0
check "with itself: every ratio is 1" test "$(awk 'rows {print $5} /^part/ {rows = 1}' "$work/out" | sort -u)" = 1.000
expect 2 "one file" bench --compare "$work/json"
expect 2 "another option" bench --compare "$work/json" "$work/json" -t 2
says "another option" "--threads has no meaning with --compare"
expect 4 "no such file" bench --compare "$work/json" "$work/nowhere"
says "no such file" "nowhere"
echo '{"parts": [{"part": "read", "threads": 1, "records": 0, "seconds": {"min": 1, "median": 1, "max": 1}, "cpu_seconds": 1}]}' >"$work/bad.json"
expect 4 "no records" bench --compare "$work/bad.json" "$work/json"
says "no records" "bad.json:parts[0]: "
for text in '[]' '{' '{"parts": {}}' '{"parts": [5]}' '{"parts": [{"part": "x"}]}'; do
    echo "$text" >"$work/bad.json"
    expect 4 "not a benchmark: $text" bench --compare "$work/json" "$work/bad.json"
done
expect 3 "no model" bench "$work/nowhere"

# ---- the whole run: how many records, how often ----

model=$golden/bahdanau/model
mkdir "$work/in" "$work/tmp"
words 30 1 | to_jsonl >"$work/in/a.jsonl"
words 40 2 | to_jsonl | zstd -q >"$work/in/b.jsonl.zst"
: >"$work/in/c.jsonl"
words 20 3 | head -c -1 >"$work/in/d.txt" # the last line has no newline
words 10 4 >"$work/in/e.txt"
export TMPDIR=$work/tmp

# first N: the first N records of the inputs as shards of their own, in $work/first.
first() {
    local left=$1 path n
    rm -rf "$work/first"
    mkdir "$work/first"
    for path in "$work/in"/*; do
        plain=$work/plain
        case $path in *.zst) zstd -dcq "$path" ;; *) cat "$path" ;; esac >"$plain"
        n=$(grep -c '' "$plain" || true)
        ((left > 0)) || break
        head -n "$left" "$plain" >"$work/first/$(basename "$path" .zst)"
        left=$((left > n ? left - n : 0))
    done
}

# bounded N TAKEN CUT: with --records N the whole run takes just so many records, the first ones, and tells whether there are
# more.
bounded() {
    expect 0 "--records $1" bench "$model" "$work/in" -t 2 --records "$1" --seconds 0 --json "$work/json"
    first "$1"
    expect 0 "a run of the first $1" run "$model" "$work/first" -q -o "$work/o-$1"
    local tokens
    tokens=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["tokens_in"])' "$work/o-$1/report.json")
    check "--records $1" json "$work/json" "run['records'] == $2 and run['tokens'] == $tokens and it['run_is_cut'] is $3"
    check "--records $1: the parts take as many" json "$work/json" "parts['infer']['records'] == $2 and parts['infer']['tokens'] == $tokens"
    check "--records $1: how often" json "$work/json" "run['repetitions'] == 1 and parts['infer']['repetitions'] == 3"
    check "--records $1: nothing stays" test -z "$(ls -A "$work/tmp")"
}
sums=$(sha256sum "$work/in"/*)
bounded 1 1 True
bounded 30 30 True
bounded 31 31 True
bounded 70 70 True
bounded 90 90 True
bounded 99 99 True
bounded 100 100 False
bounded 1000 100 False
check "the inputs stay" test "$(sha256sum "$work/in"/*)" = "$sums"
expect 0 "all of them" bench "$model" "$work/in" --seconds 0
check "the table tells" grep -qx 'run on all 100 records of the inputs, 1 time' "$work/out"
expect 0 "some of them" bench "$model" "$work/in" --records 31 --seconds 0
check "the table tells how many" grep -qx 'run on the first 31 records of the inputs, 1 time' "$work/out"
expect 0 "a time" bench "$model" "$work/in/e.txt" --records 1 --seconds 0.5 -t 1 --json "$work/json"
check "a time: as many as fit" json "$work/json" 'run["repetitions"] == 1 or run["repetitions"] * run["seconds"]["min"] <= 0.5'
printf 'x' | zstd -q | head -c 9 >"$work/in/b.jsonl.zst"
expect 0 "a damaged input behind the first records" bench "$model" "$work/in" --records 5 --seconds 0
expect 4 "a damaged input" bench "$model" "$work/in" --records 50 --seconds 0
says "a damaged input" "b.jsonl.zst"
check "nothing stays of what failed" test -z "$(ls -A "$work/tmp")"

# ---- progress on a terminal ----

# steps COLUMNS VARIABLE=VALUE...: the lines that are drawn go to $work/steps, the figures to $work/table.
steps() {
    env "${@:2}" "$PYTHON" "$srcdir/tests/support/watch.py" steps "$1" \
        "$GRUS" bench "$model" "$work/in/e.txt" -t 2 --seconds 0 --json "$work/json" >"$work/steps" || fail "$*"
}
steps 80 TERM=xterm
check "progress: the first line: $(cat "$work/steps")" grep -qx 'reading records' "$work/steps"
i=0
for part in read parse encode infer infer format write run; do
    i=$((i + 1))
    check "progress: $part" grep -qE "^$part \($i of 8\), repetition 1" "$work/steps"
done
steps 20 TERM=xterm
check "progress: 20 columns" test -z "$(grep -v '^CPU\|^kernel\|^run on\|^part \|^[a-z]* *[12]  ' "$work/steps" | grep -E '.{20}')"
steps 80 TERM=dumb
check "progress: a terminal that cannot redraw" test -z "$(grep ' of 8' "$work/steps")"
finish
