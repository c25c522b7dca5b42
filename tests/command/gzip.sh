#!/usr/bin/env bash
# Shards in gzip: of many members, of bgzip, from a pipe, cut and damaged, gone on with, and larger than memory. The files are
# made by gzip(1) and by Python's zlib.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python zlib "Python (Debian package: python3)"
model=$golden/bahdanau/model
files=$srcdir/tests/support/files

words 4000 3 | to_jsonl >"$work/a.jsonl"
gzip -c "$work/a.jsonl" >"$work/try.jsonl.gz"
if "$GRUS" inspect "$work/try.jsonl.gz" 2>&1 >/dev/null | grep -q "built without zlib"; then
    echo "this build reads no gzip: zlib (Debian package: zlib1g-dev)" >&2
    exit 77
fi
expect 0 "plain" run "$model" "$work/a.jsonl" -q -o "$work/ref"

# number REPORT NAME: a number of a report.
number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*$/\1/p" "$1" | head -n 1
}

# ---- good ones ----

mkdir "$work/in"
gzip -1 -c "$work/a.jsonl" >"$work/in/one.jsonl.gz"
{
    head -n 1000 "$work/a.jsonl" | gzip -9
    : | gzip
    tail -n +1001 "$work/a.jsonl" | head -c 20001 | gzip -3
    tail -n +1001 "$work/a.jsonl" | tail -c +20002 | gzip
    head -c 3000 /dev/zero
} >"$work/in/MANY.JSONL.GZ"
"$python" - "$work/a.jsonl" >"$work/in/blocks.ndjson.gz" <<'END'
import struct, sys, zlib
text = open(sys.argv[1], "rb").read()
def block(data):
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    head = b"\x1f\x8b\x08\4\0\0\0\0\0\xff" + struct.pack("<HBBHH", 6, 66, 67, 2, len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))
blocks = [block(text[i:i + 0xff00]) for i in range(0, len(text), 0xff00)] + [block(b"")]
sys.stdout.buffer.write(b"".join(blocks))
END
cp "$work/a.jsonl" "$work/na.json"
gzip -c "$work/na.json" >"$work/in/named.json.Gz"
gzip -tq "$work/in/one.jsonl.gz" && gzip -tq <"$work/in/blocks.ndjson.gz" || fail "gzip does not take the files"
expect 0 "good ones" run "$model" "$work/in" -q -o "$work/good" --strict
for stem in one MANY blocks named; do
    check "$stem: the output is that of the plain shard" cmp "$work/ref/a.jsonl.zst" "$work/good/$stem.jsonl.zst"
    check "$stem: all of it is counted" grep -q '"records_in": 4000' "$work/good/.grus/done/$stem.json"
done
check "the manifest has the size of the file" \
    grep -q "\"input_bytes\": $(stat -c %s "$work/in/MANY.JSONL.GZ")," "$work/good/.grus/done/MANY.json"
expect 0 "verify" verify "$work/good" --inputs "$work/in"
inode=$(stat -c %i "$work/good/one.jsonl.zst")
expect 0 "a second run" run "$model" "$work/in" -q -o "$work/good"
check "nothing is done again" test "$(stat -c %i "$work/good/one.jsonl.zst")" = "$inode"
expect 0 "inspect" inspect "$work/in/MANY.JSONL.GZ"
check "members are told" grep -q "^members  *4 of gzip" "$work/out"
expect 0 "bench" bench "$model" "$work/in/one.jsonl.gz" --seconds 0.05 --records 200

# What it holds decides, not the name.
cp "$work/in/one.jsonl.gz" "$work/misnamed.jsonl"
expect 0 "gzip under another name" run "$model" "$work/misnamed.jsonl" -q -o "$work/other"
zstd -qc "$work/a.jsonl" >"$work/zst.jsonl.gz"
expect 0 "zstd under the name .gz" run "$model" "$work/zst.jsonl.gz" -q -o "$work/other2"
check "the outputs are the same" cmp "$work/ref/a.jsonl.zst" "$work/other/misnamed.jsonl.zst"
check "the outputs are the same" cmp "$work/ref/a.jsonl.zst" "$work/other2/zst.jsonl.zst"

"$GRUS" run "$model" - -q -o - <"$work/in/MANY.JSONL.GZ" >"$work/piped" 2>"$work/err" || fail "standard input: exit $?"
check "standard input gives the same" cmp <(plain "$work/ref/a.jsonl.zst") "$work/piped"

features=$golden/features-encoder/model
"$builddir/tests/support/feature_shard" F32 offsets 40 3 "$work/f"
expect 0 "a feature shard" run "$features" "$work/f.safetensors" -q -o "$work/f-ref"
gzip "$work/f.safetensors"
expect 0 "a feature shard in gzip" run "$features" "$work/f.safetensors.gz" -q -o "$work/f-gz"
check "its output is the same" cmp "$work/f-ref/f.jsonl.zst" "$work/f-gz/f.jsonl.zst"

# ---- cut and damaged ones ----

