#!/usr/bin/env bash
# The models that ship, on each kernel that this machine can run, for float32 and for int8: every output byte is the same
# for any number of threads, any batch size and every kernel of a type, and what tests/command/answers.txt says of all
# machines. Each pair of thread count and batch size is tried with one of the models; with FULL=1, with all of them, and
# with every kernel that BLIS has. Then the golden cases. Without FULL=1 the plain C of float32 runs one of the models.
# THREADS are the counts of threads to try.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
: "${MODELS:=$srcdir/models}" "${builddir:=.}"

# NAME, RECORDS and source POSITIONS of a record by which batches are sized, OPTION...
models=(
    "g2p-en 80 10"
    "multi30k-en-de 66 14 --beam-size 5 --n-best 2 --attention soft"
    "snips-en 80 9"
    "mnist-rows 66 28"
    "debian-summaries 40 50"
)
kernels=(skx haswell cortexa57 generic)
[[ -z ${FULL-} ]] || kernels+=(knl zen zen2 zen3 excavator sandybridge penryn)
kernels+=(int8-{amx,avx512vnni,avxvnni,avx2,dotprod,neon,generic})
batches=(1 7 64 default) # records

kernel_of() { # VALUE of BLIS_ARCH_TYPE
    BLIS_ARCH_TYPE=$1 "$GRUS" --version | sed -n 's/.*(kernel \(.*\))$/\1/p'
}

# take KERNEL: what is run from here on is run on it; false where this machine, or this build, lacks it.
take() {
    kernel=$1 type=float32 prefix='' compute=()
    if [[ $kernel = int8-* ]]; then
        export GRUS_INT8_KERNEL=${kernel#int8-}
        type=int8 prefix=int8- compute=(--compute-type int8)
        "$GRUS" inspect "$MODELS/mnist-rows" "${compute[@]}" 2>/dev/null | grep -q "^kernel  *$GRUS_INT8_KERNEL, int8$"
    else
        export BLIS_ARCH_TYPE=$kernel
        [[ $(kernel_of "$kernel") = "$kernel" ]]
    fi
}

# try OUTPUT THREADS BATCH: a run of $model on $kernel, its records in the file OUTPUT.
try() {
    local batch=()
    [[ $3 = default ]] || batch=(--batch-tokens "$(($3 * positions))")
    expect 0 "$model, $kernel, $2 threads, batch $3" run "$MODELS/$model" "$work/$model.jsonl" \
        -q -o "$work/out.d" -t "$2" "${batch[@]}" "${compute[@]}" "${options[@]}"
    plain "$work/out.d/$model.jsonl.zst" >"$1" || fail "$model, $kernel: no output"
    rm -rf "$work/out.d"
}

# sweep SHIFT: thread counts and batch sizes against each other, the latter shifted by so many; the first run is kept.
sweep() {
    local i batch kept=$work/$model-$kernel.jsonl
    for i in "${!threads[@]}"; do
        batch=${batches[($1 + i) % ${#batches[@]}]}
        if [[ ! -e $kept ]]; then
            try "$kept" "${threads[i]}" "$batch"
        else
            try "$work/found.jsonl" "${threads[i]}" "$batch"
            check "$model, $kernel, ${threads[i]} threads, batch $batch: other bytes" cmp "$kept" "$work/found.jsonl"
        fi
    done
}

# compare_kernels NAME: the bytes of this model are those of the type's first kernel, and those of every machine.
compare_kernels() {
    local digest
    check "$1: other bytes on $kernel than on ${first[$type]}" \
        cmp "$work/$1-${first[$type]}.jsonl" "$work/$1-$kernel.jsonl"
    digest=$(sha256sum <"$work/$1-$kernel.jsonl")
    check "$1 on $kernel: other bytes than elsewhere, ${digest%% *}" \
        grep -qx "$prefix$1 ${digest%% *}" "$srcdir/tests/command/answers.txt"
}

# Golden cases that each build can run.
cases=()
for case in "$golden"/*/; do
    grep -q '"sentencepiece"' "$case/model/config.json" || cases+=("${case%/}")
done

# compare_golden: likewise of all of these, with all of their records in one file.
compare_golden() {
    local case name
    for case in "${cases[@]}"; do
        name=${case##*/}
        read -r -a options <"$case/options" || true
        expect 0 "$name, $kernel" run "$case/model" "$case/input.jsonl" -q -o "$work/golden-$kernel.d/$name" --compress none \
            "${compute[@]}" ${options[@]+"${options[@]}"}
        { echo "$name" && cat "$work/golden-$kernel.d/$name/input.jsonl"; } >>"$work/golden-$kernel.jsonl" ||
            fail "$name, $kernel: no output"
    done
    rm -rf "$work/golden-$kernel.d"
    compare_kernels golden
}

# A kernel is asked for by name or by number (skx is 0); what BLIS has not got is refused, and does not end in it.
ulimit -c 0
check "by number as by name" test "$(kernel_of 0)" = "$(kernel_of skx)"
for value in nonsense 99 -1 '' skx7; do
    BLIS_ARCH_TYPE=$value expect 2 "the kernel '$value'" run "$MODELS/snips-en" - -o -
    says "the kernel '$value'" "no kernel is called '$value'"
done
for ((value = 0; value < 26; value++)); do
    code=0
    BLIS_ARCH_TYPE=$value "$GRUS" run "$MODELS/mnist-rows" - -o - -q </dev/null >"$work/out" 2>"$work/err" || code=$?
    check "kernel number $value: exit $code" test "$code" = 0 -o "$code" = 2
done

for value in nonsense '' AVX2; do
    GRUS_INT8_KERNEL=$value expect 2 "the int8 kernel '$value'" run "$MODELS/snips-en" - -o - --compute-type int8
    says "the int8 kernel '$value'" "no kernel for int8 is called '$value'"
done

declare -A first=() # kernel of each type
tried=()
for name in "${kernels[@]}"; do
    if ! take "$name"; then
        echo "$name is left out: this machine, or this build, lacks it"
        continue
    fi
    tried+=("$name")
    [[ -n ${first[$type]-} ]] || first[$type]=$name
    for i in "${!models[@]}"; do
        read -r model records positions line <<<"${models[i]}"
        [[ -n ${FULL-} || $kernel != generic || $model = mnist-rows ]] || continue # it is slow
        read -r -a options <<<"$line"
        zstd -dcq "$MODELS/$model/demo.jsonl.zst" | sed "${records}q" >"$work/$model.jsonl"
        read -r -a threads <<<"${THREADS:-1 2 3 8}"
        [[ $kernel != *generic ]] || threads=(2)
        shifts=("$i")
        [[ -z ${FULL-} ]] || shifts=("${!batches[@]}")
        for shift in "${shifts[@]}"; do
            sweep "$shift"
        done
        check "$model, $kernel: not all records came out" test "$(wc -l <"$work/$model-$kernel.jsonl")" = "$records"
        compare_kernels "$model"
    done
    compare_golden
done
[[ ${#tried[@]} != 0 ]] || exit 77
echo "on ${tried[*]}"
finish
