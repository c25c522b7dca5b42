# fish completion of grus(1). What there is to complete is asked of the command itself: `grus COMMAND --list-options` has a row an
# option, with its names, what it takes, the words that it may be, and its help.

function __grus_rows
    set -l given (commandline -opc)
    command $given[1] $given[2] --list-options 2>/dev/null
end

function __grus_commands
    set -l given (commandline -opc)
    command $given[1] --list-commands 2>/dev/null
end

function __grus_at_command
    set -l given (commandline -opc)
    test (count $given) -eq 1; or test (count $given) -eq 2 -a "$given[-1]" = help
end

# What the word at hand may be, after an option that takes one; fails where no such option is before it.
function __grus_words
    set -l given (commandline -opc)
    set -l option $given[-1]
    string match -qr -- '^(?<name>--[^=]+)=' (commandline -ct); and set option $name
    for row in (__grus_rows)
        set -l fields (string split \t -- $row)
        test "$fields[3]" != -; and contains -- $option $fields[1] $fields[2]; or continue
        string match -qr -- '(FILE|DIR|MODEL)$' $fields[3]; and return 1
        test "$fields[4]" = -; and return 0
        string match -q -- '--*=*' (commandline -ct); and set -l before $option=
        printf "$before%s\n" (string split ' ' -- $fields[4])
        return 0
    end
    return 1
end

function __grus_names
    for row in (__grus_rows)
        set -l fields (string split \t -- $row)
        printf '%s\t%s\n' $fields[1] $fields[5]
    end
end

complete -c grus -f -n __grus_at_command -a '(__grus_commands)'
complete -c grus -f -n 'not __grus_at_command; and __grus_words >/dev/null' -a '(__grus_words)'
complete -c grus -n 'not __grus_at_command; and not __grus_words >/dev/null; and string match -q -- "-*" (commandline -ct)' -a '(__grus_names)'
