# shellcheck shell=bash disable=SC2154
# importing.sh: runs an importer of tools/ many times in one process, for loading PyTorch takes seconds. Sourced behind common.sh;
# python is the interpreter.

# import_coprocess TOOL: starts it.
import_coprocess() {
    coproc tool { exec "$python" -c '
import contextlib, importlib, io, shlex, sys
sys.path.insert(0, sys.argv[1])
import importing
name = sys.argv[2]
tool = importlib.import_module(name)
for line in sys.stdin:
    sys.argv[1:] = shlex.split(line)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = importing.main(name, tool.parser(), tool.convert)
    with open("said", "w") as file:
        file.write(out.getvalue())
    print(code, flush=True)
' "$srcdir/tools" "$1"; }
}

# import_model CODE ARGUMENT...: what the tool says is in the file said. CODE any: it succeeds or refuses.
import_model() {
    local code wanted=$1
    shift
    checks=$((checks + 1))
    echo "$@" >&"${tool[1]}"
    code=none       # where the tool has not ended as it should
    read -r code <&"${tool[0]}" || true
    [[ $wanted != any || ! $code =~ ^[01]$ ]] || return 0
    if [[ $code != "$wanted" ]]; then
        fail "import $*: exit $code, expected $wanted"
        sed 's/^/    /' said >&2
    fi
}
