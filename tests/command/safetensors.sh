#!/usr/bin/env bash
# --format safetensors: numbers as a feature shard, which a run reads as it reads others; its bytes depend on nothing else.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"
model=$golden/features-encoder/model # reads rows of 3, gives rows of 14

mkdir "$work/in"
features() { # N SEED: records of features, of lengths 0 to 12
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            line = ""
            for (t = int(rand() * 13); t > 0; t--)
                line = line (line == "" ? "" : ", ") sprintf("[%.4g, %.4g, %.4g]", 2 * rand() - 1, 2 * rand() - 1, 4 * rand() - 2)
            printf "{\"id\": %d, \"features\": [%s]}\n", i, line
        }
    }'
}
{
    features 4000 1
    echo '{"id": 1, "features": [[1, 2]]}'
    echo '{"id": 2, "features": []}'
    echo 'no JSON'
    features 4000 2
    echo '{"id": 4}'
} >"$work/in/a.jsonl"
features 1 4 >"$work/in/b.jsonl"
: >"$work/in/c.jsonl"
printf 'no JSON\n\n' >"$work/in/d.jsonl"

# ---- what it holds: the numbers of the JSON output, read by nothing of ours ----

# same_numbers FIELD JSONL SHARD: a row for each row of the field, none of a record in error; the header as it must be.
same_numbers() {
    "$python" - "$@" <<'END'
import json, struct, sys

field, lines, path = sys.argv[1:]
data = open(path, "rb").read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + length])
body = data[8 + length:]
assert length % 8 == 0 and set(header) == {"features", "offsets"}, header
features, offsets = header["features"], header["offsets"]
assert features["dtype"] == "F32" and offsets["dtype"] == "I64"
ends = sorted(tensor["data_offsets"] for tensor in header.values())
assert ends[0][0] == 0 and ends[0][1] == ends[1][0] and ends[1][1] == len(body), (ends, len(body))
n, size = features["shape"]
begin, end = offsets["data_offsets"]
assert end - begin == 8 * offsets["shape"][0] and begin % 8 == 0
places = struct.unpack("<%dq" % offsets["shape"][0], body[begin:end])
begin, end = features["data_offsets"]
assert end - begin == 4 * n * size and begin % 4 == 0
values = struct.unpack("<%df" % (n * size), body[begin:end])
records = [json.loads(line) for line in open(lines, encoding="utf-8")]
assert len(places) == len(records) + 1 and places[0] == 0 and places[-1] == n, (len(places), len(records), n)

def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]

for record, first, last in zip(records, places, places[1:]):
    rows = record.get(field, [])
    if rows and not isinstance(rows[0], list):
        rows = [rows]
    assert ("error" in record) <= (first == last), record
    assert [[single(x) for x in row] for row in rows] == [list(values[i * size:(i + 1) * size]) for i in range(first, last)], record
assert size == 14 or field not in ("states", "embedding"), size
END
}

for task in states embed; do
    field=$task
    [[ $task = states ]] || field=embedding
    expect 0 "$task as jsonl" run "$model" "$work/in" -q -o "$work/$task.jsonl" --task $task
    expect 0 "$task" run "$model" "$work/in" -q -t 1 -o "$work/$task" --task $task --format safetensors
    check "$task: no partial file is left" test -z "$(ls "$work/$task/.grus/partial")"
    check "$task: records in error are counted" grep -q '"records_failed": 3\b' "$work/$task/.grus/done/a.json"
    for stem in a b c d; do
        plain "$work/$task.jsonl/$stem.jsonl.zst" >"$work/lines"
        plain "$work/$task/$stem.safetensors.zst" >"$work/shard"
        check "$task: $stem has other numbers than jsonl" same_numbers $field "$work/lines" "$work/shard"
        check "$task: $stem is one frame with a checksum" grep -qE '^ +1 +0 .*XXH64' <(zstd -l "$work/$task/$stem.safetensors.zst")
        check "$task: the size of $stem in its manifest" \
            grep -q "\"output_bytes\": $(wc -c <"$work/$task/$stem.safetensors.zst")\\b" "$work/$task/.grus/done/$stem.json"
    done
    expect 0 "$task: verify" verify "$work/$task" --inputs "$work/in"
    expect 0 "$task: status" status "$work/$task"
    expect 0 "$task: again" run "$model" "$work/in" -o "$work/$task" --task $task --format safetensors
    says "$task: again" "nothing to do"
