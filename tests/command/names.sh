#!/usr/bin/env bash
# Names that are not UTF-8, beside names that differ from them little: each is its own from run to verify, by its bytes.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
python=${PYTHON:-python3}
if ! "$python" -c 'import json' 2>/dev/null; then
    echo "this test needs Python (Debian package: python3)" >&2
    exit 77
fi
export LC_ALL=C
model=$golden/bahdanau/model out=$work/run

# Latin-1, the same in UTF-8, the text of the escape, what version 0.1.0 wrote for it, another byte in its place, bytes that
# begin no character, a character that is cut, and surrogates in the form of UTF-8.
stems=($'caf\xe9' $'caf\xc3\xa9' 'caf\udce9' $'caf\xef\xbf\xbd' $'caf\xe8' $'\xff\xfe-x' $'\xe2\x82"' $'\xed\xb3\xa9')
mkdir "$work/in" "$work/plain"
if ! touch "$work/in/${stems[0]}.jsonl" 2>/dev/null; then
    echo "the file system takes no names that are not UTF-8" >&2
    exit 77
fi
for i in "${!stems[@]}"; do
    words 20 "$i" | to_jsonl >"$work/in/${stems[i]}.jsonl"
    cp "$work/in/${stems[i]}.jsonl" "$work/plain/$i.jsonl"
done
n=${#stems[@]}
expect 0 "plain names" run "$model" "$work/plain" -q -o "$work/reference"

# results WHAT: each output is that of its own input.
results() {
    for i in "${!stems[@]}"; do
        check "$1: the output of $i" cmp "$work/reference/$i.jsonl.zst" "$out/${stems[i]}.jsonl.zst"
    done
}

# read_names WHAT: Python's surrogateescape finds the names of the files in what is written, and every file is valid JSON.
read_names() {
    check "$1: run.json and manifests" "$python" - "$work/in" "$out" <<'EOF'
import json, os, sys
source, out = map(os.fsencode, sys.argv[1:])
def load(path):
    return json.loads(open(path, "rb").read().decode("utf-8"))
def name_of(text):
    return text.encode("utf-8", "surrogateescape")
names = sorted(os.listdir(source))
inputs = [name_of(text) for text in load(out + b"/.grus/run.json")["inputs"]]
assert sorted(inputs) == names, inputs
for name in names:
    manifest = load(out + b"/.grus/done/" + name[:-len(b".jsonl")] + b".json")
    assert name_of(manifest["input"]) == name, manifest
    assert name_of(manifest["input_path"]) == os.path.realpath(source + b"/" + name), manifest
EOF
}

# verified WHAT: verify has nothing to tell, without inputs and with them.
verified() {
    expect 0 "$1: verify" verify "$out"
    expect 0 "$1: verify --inputs" verify "$out" --inputs "$work/in"
}

expect 0 "a run" run "$model" "$work/in" -q -o "$out" --log "$work/log" --log-format json --metrics "$work/metrics.prom"
results "a run"
read_names "a run"
verified "a run"
check "a name in UTF-8 is written as it is" grep -qF $'"caf\xc3\xa9.jsonl"' "$out/.grus/run.json"
check "a byte that is not" grep -qF '"caf\udce9.jsonl"' "$out/.grus/run.json"
check "the text of the escape" grep -qF '"caf\\udce9.jsonl"' "$out/.grus/run.json"
expect 0 "status" status "$out"
check "status counts all" grep -qE "^shards +$n: $n done" "$work/out"
check "the log and the metrics" "$python" - "$work/log" "$work/metrics.prom" "$work/in" <<'EOF'
import json, os, sys
lines = [json.loads(line.decode("utf-8")) for line in open(sys.argv[1], "rb")]
told = {line["shard"].encode("utf-8", "surrogateescape") for line in lines if "shard" in line}
assert {os.path.basename(name) for name in told} == set(os.listdir(os.fsencode(sys.argv[3]))), told
open(sys.argv[2], "rb").read().decode("utf-8")
EOF
cp "$out/.grus/run.json" "$work/before"
expect 0 "again" run "$model" "$work/in" -o "$out"
says "again" "nothing to do"
check "again: run.json stays" cmp "$work/before" "$out/.grus/run.json"

# ---- a shard that is done again ----

rm "$out/caf"$'\xe9'.jsonl.zst "$out/.grus/done/caf"$'\xe9'.json
expect 1 "a shard less: status" status "$out" --json
check "a shard less: status --json" "$python" -c 'import json, sys
one = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))["not_done"]
assert [shard["input"].encode("utf-8", "surrogateescape") for shard in one] == [b"caf\xe9.jsonl"], one' "$work/out"
expect 1 "a shard less: the table" status "$out"
check "a shard less: the table has the bytes" grep -qaF $'caf\xe9.jsonl' "$work/out"
expect 0 "the shard alone" run "$model" "$work/in" -o "$out"
says "the shard alone" "$((n - 1)) done before"
results "the shard alone"
verified "the shard alone"

