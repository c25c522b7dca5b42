#!/usr/bin/env bash
# --attention-heads: what it goes with, the weights of each head against the mean that is told without it, sources without
# positions, the same bytes for any batch and number of threads, and what run.json says. The numbers themselves are the golden
# cases' (golden.sh).
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python sys "Python (Debian package: python3)"

# attend NAME MODEL INPUT OPTION...: the records of a run, in $work/NAME.
attend() {
    local name=$1
    rm -rf "$work/out.d"
    expect 0 "$name" run "$2" "$3" -q -o "$work/out.d" --attention soft "${@:4}"
    plain "$work/out.d/$(basename "$3").zst" >"$work/$name"
}

# ---- what it goes with ----

refused() { # WHAT CASE TEXT OPTION...
    expect 2 "$1" run "$golden/$2/model" "$golden/$2/input.jsonl" -q -o "$work/refused" "${@:4}"
    says "$1" "$3"
    check "$1: no output is made" test ! -e "$work/refused"
}
refused "no weights" multihead "--attention-heads: goes with --attention soft" --attention-heads
refused "alignments" multihead "--attention-heads: goes with --attention soft" --attention hard --attention-heads
refused "one attention" bahdanau "--attention-heads: needs a model whose attention has heads" --attention soft --attention-heads

# ---- each head's weights, and their mean ----

# against_mean CASE HEADS OPTION...: all but the weights is what it is without the option, and so is the mean of these.
against_mean() {
    local case=$golden/$1 name=$1 heads=$2
    shift 2
    attend "$name.mean" "$case/model" "$case/input.jsonl" "$@"
    attend "$name.heads" "$case/model" "$case/input.jsonl" "$@" --attention-heads
    check "$name: weights of each head" "$python" - "$work/$name" "$heads" <<'END'
import json, sys
name, heads = sys.argv[1], int(sys.argv[2])
seen = differing = empty = 0
for mean, each in zip(*([json.loads(line) for line in open(f"{name}.{kind}")] for kind in ("mean", "heads"))):
    rows, steps = mean.pop("attention"), each.pop("attention")
    assert mean == each
    if "embedding" in mean or "output" not in mean and "score" not in mean:
        steps = [steps]
    assert len(rows) == len(steps), (rows, steps)
    for row, step in zip(rows, steps):
        assert len(step) == heads and all(len(weights) == len(row) for weights in step), (row, step)
        empty += not row
        for weights in step:
            assert not row or abs(sum(weights) - 1) < 1e-5 and min(weights) >= 0, weights
        for column, weight in enumerate(row):
            of_heads = [weights[column] for weights in step]
            assert abs(sum(of_heads) / heads - weight) < 1e-6, (weight, of_heads)
            differing += max(of_heads) - min(of_heads) > 0.01
            seen += 1
assert seen > 20 and empty and (differing or heads == 1), (seen, empty, differing)
END
}
against_mean multihead 4 -b 1
against_mean multihead 4 -b 5 --n-best 3
against_mean multihead-luong 3
against_mean multihead-score 1 --task score
against_mean multihead-pooling 4
against_mean multihead-embed 2 --task embed

# ---- pictures of it ----

for case in multihead multihead-luong multihead-pooling; do
    line=$(sed -n 6p "$golden/$case/input.jsonl")
    printf '%s\n' "$line" >"$work/one.jsonl"
    "$python" -c 'import json, sys; print(json.loads(sys.argv[1])["text"], end="")' "$line" >"$work/text"
    attend one "$golden/$case/model" "$work/one.jsonl" --attention-heads
    for options in "" --attention-heads; do
        # shellcheck disable=SC2086
        expect 0 "$case: picture $options" attend "$golden/$case/model" "$(cat "$work/text")" $options --width 1000
        cp "$work/out" "$work/picture$options"
        # shellcheck disable=SC2086
        expect 0 "$case: svg $options" attend "$golden/$case/model" "$(cat "$work/text")" $options --svg "$work/svg$options"
    done
    check "$case: the weights of each head, and their mean, in pictures" "$python" - "$work" <<'END'