done
expect 0 "inspect" inspect "$work/embed/a.safetensors.zst"
check "inspect: records" grep -qE '^records +8004, [1-9][0-9]* of them empty$' "$work/out"
check "inspect: the longest" grep -qE '^longest +1 rows of 14 values$' "$work/out"

# The numbers of one head: a row for a record of a sequence head, for each position of a token head.
words 900 5 | to_jsonl >"$work/words.jsonl"
echo '{"id": 1, "text": ""}' >>"$work/words.jsonl"
for case in "features-encoder intent classify probs $work/in/a.jsonl" "two-tasks slots tag logits $work/words.jsonl"; do
    read -r name head task kind input <<<"$case"
    options=(-q --task "$task" --head-output "$kind")
    expect 0 "$head as jsonl" run "$golden/$name/model" "$input" -o "$work/$head.jsonl" "${options[@]}"
    expect 0 "$head" run "$golden/$name/model" "$input" -o "$work/$head" "${options[@]}" --format safetensors
    stem=$(basename "$input" .jsonl)
    plain "$work/$head.jsonl/$stem.jsonl.zst" >"$work/lines"
    plain "$work/$head/$stem.safetensors.zst" >"$work/shard"
    check "$head: other numbers than jsonl" same_numbers "$head" "$work/lines" "$work/shard"
    expect 2 "$head: labels" run "$golden/$name/model" "$input" -q -o "$work/o" --task "$task" --format safetensors
done
expect 2 "two heads" run "$golden/two-tasks/model" "$work/words.jsonl" -q -o "$work/o" --head-output probs --format safetensors
says "two heads" "or of one head (--head-output)"

rm "$work/states/.grus/done/a.json"
expect 0 "without its manifest" run "$model" "$work/in" -q -o "$work/states" --task states --format safetensors
check "what is there is adopted" test -e "$work/states/.grus/done/a.json"

for options in "-t 2" "-t 3 --batch-tokens 50" "-t 3 --batch-tokens 450 --checkpoint-records 7" "-t 8 --max-memory 500M"; do
    rm -rf "$work/other"
    # shellcheck disable=SC2086
    expect 0 "$options" run "$model" "$work/in" -q -o "$work/other" --task states --format safetensors $options
    for stem in a b c d; do
        check "$options: $stem has other bytes" cmp "$work/states/$stem.safetensors.zst" "$work/other/$stem.safetensors.zst"
    done
done

# ---- a shard of features for another model ----

"$python" - "$golden/features-encoder/model" "$work/second" <<'END'
import json, os, struct, sys

source, to = sys.argv[1:]
os.makedirs(to)
config = json.load(open(os.path.join(source, "config.json"), encoding="utf-8"))
hidden, size = 5, 14
json.dump({"model_type": "encoder", "source": {"input": "features", "feature_dim": size},
           "encoder": {"hidden_size": hidden}, "pooling": {"type": "mean"}}, open(os.path.join(to, "config.json"), "w"))
at, header, data = 0, {}, b""
for name, shape in (("weight_ih_l0", [3 * hidden, size]), ("weight_hh_l0", [3 * hidden, hidden])):
    n = shape[0] * shape[1]
    data += struct.pack("<%df" % n, *[((i * 37) % 101 - 50) / 100 for i in range(n)])
    header["encoder.rnn." + name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * n]}
    at += 4 * n
