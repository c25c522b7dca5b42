#!/usr/bin/env bash
# --ensemble: several models decode as one, by the mean of their log-probabilities. What several models say is PyTorch's
# (tests/oracle/ensemble_cases.py), and the mean of what each says alone; a model with itself says what it says alone, to the
# last byte. Draws are as often as softmax(mean) says, and the bytes are those of any threads, batch, rank and resume.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python json "Python"
words 80 5 | to_jsonl >"$work/words.jsonl"
"$python" -c 'import json, random
draw = random.Random(5)
for i in range(80):
    print(json.dumps({"id": i, "features": [[round(draw.gauss(0, 1), 2) for _ in range(3)] for _ in range(draw.randint(0, 12))]}))' >"$work/features.jsonl"

# ---- PyTorch's answers ----

# join FOLDER NAME...: the models of these golden cases; those behind the first get its vocabularies. Their paths are in members.
join() {
    local folder=$1 name
    shift
    members=()
    mkdir "$folder"
    for name; do
        cp -r "$golden/$name/model" "$folder/$name"
        chmod -R u+w "$folder/$name"
        [[ ${#members[@]} == 0 ]] || cp "${members[0]}"/*.vocab "$folder/$name"
        members+=("$folder/$name")
    done
}
# bring MEMBER...: options that bring them in, in others.
bring() {
    local member
    others=()
    for member; do
        others+=(--ensemble "$member")
    done
}
for case in "$srcdir"/tests/support/ensembles/*/; do
    name=$(basename "$case")
    read -ra options <"$case/options"
    mapfile -t names <"$case/members"
    join "$work/members-$name" "${names[@]}"
    bring "${members[@]:1}"
    expect 0 "$name" run "${members[0]}" "$case/input.jsonl" -q -o "$work/$name" "${others[@]}" "${options[@]}"
    plain "$work/$name/input.jsonl.zst" >"$work/answers.jsonl"
    check "$name: other results than PyTorch's" "$builddir/tests/support/compare_records" "$case/expected.jsonl" "$work/answers.jsonl"
done
check "six cases" test "$checks" -ge 12

# ---- means ----

# other CASE SEED: a model of the same form and vocabularies whose weights are moved about.
other() {
    cp -r "$golden/$1/model" "$work/$1-$2"
    chmod -R u+w "$work/$1-$2"
    move "$work/$1-$2" "$2"
}
move() { # MODEL SEED
    "$python" - "$1/model.safetensors" "$2" <<'EOF'
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

for case in bahdanau luong-input-feeding lstm-beam no-attention conditional features front-beam; do
    model=$golden/$case/model input=$work/words.jsonl
    [[ $case != features ]] || input=$work/features.jsonl
    stem=$(basename "$input" .jsonl)
    # ---- with itself ----
    for search in "-b 1" "-b 5 --n-best 3 --length-norm avg" "-b 4 --n-best 2 --repetition-penalty 1.3 --no-repeat-ngram-size 2" "-b 3 --compute-type int8" "--sampling-topk 4 --sampling-temperature 1.3 --n-best 2 --seed 3"; do
        read -ra options <<<"$search"
        [[ $case == no-attention ]] || options+=(--attention soft)
        rm -rf "$work"/{alone,twice,thrice}
        expect 0 "$case alone, $search" run "$model" "$input" -q -o "$work/alone" "${options[@]}"
        expect 0 "$case twice, $search" run "$model" "$input" -q -o "$work/twice" "${options[@]}" --ensemble "$model"
        expect 0 "$case thrice, $search" run "$model" "$input" -q -o "$work/thrice" "${options[@]}" --ensemble "$model" --ensemble "$model" -t 3 --batch-tokens 30
        check "$case with itself, $search" cmp "$work/alone/$stem.jsonl.zst" "$work/twice/$stem.jsonl.zst"
        check "$case with itself twice, $search" cmp "$work/alone/$stem.jsonl.zst" "$work/thrice/$stem.jsonl.zst"
    done

    # ---- with others ----
    other "$case" 1
    other "$case" 2
    rm -rf "$work"/{found,scored,one,two,three}
    scoring=(-q --task score --token-scores -b 4)
    [[ $case == no-attention ]] || scoring+=(--attention soft)
    others=(--ensemble "$work/$case-1" --ensemble "$work/$case-2")
    expect 0 "$case, three" run "$model" "$input" -q -o "$work/found" "${others[@]}" -b 4 --length-norm none --mark-truncated
    plain "$work/found/$stem.jsonl.zst" >"$work/found.jsonl"
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

# ---- large vocabularies ----

# A step looks only at those of 6,000 tokens that may be among the best. A rule on n-grams that are longer than any output
# has it take the mean of all, and forbids none.
large=$work/large
mkdir "$large"
cp "$golden/bahdanau/model/config.json" "$golden/bahdanau/model/source.vocab" "$large"
{ cat "$golden/bahdanau/model/target.vocab" && seq 5989; } >"$large/target.vocab"
"$builddir/tests/support/make_model" "$large" "$(wc -l <"$large/source.vocab")" 6000
members=("$large")
for i in 1 2; do
    cp -r "$large" "$large-$i"
    members+=("$large-$i")
done
for i in 0 1 2; do
    move "${members[i]}" "$((i + 5))"
done
for search in "-b 1" "-b 4 --n-best 4 --length-norm avg" "-b 12 --min-length 4 --max-length 30" "-b 2 --compute-type int8"; do
    read -ra options <<<"$search"
    for n in 2 3; do
        bring "${members[@]:1:n-1}"
        rm -rf "$work"/{best,all}
        expect 0 "the best of $n, $search" run "$large" "$work/words.jsonl" -q -o "$work/best" "${others[@]}" "${options[@]}"
        expect 0 "all of $n, $search" run "$large" "$work/words.jsonl" -q -o "$work/all" "${others[@]}" "${options[@]}" --no-repeat-ngram-size 200
        check "the same of $n, $search" cmp "$work/best/words.jsonl.zst" "$work/all/words.jsonl.zst"
    done
done

# ---- draws ----

# frequencies.py ALONE... -- DRAWN TOPK TEMPERATURE: how often first tokens were drawn, against softmax(mean / temperature) over
# the topk likeliest of what the members say of each token alone.
cat >"$work/frequencies.py" <<'EOF'
import collections, json, math, sys
end = sys.argv.index("--")
alone = [[json.loads(line) for line in open(path)] for path in sys.argv[1:end]]
drawn = [json.loads(line)["output"] for line in open(sys.argv[end + 1])]
counts, topk, temperature = collections.Counter(drawn), int(sys.argv[end + 2]), float(sys.argv[end + 3])

def chi_squared(members):
    mean = {row[0]["target"]: sum(record["token_logprobs"][0] for record in row) / len(row) for row in zip(*members)}
    taken = sorted(mean, key=mean.get, reverse=True)[:topk or None]
    weights = {token: math.exp(mean[token] / temperature) for token in taken}
    expected = {token: len(drawn) * weights[token] / sum(weights.values()) for token in taken}
    often = [token for token in taken if expected[token] >= 10]
    bins = [(counts[token], expected[token]) for token in often]
    if topk == 0 and len(often) < len(taken):
        bins.append((len(drawn) - sum(n for n, _ in bins), len(drawn) - sum(e for _, e in bins)))
    return sum((n - e) ** 2 / e for n, e in bins), len(bins) - 1

found, freedom = chi_squared(alone)
# Beyond this one in ten thousand: Wilson and Hilferty.
bound = freedom * (1 - 2 / (9 * freedom) + 3.72 * math.sqrt(2 / (9 * freedom))) ** 3
assert len(drawn) == 20000 and freedom >= 3, (len(drawn), freedom)
assert topk == 0 or len(counts) == topk, counts
assert found < bound, (found, bound, freedom)
assert all(chi_squared([one])[0] > 5 * bound for one in alone), "a member alone is like the mean"
EOF
members=("$golden/bahdanau/model" "$work/bahdanau-1" "$work/bahdanau-2")
bring "${members[@]:1}"
{
    echo '{"text": "og", "target": ""}'
    sed '/^<\/s>$/d; s/.*/{"text": "og", "target": "&"}/' "${members[0]}/target.vocab"
} >"$work/first.jsonl"
for i in 0 1 2; do
    expect 0 "tokens, member $i" run "${members[i]}" "$work/first.jsonl" -q -o "$work/tokens-$i" --task score --token-scores
    plain "$work/tokens-$i/first.jsonl.zst" >"$work/tokens-$i.jsonl"
done
yes '{"text": "og"}' | sed 20000q >"$work/og.jsonl"
for draw in "0 1" "5 0.7" "0 2.5"; do
    read -r topk temperature <<<"$draw"
    options=(--sampling-topk "$topk" --sampling-temperature "$temperature" --max-length 1 --seed 11)
    rm -rf "$work/drawn"
    expect 0 "draws, $draw" run "${members[0]}" "$work/og.jsonl" -q -o "$work/drawn" "${others[@]}" "${options[@]}"
    plain "$work/drawn/og.jsonl.zst" >"$work/drawn.jsonl"
    check "frequencies, $draw" "$python" "$work/frequencies.py" "$work"/tokens-{0,1,2}.jsonl -- "$work/drawn.jsonl" "$topk" "$temperature"
done

# ---- any threads, batch, rank, and resume ----

mkdir "$work/in"
for i in 1 2 3; do
    words 300 "$i" | to_jsonl >"$work/in/$i.jsonl"
done
words 6000 9 | to_jsonl >"$work/s.jsonl"

# kill_run OPTION...: a run of s.jsonl into stopped, killed behind a checkpoint.
kill_run() {
    local child
    for _ in {1..20}; do
        rm -rf "$work/stopped"
        "$GRUS" run "${members[0]}" "$work/s.jsonl" -o "$work/stopped" "$@" --checkpoint-records 50 2>"$work/err" &
        child=$!
        for _ in {1..1500}; do
            [[ $(cat "$work"/stopped/.grus/partial/*+journal 2>/dev/null | wc -c) -gt 2000 || -e $work/stopped/s.jsonl.zst ]] && break
            sleep 0.02
        done
        kill -KILL "$child" 2>/dev/null || true
        { wait "$child" || true; } 2>/dev/null
        [[ -e $work/stopped/s.jsonl.zst ]] || return 0
    done
}
for search in "-b 4 --n-best 2 --attention soft" "--sampling-topk 0 --n-best 2 --seed 4"; do
    read -ra options <<<"$search"
    options+=("${others[@]}" -q)
    rm -rf "$work"/{one,two,three,ranks,whole}
    expect 0 "one thread, $search" run "${members[0]}" "$work/in" -o "$work/one" "${options[@]}" -t 1
    expect 0 "two threads, $search" run "${members[0]}" "$work/in" -o "$work/two" "${options[@]}" -t 2
    expect 0 "three threads, $search" run "${members[0]}" "$work/in" -o "$work/three" "${options[@]}" -t 3 --batch-tokens 17
    for rank in 1 0; do
        expect 0 "rank $rank, $search" run "${members[0]}" "$work/in" -o "$work/ranks" "${options[@]}" -t 2 --rank "$rank" --world-size 2
    done
    for other in two three ranks; do
        for i in 1 2 3; do
            check "the same bytes: $other, $search" cmp "$work/one/$i.jsonl.zst" "$work/$other/$i.jsonl.zst"
        done
    done
    expect 0 "whole, $search" run "${members[0]}" "$work/s.jsonl" -o "$work/whole" "${options[@]}"
    kill_run "${options[@]}"
    expect 0 "gone on with, $search" run "${members[0]}" "$work/s.jsonl" -o "$work/stopped" "${options[@]}" -t 1 --batch-tokens 50
    check "from a checkpoint, $search" grep -q '"records_resumed": [1-9]' "$work/stopped/report.json"
    check "gone on with, the same bytes, $search" cmp "$work/whole/s.jsonl.zst" "$work/stopped/s.jsonl.zst"
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
join "$work/windows" bahdanau front-beam
refused "other positions" "its front makes other positions" "${members[0]}" --ensemble "${members[1]}"
refused "features" "its source is features" "$first" --ensemble "$golden/features/model"
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
