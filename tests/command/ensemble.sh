#!/usr/bin/env bash
# --ensemble: several models decode as one, by the mean of their log-probabilities. The means are taken of what each says alone;
# a model with itself says what it says alone, to the last byte.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python json "Python"
words 80 5 | to_jsonl >"$work/words.jsonl"

# other CASE SEED: a model of the same form and vocabularies whose weights are moved about.
other() {
    local model=$work/$1-$2
    cp -r "$golden/$1/model" "$model"
    chmod -R u+w "$model"
    "$python" - "$model/model.safetensors" "$2" <<'EOF'
import json, random, struct, sys
data, draw = bytearray(open(sys.argv[1], "rb").read()), random.Random(int(sys.argv[2]))
start = 8 + struct.unpack("<Q", data[:8])[0]
for name, tensor in json.loads(data[8:start]).items():
    if name == "__metadata__" or tensor["dtype"] != "F32":
        continue
    first, end = (start + at for at in tensor["data_offsets"])
    values = struct.unpack("<%df" % ((end - first) // 4), data[first:end])
    data[first:end] = struct.pack("<%df" % len(values), *(x * (1 + draw.uniform(-0.4, 0.4)) for x in values))
open(sys.argv[1], "wb").write(data)
EOF
}
# look FOUND SCORED ONE TWO THREE: of the same targets, what all three say together (twice) and what each says alone.
cat >"$work/look.py" <<'EOF'
import json, sys
found, scored, *alone = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
apart = n = ended = 0
for i, record in enumerate(scored):
    each = [rows[i]["token_logprobs"] for rows in alone]
    for j, value in enumerate(record["token_logprobs"]):
        assert abs(value - sum(row[j] for row in each) / 3) < 2e-6, (i, j)
        apart += min(abs(each[0][j] - each[1][j]), abs(each[1][j] - each[2][j])) > 0.01
        n += 1
    for j, row in enumerate(record.get("attention", [])):
        for k, weight in enumerate(row):
            assert abs(weight - sum(rows[i]["attention"][j][k] for rows in alone) / 3) < 2e-6, (i, j, k)
    if found[i].get("truncated"):
        assert abs(found[i]["logprob"] - sum(record["token_logprobs"][:-1])) < 2e-5, i
    else:
        assert found[i]["logprob"] == record["logprob"], i
        ended += 1
assert len(found) == len(scored) == 80 and n > 80 and apart > n / 2, (n, apart, ended)
EOF

for case in bahdanau luong-input-feeding lstm-beam no-attention conditional; do
    model=$golden/$case/model
    # ---- with itself ----
    for search in "-b 1" "-b 5 --n-best 3 --length-norm avg" "-b 4 --n-best 2 --repetition-penalty 1.3 --no-repeat-ngram-size 2" "-b 3 --compute-type int8" "--sampling-topk 4 --sampling-temperature 1.3 --n-best 2 --seed 3"; do
        read -ra options <<<"$search"
        [[ $case == no-attention ]] || options+=(--attention soft)
        rm -rf "$work"/{alone,twice,thrice}
        expect 0 "$case alone, $search" run "$model" "$work/words.jsonl" -q -o "$work/alone" "${options[@]}"
        expect 0 "$case twice, $search" run "$model" "$work/words.jsonl" -q -o "$work/twice" "${options[@]}" --ensemble "$model"
        expect 0 "$case thrice, $search" run "$model" "$work/words.jsonl" -q -o "$work/thrice" "${options[@]}" --ensemble "$model" --ensemble "$model" -t 3 --batch-tokens 30
        check "$case with itself, $search" cmp "$work/alone/words.jsonl.zst" "$work/twice/words.jsonl.zst"
        check "$case with itself twice, $search" cmp "$work/alone/words.jsonl.zst" "$work/thrice/words.jsonl.zst"
    done

    # ---- with others ----
    other "$case" 1
    other "$case" 2
    rm -rf "$work"/{found,scored,one,two,three}
    scoring=(-q --task score --token-scores -b 4)
    [[ $case == no-attention ]] || scoring+=(--attention soft)
    others=(--ensemble "$work/$case-1" --ensemble "$work/$case-2")
    expect 0 "$case, three" run "$model" "$work/words.jsonl" -q -o "$work/found" "${others[@]}" -b 4 --length-norm none --mark-truncated
    plain "$work/found/words.jsonl.zst" >"$work/found.jsonl"
    sed -E 's/"output": ("[^"]*").*/"target": \1}/' "$work/found.jsonl" >"$work/targets.jsonl"
    expect 0 "$case, scored" run "$model" "$work/targets.jsonl" -o "$work/scored" "${others[@]}" "${scoring[@]}"
    expect 0 "$case, the first" run "$model" "$work/targets.jsonl" -o "$work/one" "${scoring[@]}"
    expect 0 "$case, the second" run "$work/$case-1" "$work/targets.jsonl" -o "$work/two" "${scoring[@]}"
    expect 0 "$case, the third" run "$work/$case-2" "$work/targets.jsonl" -o "$work/three" "${scoring[@]}"
    for run in scored one two three; do
        plain "$work/$run/targets.jsonl.zst" >"$work/$run.jsonl"
    done
    check "$case: means" "$python" "$work/look.py" "$work"/{found,scored,one,two,three}.jsonl
done

# ---- what a run is of ----
first=$golden/bahdanau/model
others=(--ensemble "$work/bahdanau-1" --ensemble "$work/bahdanau-2")
rm -rf "$work/named"
expect 0 "named" run "$first" "$work/words.jsonl" -q -o "$work/named" "${others[@]}"
check "run.json has all" grep -qE '"ensemble": \["[0-9a-f]{16}", "[0-9a-f]{16}"\]' "$work/named/.grus/run.json"
expect 0 "the same again" run "$first" "$work/words.jsonl" -q -o "$work/named" "${others[@]}"
expect 2 "one fewer" run "$first" "$work/words.jsonl" -q -o "$work/named" --ensemble "$work/bahdanau-1"
says "one fewer" "ensemble"

# ---- what does not go together ----
refused() {
    local what=$1 why=$2
    shift 2
    expect 2 "$what" run "$@" "$work/words.jsonl" -q -o "$work/refused"
    says "$what" "$why"
}
refused "other vocabularies" "first model" "$first" --ensemble "$golden/luong-input-feeding/model"
cp -r "$golden/lstm-beam/model" "$work/attends"
chmod -R u+w "$work/attends"
cp "$golden"/no-attention/model/*.vocab "$work/attends"
expect 0 "forms that differ" run "$work/attends" "$work/words.jsonl" -q -o "$work/forms" --ensemble "$golden/no-attention/model"
refused "no attention" "has no attention" "$work/attends" --ensemble "$golden/no-attention/model" --attention hard
refused "an encoder" "has no decoder" "$first" --ensemble "$golden/last/model"
refused "heads" "--attention-heads" "$golden/multihead/model" --ensemble "$golden/multihead/model" --attention soft --attention-heads
refused "a task of the encoder" "--ensemble: goes with --task translate and score" "$golden/last/model" --ensemble "$golden/last/model"
finish