text = json.dumps(header).encode()
with open(os.path.join(to, "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
END
mkdir "$work/middle"
for stem in a b c d; do
    # The records that the shard has none of the rows of are empty.
    plain "$work/states.jsonl/$stem.jsonl.zst" |
        "$python" -c 'import json, sys
for line in sys.stdin:
    print(json.dumps({"features": json.loads(line).get("states", [])}))' >"$work/middle/$stem.jsonl"
done
expect 0 "from jsonl" run "$work/second" "$work/middle" -q -o "$work/long_way"
expect 0 "from the first run's output" run "$work/second" "$work/states" -q -o "$work/chained"
for stem in a b c d; do
    check "$stem: other results than by way of jsonl" cmp \
        <(plain "$work/long_way/$stem.jsonl.zst" | sed 's/.*"embedding"/"embedding"/') \
        <(plain "$work/chained/$stem.jsonl.zst" | sed 's/.*"embedding"/"embedding"/')
done

# ---- what does not go with it ----

expect 2 "another task" run "$golden/two-tasks/model" "$work/in" -q -o "$work/o" --format safetensors
says "another task" "--format: safetensors takes the numbers of --task embed or states"
expect 2 "a decoder" run "$golden/bahdanau/model" "$work/in" -q -o "$work/o" --format safetensors
expect 2 "attention" run "$golden/pool-dot-learned/model" "$work/in" -q -o "$work/o" --task embed --format safetensors --attention soft
says "attention" "--format: safetensors has no room for attention"
expect 2 "standard output" run "$model" - -q -o - --task states --format safetensors
says "standard output" "--format: safetensors needs an output directory"
expect 2 "a name" run "$model" "$work/in" -q -o "$work/o" --task states --format safetensors --output-key x
check "what is refused writes nothing" test ! -e "$work/o"
"$GRUS" run "$model" - -q -o "$work/stdin" --task states --format safetensors <"$work/in/a.jsonl" || fail "standard input: exit $?"
check "standard input to a directory" cmp "$work/states/a.safetensors.zst" "$work/stdin/stdin.safetensors.zst"

# ---- a full disk, kills, damage ----

code=0
(ulimit -f 400 && "$GRUS" run "$model" "$work/in/a.jsonl" -q -o "$work/limited" --task states --format safetensors) \
    2>"$work/err" || code=$?
check "a file over its limit is an output error (exit $code)" test "$code" = 5
check "a file over its limit: nothing is there" test ! -e "$work/limited/a.safetensors.zst"
check "a file over its limit: no partial file is left" test -z "$(ls "$work/limited/.grus/partial")"

# Killed while it is computed and, the later the kill comes, while the shard is put together from what was kept.
mkdir "$work/big"
for _ in 1 2 3; do cat "$work/in/a.jsonl"; done >"$work/big/a.jsonl"
options=(-q --task states --format safetensors)
begun=$(date +%s%N)
expect 0 "undisturbed" run "$model" "$work/big" -o "$work/whole" "${options[@]}" --checkpoint-records 500
lasts=$((($(date +%s%N) - begun) / 1000000))
out=$work/killed
resumed=0
for share in 30 60 80 90 95 98; do
    "$GRUS" run "$model" "$work/big" -o "$out" "${options[@]}" --checkpoint-records 500 2>"$work/err" &
    child=$!
    sleep "$(awk -v ms=$((lasts * share / 100)) 'BEGIN {print ms / 1000}')"
    kill -KILL $child 2>/dev/null || true
    { wait $child || true; } 2>/dev/null
    expect 0 "killed at $share % and gone on with" run "$model" "$work/big" -o "$out" "${options[@]}" -t 3
    ! grep -qs '"records_resumed": [1-9]' "$out/report.json" || resumed=$((resumed + 1))
    check "killed at $share %: other bytes" cmp "$work/whole/a.safetensors.zst" "$out/a.safetensors.zst"
    check "killed at $share %: something is left" test -z "$(ls "$out/.grus/partial")"
    rm -rf "$out"
done
check "no run went on from a checkpoint" test "$resumed" -gt 0

out=$work/damaged
cp -r "$work/embed" "$out"
printf '\125' | dd of="$out/a.safetensors.zst" bs=1 seek=3000 conv=notrunc status=none
expect 1 "a byte differs: verify" verify "$out"
# Another shard of records, sound by itself.
cp "$work/embed/b.safetensors.zst" "$out/a.safetensors.zst"
expect 1 "another shard: verify" verify "$out"
check "another shard: verify counts its records" grep -q "a.safetensors.zst:records_out: the number of records is 1, the manifest says 8004" "$work/out" "$work/err"
finish