gzip -c "$work/a.jsonl" >"$work/whole.jsonl.gz"
size=$(stat -c %s "$work/whole.jsonl.gz")
head -c $((size / 2)) "$work/whole.jsonl.gz" >"$work/cut.jsonl.gz"
: >"$work/nothing.jsonl.gz"
cp "$work/a.jsonl" "$work/named.jsonl.gz"
{
    cat "$work/whole.jsonl.gz"
    echo behind
} >"$work/behind.jsonl.gz"
"$python" - "$work/whole.jsonl.gz" "$work/flipped.jsonl.gz" "$work/second.jsonl.gz" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
flip = lambda data, at: data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]
open(sys.argv[2], "wb").write(flip(data, len(data) - 7))
open(sys.argv[3], "wb").write(data + flip(data, 1)) # no magic: gzip(1) would drop all of the second member
END
bad=(cut nothing named behind flipped second)
inputs=()
for stem in "${bad[@]}"; do
    inputs+=("$work/$stem.jsonl.gz")
done
expect 1 "bad ones" run "$model" "${inputs[@]}" "$work/a.jsonl" -q -o "$work/bad"
says "a cut one" "cut.jsonl.gz:byte $((size / 2)): the gzip member that began at byte 0 is cut short: the file ends inside it"
says "one of no bytes" "nothing.jsonl.gz:byte 0: is named .gz and has no bytes"
says "a plain one" "named.jsonl.gz:byte 0: is named .gz and does not begin with a gzip member"
says "one with something behind" "behind.jsonl.gz:byte $size: bytes that are no gzip member follow the last one"
says "a wrong CRC" "flipped.jsonl.gz:byte $((size - 4)): the gzip member that began at byte 0 is damaged here or before: incorrect data check"
says "a damaged second member" "second.jsonl.gz:byte $size: bytes that are no gzip member follow the last one"
says "bad ones" "6 of 7 shards failed"
for stem in "${bad[@]}"; do
    check "$stem: nothing of it is there" test ! -e "$work/bad/$stem.jsonl.zst" -a ! -e "$work/bad/.grus/done/$stem.json"
    check "$stem: its failure is kept" test -s "$work/bad/.grus/failed/$stem.json"
done
check "the good one is done" cmp "$work/ref/a.jsonl.zst" "$work/bad/a.jsonl.zst"
cp "$work/whole.jsonl.gz" "$work/cut.jsonl.gz"
expect 1 "the cut one is mended" run "$model" "${inputs[@]}" "$work/a.jsonl" -q -o "$work/bad"
check "and done" cmp "$work/ref/a.jsonl.zst" "$work/bad/cut.jsonl.zst"

# ---- gone on with ----

# Killed with a checkpoint on the disk, somewhere in the midst of members.
"$python" - "$work/a.jsonl" "$work/long.jsonl.gz" <<'END'
import gzip, sys
lines = open(sys.argv[1], "rb").readlines() * 3
with open(sys.argv[2], "wb") as out:
    for i in range(0, len(lines), 700):
        out.write(gzip.compress(b"".join(lines[i:i + 700])))
END
for _ in {1..20}; do
    rm -rf "$work/killed"
    "$GRUS" run "$model" "$work/long.jsonl.gz" -q -t 2 -b 8 -o "$work/killed" --checkpoint-records 100 --beam-size 1 2>"$work/err" &
    child=$!
    for _ in {1..1000}; do
        bytes=$(cat "$work"/killed/.grus/partial/*+journal 2>/dev/null | wc -c)
        [[ $bytes -gt 2000 || -e $work/killed/long.jsonl.zst ]] && break
        sleep 0.01
    done
    kill -KILL $child 2>/dev/null || true
    { wait $child || true; } 2>/dev/null
    [[ -e $work/killed/long.jsonl.zst ]] || break
done
expect 0 "gone on with" run "$model" "$work/long.jsonl.gz" -q -o "$work/killed" --beam-size 1 -t 1
check "not from the beginning" test "$(number "$work/killed/report.json" records_resumed)" -gt 0
expect 0 "the same without a kill" run "$model" "$work/long.jsonl.gz" -q -o "$work/alone" --beam-size 1
check "the shard is the same" cmp "$work/alone/long.jsonl.zst" "$work/killed/long.jsonl.zst"
check "the manifest is the same" cmp <(anonymous "$work/alone/.grus/done/long.json") <(anonymous "$work/killed/.grus/done/long.json")

# ---- what grows a thousandfold takes no memory ----

{
    cat "$work/whole.jsonl.gz"
    head -c 400M /dev/zero | gzip -1
} >"$work/grows.jsonl.gz"
expect 0 "400 MB of zeros" run "$model" "$work/grows.jsonl.gz" -q -o "$work/grown" --max-memory 300M
peak=$(number "$work/grown/report.json" peak_memory)
check "$peak bytes are taken of 300 MiB" test "$peak" -le $((300 << 20))
check "it is one record in error" grep -q '"records_failed": 1' "$work/grown/report.json"

for name in "one.jsonl.gz gzip" "zst.jsonl.zst zstd" "plain.jsonl none"; do
    case $name in zst*) zstd -q "$work/a.jsonl" -o "$work/zst.jsonl.zst" ;; plain*) cp "$work/a.jsonl" "$work/plain.jsonl" ;; *) cp "$work/in/one.jsonl.gz" "$work" ;; esac
    expect 0 "inspect ${name% *}" inspect "$work/${name% *}" --json
    check "its compression is ${name#* }" grep -qF "\"compression\": \"${name#* }\"" "$work/out"
done

finish