import json, re, sys, xml.dom.minidom
work = sys.argv[1]
record = json.load(open(f"{work}/one"))
steps = record["attention"] if "output" in record else [record["attention"]]
heads, width = len(steps[0]), len(steps[0][0])
def cells(name):
    xml.dom.minidom.parse(name)
    return [float(w) for w in re.findall(r'<rect class="cell".*: ([0-9.]*)</title>', open(name).read())]
def same(found, wanted):
    assert len(found) == len(wanted) and all(abs(a - b) < 2e-6 for a, b in zip(found, wanted)), (found, wanted)
same(cells(f"{work}/svg--attention-heads"), [w for head in range(heads) for step in steps for w in step[head]])
same(cells(f"{work}/svg"), [sum(step[head][i] for head in range(heads)) / heads for step in steps for i in range(width)])
titles = [f"head {head + 1} of {heads}" for head in range(heads)]
assert re.findall(r"head \d+ of \d+(?=</text>)", open(f"{work}/svg--attention-heads").read()) == titles
drawn, mean = (open(f"{work}/picture{options}").read().split("\n") for options in ("--attention-heads", ""))
assert [line for line in drawn if re.fullmatch(r"head \d+ of \d+", line)] == titles
greatest = max(w for step in steps for head in step for w in head)
for step, line in zip(steps, drawn[drawn.index(titles[-1]) + 2:]):            # behind the source's tokens
    part = 10 * max(step[-1]) / greatest
    assert {" .:-=+*#%@@"[int(part + shift)] for shift in (-1e-4, 1e-4)} & set(line), (step, line)
assert not any(line.startswith("head ") for line in mean)
END
done
expect 0 "no positions" attend "$golden/multihead/model" "" --attention-heads
check "no positions: said so" grep -q "There are no source positions" "$work/out"

# ---- lists without weights ----

# Heads of one value each, and sources of no position alone: more lists than bytes of input.
cp -r "$golden/multihead/model" "$work/many"
sed -i 's/"heads": *4/"heads": 20/' "$work/many/config.json"
check "a model of 20 heads" grep -q '"heads": 20' "$work/many/config.json"
target=$(printf '%0500d' 0)
for n in $(seq 50); do
    echo "{\"id\": $n, \"text\": \"\", \"target\": \"$target\"}"
done >"$work/empty.jsonl"
for options in "--task translate -b 3" "--task score"; do
    # shellcheck disable=SC2086
    attend empty "$work/many" "$work/empty.jsonl" $options --attention-heads --batch-tokens 600
    check "$options: lists of sources without positions" "$python" - "$work/empty" <<'END'
import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
assert len(records) == 50 and all(r["attention"] and all(step == [[]] * 20 for step in r["attention"]) for r in records)
END
done

# ---- any batch, any number of threads ----

for case in multihead multihead-pooling; do
    for _ in 1 2 3 4 5 6; do
        cat "$golden/$case/input.jsonl"
    done >"$work/input.jsonl"
    attend first "$golden/$case/model" "$work/input.jsonl" --attention-heads -t 1
    for options in "-t 2" "-t 3 --batch-tokens 1" "-t 8 --batch-tokens 30" "-t 1 --batch-tokens 200"; do
        # shellcheck disable=SC2086
        attend other "$golden/$case/model" "$work/input.jsonl" --attention-heads $options
        check "$case: the same bytes with $options" cmp "$work/first" "$work/other"
    done
done

# ---- what the run says of itself ----

check "run.json has the option" grep -q '"attention_heads": true' "$work/out.d/.grus/run.json"
attend mean "$golden/multihead/model" "$work/input.jsonl"
check "and says nothing without it" bash -c "! grep -q attention_heads '$work/out.d/.grus/run.json'"
finish
