#!/usr/bin/env bash
# tools/export_torch.py: checkpoints as trainers and wrappers leave them, and that it takes no configuration and no weights
# which grus refuses to load.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}"
need_python "torch" "PyTorch (Debian package: python3-torch)"
"$python" "$srcdir/tests/support/export_models.py" "$work/in"
cd "$work/in"
# Loading PyTorch takes seconds: one process, which is told what to export by lines of words.
coproc tool { exec "$python" -c '
import contextlib, io, shlex, sys
sys.path.insert(0, sys.argv[1])
import export_torch
for line in sys.stdin:
    sys.argv[1:] = shlex.split(line)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = export_torch.main()
    with open("said", "w") as file:
        file.write(out.getvalue())
    print(code, flush=True)
' "$srcdir/tools"; }

# export_model CODE STATE CONFIG OUT OPTION...: what the tool says is in the file said.
export_model() {
    local code wanted=$1
    shift
    checks=$((checks + 1))
    echo "$@" >&"${tool[1]}"
    read -r code <&"${tool[0]}"
    if [[ $code != "$wanted" ]]; then
        fail "export $*: exit $code, expected $wanted"
        sed 's/^/    /' said >&2
    fi
}

export_model 0 plain.pt config.json plain
expect 0 "what was exported loads" inspect plain --strict
for name in state_dict model model_state_dict; do
    export_model 0 "$name.pt" config.json "$name"
    check "weights under $name" cmp plain/model.safetensors "$name/model.safetensors"
done
export_model 1 both.pt config.json none
check "two that could be meant" grep -q 'it holds model, state_dict (--key)' said
export_model 0 both.pt config.json both --key model
check "weights by --key" cmp plain/model.safetensors both/model.safetensors

for wrapped in module:module orig:_orig_mod; do
    name=${wrapped%:*} prefix=${wrapped#*:}
    export_model 1 "$name.pt" config.json none
    check "$prefix: what is there, and what helps" grep -qF \
        "encoder.rnn.weight_ih_l0: missing, expected [9, 4]; there is $prefix.encoder.rnn.weight_ih_l0: --rename $prefix=" said
    export_model 0 "$name.pt" config.json "$name" --rename "$prefix="
    check "$prefix: without the prefix" cmp plain/model.safetensors "$name/model.safetensors"
done

# The norm of a row times its direction, to the last digits of a float32.
for name in norm parametrized; do
    export_model 0 "$name.pt" config.json "$name"
    check "$name: folded" "$python" - plain "$name" <<'END'
import struct, sys
def numbers(name):
    data = open(f"{name}/model.safetensors", "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    return data[:start], struct.unpack(f"<{(len(data) - start) // 4}f", data[start:])
(header, a), (other, b) = map(numbers, sys.argv[1:])
assert header == other and all(abs(x - y) <= 2e-7 * abs(x) for x, y in zip(a, b)), "other weights"
END
done

export_model 1 half-biased.pt config.json none
check "the bias that is missing" grep -q 'encoder.rnn.bias_hh_l0_reverse: missing, and others of its biases are there' said
check "no other fault" test "$(wc -l <said)" = 1
export_model 0 unbiased.pt config.json unbiased
expect 0 "without any bias" inspect unbiased --strict

# The integers by another arithmetic than the tool's, and that of a float32 model is quantised to the same when it is loaded.
printf '%s\n' '{"text": "a b c"}' '{"text": "e d c b a ?"}' '{"text": ""}' '{"text": "b"}' >in.jsonl
for name in plain awkward awkward-half attention front; do
    [[ -e $name.json ]] && config=$name.json || config=config.json
    export_model 0 "$name.pt" $config "$name-f32"
    export_model 0 "$name.pt" $config "$name-int8" --dtype int8
    check "$name: rounded as doc/model-format.md says" "$python" "$srcdir/tests/support/quantised.py" "$name-f32" "$name-int8"
    for dtype in f32 int8; do
        expect 0 "$name in $dtype" run "$name-$dtype" in.jsonl -q -o "$name-$dtype-out" --strict --compute-type int8
    done
    check "$name: other results by int8 than from int8" cmp <(plain "$name-f32-out/in.jsonl.zst") <(plain "$name-int8-out/in.jsonl.zst")
done
for name in plain front; do # what was rounded, read again, rounds to the same
    [[ -e $name.json ]] && config=$name.json || config=config.json
    export_model 0 "$name-int8/model.safetensors" "$config" "$name-again" --dtype int8
    check "$name: other integers from int8" cmp "$name-int8/model.safetensors" "$name-again/model.safetensors"
done
printf '{"text": "%s"}\n' neutron cylinder aeon >words.jsonl
expect 0 "pronunciations by weights of 8 bits" run "$MODELS/g2p-en-2" words.jsonl -q -o pronounced
check "the trainers read weights of 8 bits otherwise than grus" cmp <(plain pronounced/words.jsonl.zst | sed 's/.*"output": "\([^"]*\)".*/\1/') \
    <("$python" -c '
import sys
sys.path.insert(0, sys.argv[1])
import g2p_model
print("\n".join(g2p_model.pronounce(*g2p_model.load(sys.argv[2]), sys.argv[3:])))' "$srcdir/tools" "$MODELS/g2p-en-2" neutron cylinder aeon)
export_model 0 great.pt config.json great
export_model 1 great.pt config.json great --dtype int8
check "what int8 cannot hold" grep -q 'heads.kind.weight: holds values that are too large for int8' said

export_model 1 plain.pt front.json none
check "a convolution that is missing" grep -q 'front.0.weight: missing, expected \[4, 4, 3\]' said
expect 0 "a front" inspect front-f32 --strict
check "what layers it has" grep -q '^front  *conv1d to 4 channels, kernel 3, stride 1, padding 1, tanh' "$work/out"

export_model 0 lstm.pt lstm.json lstm
expect 0 "an LSTM" inspect lstm --strict
check "what kind it is" grep -q '^encoder  *LSTM, 1 layer of 3 units, both directions' "$work/out"
export_model 1 lstm.pt config.json none
check "an LSTM that is taken for a GRU" grep -q 'encoder.rnn.weight_ih_l0: expected \[9, 4\], is \[12, 4\]' said

export_model 0 learned.pt learned.json learned
expect 0 "learned initial states" inspect learned --strict
check "that they are learned" grep -q '^encoder .* learned initial states$' "$work/out"
export_model 1 plain.pt learned.json none
check "initial states that are missing" grep -q 'encoder.initial_state: missing, expected \[2, 3\]' said

# ---- a proposal from names and shapes ----

# guess NAME OPTION...: what it proposes, done: the model directory NAME-guessed.
guess() {
    local name=$1 config renames
    shift
    export_model 0 --guess "$name" "$@"
    config=${name%.*}.guessed
    sed -n '/^{$/,/^}$/p' said >"$config"
    renames=$(grep -oE -- '--(rename|transpose) [^ ]+' said | tr '\n' ' ')
    cp said "$name.report"
    # shellcheck disable=SC2086
    export_model 0 "$name" "$config" "${name%.*}-guessed" $renames
}

for name in kind tags fc_kind fc_tags out; do
    printf '%s\n' 0 1 >"$name.labels"
done
cp plain/model.safetensors plain.safetensors
for name in plain.safetensors module.pt other.pt norm.pt; do
    guess "$name"
done
for name in plain module; do
    check "$name: guessed" cmp plain/model.safetensors "$name-guessed/model.safetensors"
done
check "wrappers" grep -qxF 'module._orig_mod. -> nothing: what a wrapper puts before all names' other.pt.report
check "what was taken for what" grep -qxF 'module._orig_mod.gru -> encoder.rnn: GRU, reset after the product, as nn.GRU has it, 1 layer(s) of 3 units, both directions' other.pt.report
check "what no file tells" grep -qF 'the file does not tell: labels of head fc_kind: 2 lines in fc_kind.labels' other.pt.report
check "other names, the same weights" "$python" - plain other-guessed <<'END'
import json, sys
def tensors(name):
    data = open(f"{name}/model.safetensors", "rb").read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    return {n.replace("fc_", ""): data[8 + size + h["data_offsets"][0]:8 + size + h["data_offsets"][1]] for n, h in header.items() if n[0] != "_"}
a, b = map(tensors, sys.argv[1:])
assert a == b, "other weights"
END
guess caller.pt
check "layers by themselves, convolutions and a hidden layer" "$python" - caller.guessed <<'END'
import json, sys
config = json.load(open(sys.argv[1]))
assert config["encoder"] == {"hidden_size": 3, "num_layers": 2, "cell": "lstm"}, config["encoder"]
assert [(f["channels"], f["kernel"]) for f in config["front"]] == [(4, 5), (6, 3)] and config["source"]["feature_dim"] == 2
assert config["heads"] == {"out": {"on": "token", "labels": "out.labels", "hidden": [{"size": 8, "activation": "relu"}]}}
END
check "what convolutions do not tell" grep -qxF 'the file does not tell: front 0: stride 1, padding 2, no activation are put there' caller.pt.report
guess lin.pt
check "a linear layer before" grep -qxF 'first.weight -> front.0: a linear layer [4, 7]' lin.pt.report
check "what enters it" grep -q '"feature_dim": 7' lin.guessed
guess turned.pt
check "a head that is transposed" grep -qxF 'fc_tags.weight -> transposed: expected [labels, 6], is [6, 2]' turned.pt.report
check "an embedding that is transposed" grep -qxF 'words.lut.weight -> transposed: expected [tokens, 4], is [4, 6]' turned.pt.report
check "what has no place" grep -qxF 'no place: fc_kind.weight [2, 5]' turned.pt.report

export_model 1 --guess own.pt
check "a cell that names do not tell" grep -qF 'expected --reset before or after: x2h.weight and h2h.weight may be' said
guess own.pt --reset before
check "the cell that was said" grep -q '"reset": "before"' own.guessed
check "an order of gates that is taken" grep -qF 'the gates of x2h.weight and h2h.weight are taken in PyTorch' own.pt.report
export_model 1 --guess projected.pt
check "a projection" grep -qF 'weight_hr_l0: expected an LSTM without proj_size, found its projection [3, 5]' said
export_model 1 --guess rnn.pt
check "a plain RNN" grep -qF 'weight_hh_l0: expected 3 or 4 gates, found one' said
export_model 1 --guess two.pt
check "two stacks" grep -qF 'expected one stack of recurrent layers, found encoder (gru, 3 units, reads 4), decoder (gru, 3 units, reads 5)' said
export_model 1 turned.pt config.json none --rename words.lut=encoder.embedding --rename gru=encoder.rnn --rename fc_kind=heads.kind --rename fc_tags=heads.tags
check "a matrix that is transposed, without a guess" \
    grep -qF 'heads.tags.weight: expected [2, 6], is [6, 2]: transposed (--transpose heads.tags.weight)' said
export_model 1 other.pt config.json none --rename module._orig_mod.fc_kind=heads.kind
check "what the checkpoint has of that shape" \
    grep -qF 'heads.tags.weight: missing, expected [2, 6]; of this shape there is module._orig_mod.fc_tags.weight' said

# The unknown token by another name, and a module whose class is elsewhere.
mkdir spelt
cp kinds spelt
sed "s/<unk>/[UNK]/" words >spelt/words
check "a vocabulary with <unk>" grep -qxF "[UNK]" spelt/words
export_model 0 plain.pt config.json out-spelt --files spelt
check "another name" grep -qF "words has no <unk>, which is how grus knows the unknown token; is it '[UNK]'?" said
export_model 0 plain.pt config.json out-plain
check "that name alone" test "$(grep -c unk said)" = 0
"$python" - <<'END'
import sys, types, torch
module = types.ModuleType("elsewhere")
module.Tagger = type("Tagger", (torch.nn.Linear,), {"__module__": "elsewhere"})
sys.modules["elsewhere"] = module
torch.save(module.Tagger(2, 3), "whole.pt")
END
export_model 1 whole.pt config.json none
check "a class that is not found" grep -qF "whole.pt: a whole module was saved, and its class is not found (No module named 'elsewhere')" said

# A key is refused by both or by none.
refused=0
for config in [0-9]*.json; do
    cp -r plain edited
    cp "$config" edited/config.json
    code=0
    "$GRUS" inspect edited >/dev/null 2>"$work/err" || code=$?
    rm -rf edited
    [[ $code = 0 ]] || refused=$((refused + 1))
    # A renamed prefix is the file's matter, which lacks it here.
    [[ $config != *tensors* ]] || code=0
    export_model "$((code != 0))" plain.pt "$config" "out-$config"
done
check "most are mistakes, not $refused" test "$refused" = 56
finish
