# shellcheck shell=bash disable=SC2034,SC2154
# common.sh: what the tests of launchers share. Sourced by them, not run. They set work, a folder.
model=$srcdir/models/g2p-en
failed=0

# make_shards N: so many shards of 300 words in $work/shards.
make_shards() {
    mkdir "$work/shards"
    zstd -dc "$model/demo.jsonl.zst" | sed -n "1,$(($1 * 300))p" |
        (cd "$work/shards" && split -l 300 -d -a 2 --additional-suffix=.jsonl - part-)
}

# run_alone OPTION...: by one process, whose bytes are the ones that count.
run_alone() {
    "$GRUS" run "$model" "$work/shards" -o "$work/alone" --quiet "$@"
    (cd "$work/alone" && sha256sum part-*) >"$work/wanted"
}

# is_whole NAME OUT: status and verify have nothing to say, and every byte is that of one process.
is_whole() {
    if "$GRUS" status "$work/$2" >"$work/status" && "$GRUS" verify "$work/$2" --inputs "$work/shards" >/dev/null &&
        (cd "$work/$2" && sha256sum --quiet -c "$work/wanted"); then
        echo "passed: $1"
    else
        cat "$work/status" >&2
        echo "FAILED: $1" >&2
        failed=1
    fi
}
