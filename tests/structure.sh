#!/usr/bin/env bash
# The house keeps its shape: which folder includes which, that no two files include each other at any length of the way
# round, what knows BLIS, how long a function is, and what libgrus shows to the outside. A planted mistake of each kind must
# be found.
# shellcheck disable=SC2317 # functions that are called by name
set -u
: "${srcdir:?}" "${builddir:?}"
failed=0

# Sources of a tree: paths from its top.
sources() { # TREE FOLDER...
    local tree=$1
    shift
    (cd "$tree" && find "$@" -name '*.[ch]' -o -name '*.cc') | sort
}

# "INCLUDER INCLUDED" for every #include "…" of a tree; the included path is from the top.
includes() { # TREE FOLDER...
    local tree=$1
    (cd "$tree" && sources . "${@:2}" | xargs grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"') |
        sed -E 's/^(\.\/)?([^:]+):[^"]*"([^"]+)"/\2 \3/; s/ grus\.h$/ include\/grus.h/'
}

# Rows FOLDER: what its files may include besides their own folder; the longest folder that fits a file speaks for it.
layers() {
    cat <<'END'
include:
base: include/grus.h
engine/kernel: base include/grus.h
engine/nn: engine/kernel engine/batch.h engine/lanes.h base include/grus.h
engine: engine/kernel engine/nn base include/grus.h
io/json: io/file.h base include/grus.h
io/text: io/json io/file.h base include/grus.h
io/model: io/json io/file.h base include/grus.h
io/shard: io/json io/model/safetensors_header.h io/file.h base include/grus.h
io/outdir: io/json io/shard io/file.h base include/grus.h
io: base include/grus.h
scheduler: engine io base include/grus.h
api: scheduler engine io base include/grus.h
cli: include/grus.h
bench: api scheduler engine io base include/grus.h tests/support
tests/attack: api scheduler engine io base include/grus.h tests/support
tests/soak: include/grus.h tests/support
tests: api scheduler engine io base include/grus.h
END
}

# Prints each include that goes against the layers.
layer_mistakes() { # TREE
    includes "$1" include base engine io scheduler api cli bench tests | awk -v rows="$(layers)" '
        function begins(path, folder) { return path == folder || index(path, folder "/") == 1 }
        BEGIN {
            n = split(rows, row, "\n")
            for (i = 1; i <= n; i++) {
                folder = row[i]; sub(/:.*/, "", folder)
                rest = row[i]; sub(/^[^:]*: */, "", rest)
                name[i] = folder; allowed[i] = rest
            }
        }
        $2 == "config.h" { next }
        {
            best = 0
            for (i = 1; i <= n; i++)
                if (begins($1, name[i]) && (!best || length(name[i]) > length(name[best])))
                    best = i
            if (best && begins($2, name[best])) next
            m = split(allowed[best], may, " ")
            for (i = 1; i <= m; i++)
                if (begins($2, may[i])) next
            print "    " $1 " includes " $2
        }'
}

# Prints the circles: a node is a .c/.h pair, or a file that has no other half.
circles() { # TREE
    includes "$1" include base engine io scheduler api cli bench tests |
        awk '$2 != "config.h" { sub(/\.(c|h|cc)$/, "", $1); sub(/\.(c|h|cc)$/, "", $2); if ($1 != $2) print }' |
        sort -u | tsort 2>&1 >/dev/null | sed -n 's/^tsort: /    /p'
}

# Files beside the one door that know BLIS.
blis_mistakes() { # TREE
    (cd "$1" && sources . include base engine io scheduler api cli |
        xargs grep -lE 'GRUS_BLIS_HEADER|[^a-z_]bli_[a-z]' | grep -vE '^(\./)?engine/kernel/(blis|kernel)\.c$')
}

# Calls of what api/ defines from below it: include/grus.h, which all may include, declares those too.
calls_upward() { # TREE
    local names
    names=$(cd "$1" && sed -nE 's/^[a-z][a-z_0-9 ]*[ *](grus_[a-z0-9_]+)\(.*/\1/p' api/*.c | sort -u | paste -sd '|')
    (cd "$1" && sources . base engine io scheduler | xargs grep -nE "(^|[^a-z0-9_])($names)\(" | sed 's/^/    /')
}

# Functions longer than a screen: in C from brace to brace, in shell from the name to the brace, in Python to the next line
# that is indented no further.
# shellcheck disable=SC2016
long_functions() { # TREE
    (cd "$1" && find include base engine io scheduler api cli bench python share tests tools -name '*.[ch]' -o -name '*.py' -o -name '*.sh') |
        (cd "$1" && xargs awk -v most=60 '
            function ends(last) {
                if (name != "" && last - first + 1 > most) print "    " file ": " name " has " last - first + 1 " lines"
                name = ""
            }
            FNR == 1 { ends(full); file = FILENAME; kind = file; sub(/.*\./, "", kind); full = 0; before = "" }
            kind == "py" && /[^ ]/ {
                match($0, /^ */)
                if (name != "" && RLENGTH <= indent && $0 !~ /^ *[])}"]/) ends(full)
                if (name == "" && $1 == "def") { name = $2; first = FNR; indent = RLENGTH }
                full = FNR
            }
            kind == "sh" && /^[a-z_]+\(\) \{/ { name = $1; first = FNR }
            kind != "py" && kind != "sh" && $0 == "{" { name = before; first = FNR }
            kind != "py" && $0 == "}" { ends(FNR) }
            { before = $0 }
            END { ends(full) }')
}

