#!/usr/bin/env bash
# What doc/threats.md says: how grus is compiled, which files it opens on the word of others, that its temporary names lead
# nowhere, and that it starts no program.
source "${srcdir:=.}/tests/support/common.sh"
: "${builddir:=.}" "${HARDENING=}"

# ---- how it is compiled ----

program=$builddir/.libs/grus library=$builddir/.libs/libgrus.so
[[ -f $program ]] || program=$builddir/grus

has() { grep -q -- "$2" <<<"$1"; }

if command -v readelf >/dev/null && [[ $HARDENING == *stack-protector* ]]; then
    for file in "$program" "$library"; do
        [[ -f $file ]] || continue
        segments=$(readelf -Wl "$file") dynamic=$(readelf -Wd "$file") symbols=$(readelf -Ws "$file")
        check "$file: not position-independent" has "$(readelf -Wh "$file")" 'Type: *DYN'
        check "$file: no relro" has "$segments" GNU_RELRO
        check "$file: not bound at start" has "$dynamic" 'BIND_NOW\|FLAGS_1.*NOW'
        check "$file: executable stack" has "$segments" 'GNU_STACK.* RW '
        check "$file: no stack protector" has "$symbols" __stack_chk_fail
        check "$file: text relocations" test -z "$(grep TEXTREL <<<"$dynamic")"
        # libtool names the folder of the build, and an unusual one that the library will be installed in.
        check "$file: a search path for libraries" test -z "$(grep -E 'R(UN)?PATH' <<<"$dynamic" |
            grep -vF -e "$(cd "$builddir" && pwd)" -e "[$(sed -n 's/^prefix = //p' "$builddir/Makefile")/lib")"
        if [[ $HARDENING == *FORTIFY* ]]; then
            check "$file: not fortified" has "$symbols" '__[a-z]*printf_chk'
        fi
    done
fi

# ---- it starts no program ----

for file in "$program" "$library"; do
    [[ -f $file ]] || continue
    calls=$(nm -D --undefined-only "$file" | awk '{print $NF}' |
        grep -E '^(system|popen|exec[a-z]*|fexecve|posix_spawnp?|dlopen|fork|vfork)(@|$)' || :)
    check "$file can start programs: $calls" test -z "$calls"
done

# ---- names in config.json stay in the model's directory ----

base=$golden/whitespace-bos-eos/model
printf 'secret\n' >"$work/secret.vocab"
vocab=$(grep -o '"vocab": *"[^"]*"' "$base/config.json" | head -n 1 | sed 's/.*"\([^"]*\)"$/\1/')
head -n 3 "$golden/whitespace-bos-eos/input.jsonl" >"$work/in.jsonl"

# with_name NAME: a copy of the model in $work/model whose vocabularies are said to be NAME.
with_name() {
    rm -rf "$work/model" "$work/o"
    cp -r "$base" "$work/model"
    sed "s|\"$vocab\"|\"$1\"|" "$base/config.json" >"$work/model/config.json"
}

for name in ../secret.vocab /etc/passwd "$work/secret.vocab" a/../../secret.vocab .. ./../secret.vocab a/.. '' /; do
    with_name "$name"
    expect 3 "vocabulary $name" run "$work/model" "$work/in.jsonl" -o "$work/o" --quiet
    says "vocabulary $name" "inside the model directory"
done
with_name "sub/..vocab"
mkdir "$work/model/sub" && cp "$base/$vocab" "$work/model/sub/..vocab"
expect 0 "two dots in a name" run "$work/model" "$work/in.jsonl" -o "$work/o" --quiet

# A symbolic link is the doing of whoever made the directory, and is followed; what is behind it has to be a file.
with_name link.vocab
cp "$base/$vocab" "$work/elsewhere.vocab" && ln -s "$work/elsewhere.vocab" "$work/model/link.vocab"
expect 0 "linked vocabulary" run "$work/model" "$work/in.jsonl" -o "$work/o" --quiet
# refuses_special WHAT FILE: not a file there, and no waiting for one.
refuses_special() {
    local code=0
    checks=$((checks + 1))
    timeout 20 "$GRUS" run "$work/model" "$work/in.jsonl" -o "$work/o2" --quiet >"$work/out" 2>"$work/err" || code=$?
    if [[ $code != 3 ]]; then
        fail "$1: exit $code, expected 3"
    fi
    says "$1" "is not a regular file"
}
for place in "link.vocab" model.safetensors config.json; do
    for kind in fifo device; do
        with_name link.vocab
        cp "$base/$vocab" "$work/model/link.vocab"
        rm "$work/model/$place"
        if [[ $kind = fifo ]]; then
            mkfifo "$work/model/$place"
        else
            ln -s /dev/zero "$work/model/$place"
        fi
        refuses_special "$kind as $place"
    done
done
with_name link.vocab
ln -s link.vocab "$work/model/link.vocab"
expect 3 "link to itself" run "$work/model" "$work/in.jsonl" -o "$work/o" --quiet

# ---- what lies in the way of an output is not written through ----

victim=$work/victim
printf 'as it was\n' >"$victim"
untouched() { [[ $(<"$victim") = "as it was" ]]; }
mkdir -p "$work/p"
ln -s "$victim" "$work/p/in.jsonl.zst"
expect 0 "link in the output's place" run "$base" "$work/in.jsonl" -o "$work/p" --quiet
check "written through a link" untouched
check "the link is set aside" test -L "$work/p/.grus/aside/in.1.jsonl.zst"
check "the output is a file" test -f "$work/p/in.jsonl.zst" -a ! -L "$work/p/in.jsonl.zst"
rm "$work/p/in.jsonl.zst"
ln -s "$victim" "$work/p/report.link"
expect 0 "link in the report's place" run "$base" "$work/in.jsonl" -o "$work/p" --quiet --report "$work/p/report.link"
check "report written through a link" untouched
check "report" test -f "$work/p/report.link" -a ! -L "$work/p/report.link"
rm -rf "$work/q" && mkdir -p "$work/q/.grus/done"
ln -s "$victim" "$work/q/.grus/done/in.json"
"$GRUS" run "$base" "$work/in.jsonl" -o "$work/q" --quiet >/dev/null 2>&1 || :
check "manifest written through a link" untouched

# ---- temporary names ----

# Every file that is made is made afresh, by a name with 64 random bits.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    names=
    for i in 1 2; do
        rm -rf "$work/t"
        strace -f -e trace=execve,open,openat,creat -o "$work/trace" env LD_LIBRARY_PATH="$builddir/.libs" "$program" run "$base" "$work/in.jsonl" -o "$work/t" --quiet
        made=$(grep -E 'O_CREAT|creat\(' "$work/trace" || :)
        check "nothing was traced" test -n "$made"
        check "made without O_EXCL or following links" test -z "$(grep -v 'O_EXCL.*O_NOFOLLOW\|O_NOFOLLOW.*O_EXCL' <<<"$made")"
        check "no random name" test -z "$(grep -vE '[.][0-9]+-[0-9a-f]{16}@' <<<"$made")"
        check "a program was started" test "$(grep 'execve(' "$work/trace" | grep -c ' = 0')" = 2 # env and grus
        names+=$(grep -oE '[0-9a-f]{16}@' <<<"$made" | sort -u)$'\n'
    done
    check "names come again" test -z "$(sort <<<"${names%$'\n'}" | uniq -d)"
fi
finish
