#!/usr/bin/env bash
# What heads say: numbers for labels with --head-output, held against one another by plain arithmetic; the heads that a task
# selects; lines of text, and what these have no room for; the same bytes for any batch and number of threads; numbers that are
# not finite; and what run.json says. The numbers themselves are the golden cases' (golden.sh).
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"

# outputs NAME CASE OPTION...: the records of a run over the case's input, in $work/NAME.
outputs() {
    local name=$1 case=$golden/$2
    shift 2
    rm -rf "$work/out.d"
    expect 0 "$name" run "$case/model" "$case/input.jsonl" -q -o "$work/out.d" "$@"
    plain "$work/out.d/input".*.zst >"$work/$name"
}

# ---- numbers beside labels ----

for case in head-hidden head-sigmoid head-inputs; do
    for output in labels probs logits; do
        outputs "$case.$output" "$case" --head-output "$output"
    done
    outputs "$case.default" "$case"
    check "$case: labels are the default" cmp "$work/$case.default" "$work/$case.labels"
    check "$case: labels, probabilities and logits are not of one head" "$python" - "$golden/$case/model" "$work/$case" <<'END'
import json, math, sys
model, name = sys.argv[1:]
heads = json.load(open(model + "/config.json"))["heads"]
def near(a, b): assert len(a) == len(b) and all(abs(x - y) <= 2e-6 for x, y in zip(a, b)), (a, b)
def softmax(x): return [math.exp(v - max(x)) / sum(math.exp(w - max(x)) for w in x) for v in x]
def sigmoid(x): return [1 / (1 + math.exp(-v)) for v in x]
for labels, probs, logits in zip(*([json.loads(l) for l in open(f"{name}.{o}")] for o in ("labels", "probs", "logits"))):
    for head, spec in heads.items():
        names = open(f"{model}/{spec['labels']}").read().split("\n")[:-1]
        many, on_token = spec.get("activation") == "sigmoid", spec["on"] == "token"
        rows = [(p, l) for p, l in zip(probs[head], logits[head])] if on_token else [(probs[head], logits[head])]
        said = labels[head] if on_token else [labels[head]["labels" if many else "label"]]
        assert len(said) == len(rows)
        for word, (p, l) in zip(said, rows):
            near(p, (sigmoid if many else softmax)(l))
            chosen = [n for n, v in zip(names, p) if v >= spec.get("threshold", 0.5)]
            assert word == (chosen if many else names[p.index(max(p))]), (word, p)
        if not on_token:
            assert labels[head].get("probs", probs[head]) == probs[head]
            assert many or labels[head]["prob"] == max(probs[head])
END
done

# ---- the heads that a task selects ----

outputs classified head-numbers --task classify
outputs tagged head-numbers --task tag --head-output logits
outputs both head-numbers
check "classify is on sequences" grep -q '"intent": \[' "$work/classified"
check "classify leaves tokens out" test "$(grep -c '"slots"' "$work/classified")" = 0
check "tag leaves sequences out" test "$(grep -c '"intent"' "$work/tagged")" = 0
check "one task's numbers are the other's" cmp <(sed 's/"intent": \[[^]]*\], //' "$work/both") "$work/tagged"
check "the other's too" cmp <(sed 's/, "slots": .*/}/' "$work/both") "$work/classified"

# ---- lines of text ----

outputs lines head-sigmoid --task classify --format txt
check "labels with spaces between them" cmp "$work/lines" \
    <(sed 's/.*"labels": \[\([^]]*\)\].*/\1/; s/", "/ /g; s/"//g' "$work/head-sigmoid.labels")
outputs numbers head-numbers --task classify --format txt
check "numbers with spaces between them" cmp "$work/numbers" <(sed 's/.*"intent": \[\([^]]*\)\].*/\1/; s/,//g' "$work/classified")
refused() { # WHAT CASE OPTION...
    local what=$1 case=$golden/$2
    shift 2
    expect 2 "$what" run "$case/model" "$case/input.jsonl" -q -o "$work/refused" "$@"
    says "$*" "$what"
}
refused "txt has room for one head" head-sigmoid --format txt
refused "txt has no room for lists of each position" head-sigmoid --task tag --format txt
refused "txt has no room for lists of each position" head-hidden --task tag --format txt --head-output probs
refused "--head-output: goes with a task that selects heads" head-hidden --task embed --head-output probs
refused "--head-output: goes with a task that selects heads" bahdanau --head-output logits
refused "one of labels, probs, logits" head-hidden --head-output scores

