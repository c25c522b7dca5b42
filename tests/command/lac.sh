#!/usr/bin/env bash
# LAC, as Debian's python3-jieba ships it, brought in by tools/import_lac.py: the tags of every character, of the CRF's best path and
# without it, are those of a loop in float64 over Paddle's own files.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"

: "${LAC:=/usr/lib/python3/dist-packages/jieba/lac_small}"
if [[ ! -d $LAC/model_baseline ]]; then
    echo "this test needs LAC (Debian package: python3-jieba)" >&2
    exit 77
fi
need_python "numpy" "NumPy (Debian package: python3-numpy)"

# Sentences, single characters, letters and figures, characters that the dictionary lacks, nothing, and a long one.
cat >"$work/texts.txt" <<'TEXTS'
今天的天气很好，我们去公园散步。
李明在上海的一家银行工作了十二年.
这本书是鲁迅写的, 我昨天从图书馆借来.
北京时间2021年3月5日上午9点, 会议在人民大会堂开幕
他买了3公斤苹果和1瓶milk
我
!
猫追着老鼠跑过了厨房

東京大学的研究生用Python写程序
黄河发源于青藏高原, 全长5464公里, 流经九个省区
🎻音乐会😀非常精彩
TEXTS
sed -n 1,8p "$work/texts.txt" | tr -d '\n' >"$work/long"
for _ in 1 2 3 4; do cat "$work/long"; done >>"$work/texts.txt"
echo >>"$work/texts.txt"
to_jsonl <"$work/texts.txt" >"$work/texts.jsonl"

check "import" "$python" "$srcdir/tools/import_lac.py" "$LAC" -o "$work/lac"
expect 0 "inspect" inspect "$work/lac"
check "the reset comes before" \
    grep -qxF "encoder       GRU, reset before, 2 layers of 128 units, both directions" "$work/out"
for threads in 1 2; do
    expect 0 "run on $threads threads" run "$work/lac" "$work/texts.jsonl" -q -t "$threads" -o "$work/out.$threads"
done
check "the number of threads changes nothing" cmp "$work/out.1/texts.jsonl.zst" "$work/out.2/texts.jsonl.zst"
expect 0 "numbers of the head" run "$work/lac" "$work/texts.jsonl" -q -o "$work/out.probs" --head-output probs
for name in 1 probs; do
    plain "$work/out.$name/texts.jsonl.zst" >"$work/$name.jsonl"
done
check "as many records as texts" test "$(wc -l <"$work/1.jsonl")" = 13
check "the tags" "$python" "$srcdir/tests/support/lac_reference.py" "$LAC" "$work/1.jsonl" "$work/probs.jsonl"
finish