# ---- an input that changes ----

words 30 77 | to_jsonl >"$work/in/${stems[0]}.jsonl"
expect 1 "another content" run "$model" "$work/in" -q -o "$out"
says "another content" $'caf\xe9.jsonl'
says "another content" "changed since its shard was done"
expect 1 "another content: status" status "$out" --json
check "another content: its cause" "$python" -c 'import json, sys
one = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))["failures"]
assert [shard["input"].encode("utf-8", "surrogateescape") for shard in one] == [b"caf\xe9.jsonl"], one
assert b"changed since" in one[0]["cause"].encode("utf-8", "surrogateescape"), one' "$work/out"
expect 1 "another content: verify by the path alone" verify "$out"
says "another content: verify by the path alone" $'caf\xe9.jsonl'
expect 0 "--on-changed redo" run "$model" "$work/in" -q -o "$out" --on-changed redo
check "--on-changed redo: set aside" test -e "$out/.grus/aside/caf"$'\xe9'.1.jsonl.zst
check "--on-changed redo: the other one" cmp "$work/reference/4.jsonl.zst" "$out/caf"$'\xe8'.jsonl.zst
check "--on-changed redo: lines" test "$(plain "$out/caf"$'\xe9'.jsonl.zst | wc -l)" = 30
verified "--on-changed redo"
cp "$work/in/${stems[0]}.jsonl" "$work/plain/0.jsonl"
expect 0 "the reference anew" run "$model" "$work/plain" -q -o "$work/reference" --on-changed redo

# ---- more inputs ----

stems+=($'caf\xea' $'\x80')
for i in 8 9; do
    words 20 "$i" | to_jsonl >"$work/in/${stems[i]}.jsonl"
    cp "$work/in/${stems[i]}.jsonl" "$work/plain/$i.jsonl"
done
expect 0 "the reference grows" run "$model" "$work/plain" -q -o "$work/reference" --grow
expect 2 "more inputs" run "$model" "$work/in" -q -o "$out"
says "more inputs" $'2 of this run\'s are not among them'
expect 0 "--grow" run "$model" "$work/in" -o "$out" --grow
says "--grow" "$n done before"
results "--grow"
read_names "--grow"
verified "--grow"
mv "$work/in/caf"$'\xe8'.jsonl "$work/kept"
expect 2 "an input less" run "$model" "$work/in" -q -o "$out"
says "an input less" '"caf\udce8.jsonl"'
mv "$work/kept" "$work/in/caf"$'\xe8'.jsonl

# ---- a run of version 0.1.0, which wrote U+FFFD ----

lose() {
    sed -Ei -e 's/([^\\])\\udc[89a-f][0-9a-f]/\1'$'\xef\xbf\xbd''/g; s/([^\\])\\udc[89a-f][0-9a-f]/\1'$'\xef\xbf\xbd''/g' -e '/^ *"run": "/d' \
        -e 's/, "run": "[0-9a-f]*"//; s/, "input_[pmi][^:]*": "([^"\\]|\\.)*"//g' "$@"
}
rm "$out/caf"$'\xe8'.jsonl.zst "$out/.grus/done/caf"$'\xe8'.json
cp "$out/.grus/run.json" "$work/later"
lose "$out/.grus/run.json" "$out"/.grus/done/*.json
check "a run of 0.1.0: the names are lost" test -z "$(grep -lE '[^\\]\\udc|"run"' "$out/.grus/run.json" "$out"/.grus/done/*)"
expect 0 "a run of 0.1.0 goes on" run "$model" "$work/in" -o "$out"
says "a run of 0.1.0 goes on" "9 done before"
check "a run of 0.1.0 goes on: run.json has the names" test "$(cat "$out/.grus/run.json")" = "$(anonymous "$work/later")"
results "a run of 0.1.0 goes on"
verified "a run of 0.1.0 goes on"
# In a run that has an identity U+FFFD is itself.
expect 0 "U+FFFD in a name" run "$model" "$work/in/caf"$'\xef\xbf\xbd'.jsonl -q -o "$work/itself"
expect 2 "and a byte in another" run "$model" "$work/in/caf"$'\xe9'.jsonl -q -o "$work/itself"

# ---- OUTDIR too, and what is written of it ----

expect 0 "an OUTDIR" run "$model" "$work/in" -q -o "$work/o"$'\xe9' --metrics "$work/metrics.prom"
expect 0 "an OUTDIR: verify" verify "$work/o"$'\xe9'
check "an OUTDIR: the metrics are UTF-8" "$python" -c 'import sys
assert "o\ufffd" in open(sys.argv[1], "rb").read().decode("utf-8")' "$work/metrics.prom"
expect 0 "inspect" inspect --json "$work/in/caf"$'\xe9'.jsonl
check "inspect" "$python" -c 'import json, sys
assert json.load(sys.stdin)["shard"].endswith("caf\udce9.jsonl")' <"$work/out"

finish
