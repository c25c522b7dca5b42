# shellcheck shell=bash disable=SC2154
# common.sh: what the tests that install into a fresh root share. Sourced by them, not run. They set NAME, for folders, and needs,
# the commands without which they are left out. DEB_MIRROR=URL names another mirror; DEB_BASE=FILE is a tarball of a bare root, which
# is made where it is missing.
mirror=${DEB_MIRROR:-http://deb.debian.org/debian}
suite=bookworm

for tool in debootstrap $needs; do
    command -v "$tool" >/dev/null || {
        echo "this test needs $tool (Debian packages: dpkg-dev debhelper lintian debootstrap)" >&2
        exit 77
    }
done
((EUID == 0)) || {
    echo "this test needs root, for debootstrap and chroot" >&2
    exit 77
}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/grus-$NAME-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
logged() { # NAME COMMAND...
    local log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 </dev/null || {
        tail -n 40 "$log" >&2
        fail "$*; see above"
    }
}

# Debian's smallest root.
make_root() {
    if [[ ! -s ${DEB_BASE-} ]]; then
        logged debootstrap debootstrap --variant=minbase "$suite" "$root" "$mirror"
        [[ -z ${DEB_BASE-} ]] || tar -C "$root" -cf "$DEB_BASE" --one-file-system .
    else
        mkdir "$root"
        tar -C "$root" -xf "$DEB_BASE"
        cp /etc/resolv.conf "$root/etc"
    fi
}

# A command in it, with the processes and the terminals that every system has; nothing of it outlives the command.
inside() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount --pid --fork --kill-child=KILL sh -c '
        root=$1 && shift && mount -t proc proc "$root/proc" && mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" &&
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' \
        sh "$root" "$@"
}
