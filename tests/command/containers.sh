#!/usr/bin/env bash
# Dockerfile and grus.def install what ./quickstart installs to build, and what the library asks for to run; and the Dockerfile is
# as hadolint, or dockerfilelint, wants it, where one of them is there.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
export LC_ALL=C

# installed FILE N: the packages of the file's Nth apt-get install, one a line.
installed() {
    awk -v wanted="$2" '/apt-get install/ {n++; inside = 1; next}
        inside && !/^ +[a-z0-9.+-]+( \\)?$/ {inside = 0}
        inside && n == wanted {print $1}' "$srcdir/$1"
}

# What quickstart looks for, without what only tests and the demo use.
awk '/^END$/ {inside = 0} inside {print $1} /<<.END.$/ && !seen++ {inside = 1}' "$srcdir/quickstart" |
    grep -vxE 'zstd|patch|check|python3|python3-numpy' | sort >"$work/build"
check "quickstart has packages" test "$(wc -l <"$work/build")" -ge 12
# Of debian/control, the libraries.
awk '/^Build-Depends:/ {inside = 1} /^Standards/ {inside = 0} inside' "$srcdir/debian/control" | grep -oE '(lib[a-z]+|zlib1g)-dev' |
    sort >"$work/libraries"
check "debian/control builds with the same libraries" cmp "$work/libraries" <(grep -E -- '-dev$' "$work/build")

# Debian's packages of what the library is linked with, by the rule that makes their names; those of C and C++ are in every image.
library=$builddir/.libs/libgrus.so.0
if [[ -f $library ]] && ! nm -D "$library" | grep -qE ' U __(a|t|ub)san_'; then
    {
        echo zstd
        readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\.so\.\([0-9]*\).*/\1\2/p' | grep -vE '^(libc|libm|libgcc_s|libstdc\+\+|ld-)' |
            sed 's/^libz1$/zlib1g/; s/^libblis4$/libblis4-serial/'
        [[ -n ${SENTENCEPIECE-} ]] || echo libsentencepiece0
        readelf -d "$library" | grep -q 'libz\.so' || echo zlib1g
    } | sort >"$work/run"
else
    installed Dockerfile 2 >"$work/run"
fi

for file in Dockerfile grus.def; do
    check "$file: to build: $(diff "$work/build" <(installed "$file" 1 | sort))" cmp -s "$work/build" <(installed "$file" 1 | sort)
    check "$file: to run: $(diff "$work/run" <(installed "$file" 2 | sort))" cmp -s "$work/run" <(installed "$file" 2 | sort)
    check "$file: sorted" diff <(installed "$file" 1; installed "$file" 2) <(installed "$file" 1 | sort; installed "$file" 2 | sort)
done
check "both begin with Debian 12" test "$(grep -hE '^(FROM|From:) ' "$srcdir/Dockerfile" "$srcdir/grus.def" | awk '{print $2}' | sort -u)" = debian:12-slim
check "nobody's rights at the end" test "$(grep -E '^(USER|FROM)' "$srcdir/Dockerfile" | tail -n 1)" = "USER grus"
if command -v hadolint >/dev/null; then
    check "hadolint" hadolint "$srcdir/Dockerfile"
elif command -v dockerfilelint >/dev/null; then
    check "dockerfilelint" dockerfilelint "$srcdir/Dockerfile"
fi
finish
