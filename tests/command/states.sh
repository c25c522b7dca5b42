#!/usr/bin/env bash
# --task states: the encoder's outputs at every position. What they are is compared with PyTorch in golden.sh; here it is how
# many there are, that they are those behind other results, and that their bytes depend on nothing else.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"

mkdir "$work/in"
{
    words 3000 1 | to_jsonl
    echo '{"id": 1, "text": ""}'
    echo '{"id": 2, "text"'
    echo '{"id": 3, "text": "a", "states": 0}'
    printf '{"id": 4, "text": "%s"}\n' "$(printf 'long %.0s' {1..400})"
    printf '{"id": 5, "text": "%s"}\n' "$(printf 'a%.0s' {1..17000})"
} >"$work/in/a.jsonl"
echo 'one line' >"$work/in/b.txt"
: >"$work/in/c.tsv"

# ---- of an encoder: the last one is what pooling "last" takes, the mean of all what "mean" does ----

for case in last mean; do
    model=$golden/$case/model
    expect 0 "$case: embed" run "$model" "$work/in" -q -o "$work/$case.embed" --task embed
    expect 0 "$case: states" run "$model" "$work/in" -q -o "$work/$case" --task states
    for stem in a b c; do
        plain "$work/$case.embed/$stem.jsonl.zst" >"$work/x"
        plain "$work/$case/$stem.jsonl.zst" >"$work/y"
        check "$case: the states of $stem are not those that were pooled" "$python" - "$case" "$work/x" "$work/y" <<'END'
import json, math, sys

case, vectors, states = sys.argv[1:]
pairs = [[json.loads(line) for line in open(path, encoding="utf-8")] for path in (vectors, states)]
assert len(pairs[0]) == len(pairs[1])
for vector, record in zip(*pairs):
    if "error" in vector or "error" in record:
        # A field "states" is in the way of one of the two.
        assert vector.get("error") == record.get("error") or record["error"].startswith('field "states" is there already'), record
        continue
    rows = record["states"]
    if len(vector["text"] if "text" in vector else "one line") != len(rows):
        raise SystemExit(record)
    size = len(vector["embedding"])
    assert all(len(row) == size for row in rows)
    if not rows:
        assert not any(vector["embedding"])
    elif case == "last":
        assert rows[-1] == vector["embedding"], record
    else:
        for k in range(size):
            mean = math.fsum(row[k] for row in rows) / len(rows)
            assert abs(mean - vector["embedding"][k]) < 1e-6, record
END
    done
done
sed -n 's/^ *"\(tokens_out\|tokens_in\)": \([0-9]*\),$/\1 \2/p' "$work/last/report.json" >"$work/counts"
check "tokens in the report" grep -qx "tokens_out 0" "$work/counts"

# ---- of a model with a decoder: the same encoder alone gives the same ----

cp -r "$golden/bahdanau/model" "$work/alone"
chmod -R u+w "$work/alone"
"$python" - "$work/alone" <<'END'
import json, os, sys

path = os.path.join(sys.argv[1], "config.json")
config = json.load(open(path, encoding="utf-8"))
kept = {key: config[key] for key in ("source", "encoder")}
json.dump({"model_type": "encoder", **kept, "pooling": {"type": "last"}}, open(path, "w", encoding="utf-8"))
END
expect 0 "the encoder alone" run "$work/alone" "$work/in" -q -o "$work/encoder" --task states
expect 0 "with a decoder" run "$golden/bahdanau/model" "$work/in" -q -t 1 -o "$work/decoder" --task states
for stem in a b c; do
    check "the decoder changes the states of $stem" cmp "$work/encoder/$stem.jsonl.zst" "$work/decoder/$stem.jsonl.zst"
done
check "the decoder ran" grep -q '"tokens_out": 0,' "$work/decoder/report.json"
for options in "-t 2" "-t 3 --batch-tokens 50" "-t 3 --batch-tokens 450" "-t 8 --max-memory 500M" "-t 2 --checkpoint-records 100"; do
    rm -rf "$work/other"
    # shellcheck disable=SC2086
    expect 0 "$options" run "$golden/bahdanau/model" "$work/in" -q -o "$work/other" --task states $options
    for stem in a b c; do
        check "$options: $stem has other bytes" cmp "$work/decoder/$stem.jsonl.zst" "$work/other/$stem.jsonl.zst"
    done
done
expect 2 "another task in the same directory" run "$golden/bahdanau/model" "$work/in" -q -o "$work/decoder"

# ---- names, and what does not go with it ----

model=$golden/last/model
for option in "--output-key states2" "--field-prefix p"; do
    name=states2
    [[ $option = --output* ]] || name=pstates
    rm -rf "$work/other"
    # shellcheck disable=SC2086
    expect 0 "$option" run "$model" "$work/in/b.txt" -q -o "$work/other" --task states $option
    check "$option" cmp <(plain "$work/last/b.jsonl.zst" | sed "s/\"states\"/\"$name\"/") <(plain "$work/other/b.jsonl.zst")
done
expect 2 "txt" run "$model" "$work/in" -q -o "$work/o" --task states --format txt
says "txt" "--format: txt has no room for the states of many positions"
expect 2 "npy" run "$model" "$work/in" -q -o "$work/o" --task states --format npy
says "npy" "--format: npy takes the vectors of --task embed"
for attention in soft hard; do
    expect 2 "$attention" run "$golden/bahdanau/model" "$work/in" -q -o "$work/o" --task states --attention "$attention"
    says "$attention" "--attention: --task states gives no attention"
done
expect 2 "token scores" run "$golden/bahdanau/model" "$work/in" -q -o "$work/o" --task states --token-scores
expect 2 "a mark for what is cut" run "$golden/bahdanau/model" "$work/in" -q -o "$work/o" --task states --mark-truncated
check "what is refused writes nothing" test ! -e "$work/o"

# ---- states that are no numbers ----

cp -r "$golden/features-encoder/model" "$work/steep"
chmod -R u+w "$work/steep"
sed -i 's/"encoder": {/"encoder": {"activation": "none", /' "$work/steep/config.json"
printf '{"features": [[1, 2, 3]]}\n{"features": [[3e38, -3e38, 3e38], [1, 2, 3]]}\n' >"$work/steep.jsonl"
expect 0 "not finite" run "$work/steep" "$work/steep.jsonl" -q -o "$work/infinite" --task states
plain "$work/infinite/steep.jsonl.zst" >"$work/lines"
check "a finite record beside it" grep -q '^{"features": \[\[1, 2, 3\]\], "states": \[\[' "$work/lines"
check "a state that is not finite" grep -q "\"error\": \"the model's result is not finite\"}$" "$work/lines"
check "it is counted" grep -q '"not_finite": 1$' "$work/infinite/report.json"
finish