look() { # WHAT FUNCTION
    local wrong
    wrong=$("$2" "$srcdir")
    if [[ -n $wrong ]]; then
        printf '%s\n%s\n' "$1:" "$wrong"
        failed=1
    fi
}
look "against the layers" layer_mistakes
look "calls of what stands above" calls_upward
look "in a circle" circles
look "BLIS is known outside its door" blis_mistakes
look "longer than a screen" long_functions

# ---- the same on a copy with a mistake in it ----

copy=$(mktemp -d "${TMPDIR:-/tmp}/grus-structure-XXXXXX")
trap 'rm -rf "$copy"' EXIT

planted() { # WHAT FUNCTION FILE LINE
    rm -rf "$copy/tree" && mkdir "$copy/tree"
    (cd "$srcdir" && find include base engine io scheduler api cli bench python share tests tools -name '*.[ch]' -o -name '*.py' | tar -cf - -T -) |
        tar -xf - -C "$copy/tree"
    printf '%s\n' "$4" >>"$copy/tree/$3"
    if [[ -z $("$2" "$copy/tree") ]]; then
        echo "not found: $1"
        failed=1
    fi
}
planted "engine that includes io" layer_mistakes engine/lanes.c '#include "io/file.h"'
planted "a command that includes the scheduler" layer_mistakes cli/main.c '#include "scheduler/job.h"'
planted "a kernel that includes a layer above it" layer_mistakes engine/kernel/vector.h '#include "engine/nn/gru.h"'
planted "a reader that calls the library's door" calls_upward io/file.c 'const char *f(void) { return grus_version(); }'
planted "two files that include each other" circles base/memory.h '#include "base/arena.h"'
planted "a longer way round" circles base/error.h '#include "io/outdir/journal.h"'
planted "BLIS outside its door" blis_mistakes engine/nn/linear.c 'void bli_init(void);'
planted "a long function" long_functions base/error.c "$(printf 'void f(void)\n{\n'; yes '    g();' | head -n 59; echo '}')"
planted "a long function in Python" long_functions tools/bpe.py "$(printf 'def f():\n'; yes '    g()' | head -n 60)"

# ---- the public symbols are those that grus.h declares ----

library=$builddir/.libs/libgrus.so
if [[ -f $library ]]; then
    declared=$(tr '\n' ' ' <"$srcdir/include/grus.h" | grep -oE 'GRUS_API [^;(]*\(' | grep -oE 'grus_[a-z0-9_]+\($' |
        tr -d '(' | sort -u)
    symbols=$(nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ && $3 !~ /^_(init|fini|_.*)$/ {print $3}')
    exported=$(sed 's/@.*//' <<<"$symbols" | grep -v '^GRUS_[0-9]*$' | sort -u)
    if [[ $declared != "$exported" ]]; then
        echo "declared in grus.h (<) and exported by libgrus (>) differ:"
        diff <(echo "$declared") <(echo "$exported")
        failed=1
    fi
    if grep -q '^GRUS_0' <<<"$symbols" && grep '^grus_' <<<"$symbols" | grep -v '@@GRUS_[0-9]'; then
        echo "the symbols above have no version"
        failed=1
    fi
fi
exit $failed
