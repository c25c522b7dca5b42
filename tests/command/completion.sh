#!/usr/bin/env bash
# Completion in bash, fish and zsh: what is offered is what --help names, and words where an option takes one.
set -eu
# shellcheck source=tests/support/common.sh
. "${srcdir:=.}/tests/support/common.sh"
completions=$srcdir/share/completions
mkdir "$work/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(realpath "$GRUS")" >"$work/bin/grus"
chmod +x "$work/bin/grus"
export PATH=$work/bin:$PATH
cd "$work"
touch one.jsonl

# By the help text: commands, and a command's options.
grus --help | sed -n 's/^  grus \([a-z]*\) .*/\1/p' | sort -u >commands
options() { grus "$1" --help | grep -oE '^  (-.,|   ) --[a-z0-9-]+' | grep -oE -- '--.*' | sort; }

# offers SHELL WORD...: what the shell offers for the last word, sorted.
offers_bash() {
    bash -c '
        . "$1"
        shift
        compopt() { :; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _grus grus "${@: -1}" "${@: -2:1}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completions/bash/grus" "$@" | sort
}
offers_fish() {
    HOME=$work fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$completions/fish/grus.fish" "$*" | cut -f1 | sort
}
# zsh completes at a terminal alone: what _describe and _arguments are given is looked at instead.
offers_zsh() {
    zsh -f -c '
        fpath=($1)
        _call_program() { shift; eval "$@"; }
        _describe() { local row; for row in ${(P)4}; do print -r -- ${row%%:*}; done; }
        _arguments() {
            local spec option action
            for spec in "$@"; do
                [[ $spec == (-s|\*:*) ]] && continue
                option=${${spec##\(*\)}%%[+=\[]*} action=
                [[ $spec == *"]:"* ]] && action=${spec##*:}
                if [[ $words[-2] == $option && -n $action ]]; then
                    accept=(${(s: :)${action//[()]/}})
                    print -l -- $accept
                    return
                fi
            done
            for spec in "$@"; do
                option=${${spec##\(*\)}%%[+=\[]*}
                [[ $option == $words[-1]* && $option == --* ]] && print -r -- $option
            done
        }
        shift
        words=("$@") CURRENT=$#
        autoload -Uz _grus
        _grus' zsh "$completions/zsh" "$@" | sort
}

try() {
    local shell=$1 command
    "offers_$shell" grus '' >got
    check "$shell: commands" cmp commands got
    "offers_$shell" grus help '' >got
    check "$shell: commands behind help" cmp commands got
    while read -r command; do
        [[ $command != help && $command != version ]] || continue
        options "$command" >wanted
        "offers_$shell" grus "$command" --x >/dev/null
        "offers_$shell" grus "$command" -- >got
        check "$shell: options of $command" cmp wanted got
    done <commands
    "offers_$shell" grus run --attention '' >got
    check "$shell: words of an option" cmp <(printf 'hard\nnone\nsoft\n') got
    "offers_$shell" grus run --beam >got
    check "$shell: a part of a name" cmp <(echo --beam-size) got
}

for shell in bash fish zsh; do
    if command -v "$shell" >/dev/null; then
        try "$shell"
    else
        echo "$shell is not installed: left out"
    fi
done
check "bash: words behind =" cmp <(printf 'hard\n') <(offers_bash grus run --attention = h)
check "bash: a file's name is the shell's to offer" cmp <(echo) <(offers_bash grus run --log o)
check "no other argument beside it" bash -c '! grus run --list-options more 2>/dev/null'
finish