# ---- a matrix of the numbers of a head on sequences ----

rm -rf "$work/matrix"
expect 0 "npy" run "$golden/head-numbers/model" "$golden/head-numbers/input.jsonl" -q -o "$work/matrix" --task classify --format npy
check "other rows than numbers" "$python" - "$work/matrix/input.npy" "$work/classified" <<'END'
import json, struct, sys
data, rows = open(sys.argv[1], "rb").read(), [json.loads(line)["intent"] for line in open(sys.argv[2])]
assert b"'shape': (%d, 5)" % len(rows) in data[:128], data[:128]
assert data[128:] == b"".join(struct.pack("<5f", *row) for row in rows)
END
refused "npy takes the vectors of --task embed, or the numbers of one head on sequences (--head-output)" head-hidden --task classify --format npy
refused "npy takes the vectors" head-hidden --task tag --head-output probs --format npy
refused "npy takes the vectors" head-hidden --head-output probs --format npy

# ---- any batch, any number of threads ----

for options in "--batch-tokens 1 -t 1" "--batch-tokens 30 -t 3" "-t 2"; do
    for output in labels logits; do
        # shellcheck disable=SC2086 # several words
        outputs again head-inputs --head-output $output $options
        check "$output with $options: other bytes" cmp "$work/again" "$work/head-inputs.$output"
    done
done

# ---- numbers that are not finite ----

mkdir "$work/large"
cp "$golden"/head-numbers/model/* "$work/large"
"$python" - "$work/large/model.safetensors" heads.intent.weight <<'END'
import json, struct, sys
path, name = sys.argv[1:]
data = bytearray(open(path, "rb").read())
size, = struct.unpack("<Q", data[:8])
begin, end = json.loads(data[8:8 + size])[name]["data_offsets"]
data[8 + size + begin:8 + size + end] = struct.pack("<f", 3e38) * ((end - begin) // 4)
open(path, "wb").write(data)
END
expect 0 "large weights" run "$work/large" "$golden/head-numbers/input.jsonl" -q -o "$work/large.d" --task classify
plain "$work/large.d/input.jsonl.zst" >"$work/large.jsonl"
check "a number that is not finite is no result" grep -q "the model's result is not finite" "$work/large.jsonl"
check "and nowhere printed" test "$(grep -ciE 'intent": \[[^]]*(inf|nan|null)' "$work/large.jsonl")" = 0
expect 0 "the other head of it" run "$work/large" "$golden/head-numbers/input.jsonl" -q -o "$work/tag.d" --task tag
check "has its results" cmp <(plain "$work/tag.d/input.jsonl.zst") "$work/tagged"

# ---- beside a picture of attention stand the labels of softmax alone ----

cp -r "$golden/pool-additive-learned/model" "$work/picture"
sed -i 's/"on": "token",/"on": "token", "activation": "sigmoid",/' "$work/picture/config.json"
check "a head is changed" grep -q sigmoid "$work/picture/config.json"
expect 0 "attend" attend "$work/picture" "10 1" --style ascii
check "the head with softmax" grep -q 'intent' "$work/out"
check "and no other" test "$(grep -c 'slots' "$work/out")" = 0
expect 0 "the same without a change" attend "$golden/pool-additive-learned/model" "10 1" --style ascii
check "has both" grep -q 'slots' "$work/out"

# ---- what the run and the model say of themselves ----

outputs told head-probs --head-output probs
check "run.json tells it" grep -q '"head_output": "probs"' "$work/out.d/.grus/run.json"
expect 2 "another run there" run "$golden/head-probs/model" "$golden/head-probs/input.jsonl" -q -o "$work/out.d"
outputs untold head-probs
check "but not labels, so that runs that were begun before go on" test "$(grep -c head_output "$work/out.d/.grus/run.json")" = 0
expect 0 "inspect" inspect "$golden/head-inputs/model"
check "the inputs" grep -qE 'on tokens of layer2 \+ source \+ state \+ layer0 \+ pooled \+ layer1, hidden 11 silu$' "$work/out"
expect 0 "inspect" inspect "$golden/head-sigmoid/model"
check "the threshold" grep -qE 'on sequences, sigmoid, threshold 0.3$' "$work/out"
expect 0 "inspect" inspect --json "$golden/head-hidden/model"
check "hidden layers" grep -qF '"hidden": [{"size": 9, "activation": "relu"}, {"size": 6, "activation": "tanh"}' "$work/out"

finish
