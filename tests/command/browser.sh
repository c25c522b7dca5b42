#!/usr/bin/env bash
# Pages of `grus report` in a browser: it finds in them what the parser of report_page.py finds, says nothing on its console, asks
# the network for nothing, has them fit a phone, and draws bars and cells, light and dark. A page that does each of these wrong
# must be found. Run by make check-browser.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
need_python html.parser "Python"
browser=
for name in ${CHROMIUM:-} chromium chromium-browser google-chrome; do
    ! command -v "$name" >/dev/null || { browser=$name && break; }
done
if [[ -z $browser ]]; then
    echo "this test needs a browser (Debian package: chromium)" >&2
    exit 77
fi
: "${MODELS:=$srcdir/models}"

# browse FILE OPTION...: its document is then in $work/dom, what the browser said in $work/said, what it asked for in
# $work/asked.
browse() {
    local file=$1
    shift
    rm -f "$work/asked"
    timeout 100 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --user-data-dir="$work/profile" --enable-logging=stderr --log-net-log="$work/asked" \
        --virtual-time-budget=5000 --dump-dom "$@" "file://$file" >"$work/dom" 2>"$work/said" || fail "$browser $file: exit $?"
}
is_quiet() {
    ! grep -q ':CONSOLE' "$work/said"
}
asks_nothing() {
    test -s "$work/asked" && ! grep -q 'grus\.invalid' "$work/asked"
}
parsed() {
    "$python" "$srcdir/tests/support/report_page.py" "$@"
}

# ---- the browser finds mistakes ----

echo '<!DOCTYPE html><title>a</title><script>console.error("planted")</script>' >"$work/noisy.html"
browse "$work/noisy.html"
check "a noise on the console is found" eval '! is_quiet'
echo '<!DOCTYPE html><title>a</title><img src="http://grus.invalid/planted">' >"$work/asking.html"
browse "$work/asking.html"
check "a request is found" eval '! asks_nothing'

# ---- pages ----

cat >"$work/a.jsonl" <<'END'
{"text": "</script><script>console.error(1)</script>"}
{"text": "<img src=http://grus.invalid/a>"}
{"text": "\"><img src=http://grus.invalid/b onerror=console.error(2)>"}
{"text": "</style><link rel=stylesheet href=http://grus.invalid/c>"}
{"text": "</title></svg><svg onload=console.error(3)>", "error": "own"}
{"text": "\u202Ea\u2028b\u0000c\u0001"}
{"text": ["<iframe src=http://grus.invalid/d>"]}
{"text": "averylongwordwithoutanyspaceaverylongwordwithoutanyspaceaverylongwordwithoutanyspaceaverylongwordwithoutanyspace"}
END
words 60 1 | to_jsonl >"$work/b.jsonl"
words 60 2 | to_jsonl >"$work/c.jsonl"
plain "$MODELS/snips-en/demo.jsonl.zst" | head -n 200 >"$work/commands.jsonl"
model=$golden/bahdanau/model
"$GRUS" run "$model" "$work"/[abc].jsonl -q -o "$work/whole" --attention soft
"$GRUS" run "$model" "$work"/[abc].jsonl -q -o "$work/part" --rank 1 --world-size 2
"$GRUS" run "$MODELS/snips-en" "$work/commands.jsonl" -q -o "$work/labels"
"$GRUS" run "$MODELS/snips-en" "$work/commands.jsonl" -q -o "$work/vectors" --task embed
sed -i 's/"cpu": "[^"]*"/"cpu": "AMD Ryzen Threadripper PRO 7995WX 96-Cores with Radeon"/; s/"outcome": "[^"]*"/"outcome": "some shards failed"/' \
    "$work/whole/report.json"

# measure NAME WIDTH OPTION...: the page in a frame of this width; the wrapper's title tells what came of it.
measure() {
    local name=$1 width=$2
    shift 2
    cat >"$work/frame.html" <<END
<!DOCTYPE html><title></title><body><iframe id="f" src="$name.html" width="$width" height="2000"></iframe><script>
const frame = document.getElementById("f");
frame.onload = () => {
    const page = frame.contentDocument, seen = kind => [...page.querySelectorAll(kind)].filter(e => {
        const box = e.getBoundingClientRect();
        return box.width > 0 && box.height > 0;
    }).length;
    const processes = page.querySelector("#ranks .scroll");
    document.title = [page.documentElement.scrollWidth <= frame.clientWidth, seen(".bar"), seen(".cell"),
        getComputedStyle(page.body).backgroundColor.replace(/ /g, ""),
        !processes || processes.scrollWidth <= processes.clientWidth].join(" ");
};
</script>
END
    browse "$work/frame.html" --allow-file-access-from-files "$@"
    sed -n 's/.*<title>\([^<]*\)<.*/\1/p' "$work/dom" | head -n 1
}

for name in whole part labels vectors; do
    page=$work/$name.html
    expect 0 "$name" report "$work/$name" --html "$page" --samples 30
    browse "$page"
    check "$name: the console is quiet" is_quiet
    check "$name: nothing is asked for" asks_nothing
    cp "$work/dom" "$work/dom.html"
    check "$name: the facts" diff <(parsed facts "$page") <(parsed facts "$work/dom.html")
    check "$name: the text" diff -B <(parsed text "$page") <(parsed text "$work/dom.html")
    for width in 360 400 768 1000 1280; do
        read -r fits bars cells light processes < <(measure "$name" $width)
        check "$name: fits $width pixels" test "$fits" = true
        check "$name: $width pixels show all of the processes" test $((width < 1000)) = 1 -o "$processes" = true
        check "$name: $width pixels: $bars bars are drawn" test "$bars" = "$(grep -c 'class="bar"' "$page")"
        check "$name: $width pixels: $cells cells are drawn" test "$cells" = "$(grep -c 'class="cell"' "$page")"
    done
    read -r _ _ _ dark _ < <(measure "$name" 400 --blink-settings=preferredColorScheme=0)
    check "$name: light $light and dark $dark differ" test "$light" != "$dark"
done

finish
