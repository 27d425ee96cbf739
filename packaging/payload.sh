#!/usr/bin/env bash
# Fill DIRECTORY with the files that every kind of installation has beside the program itself:
#   packaging/payload.sh PROGRAM DIRECTORY PYTHON...     PROGRAM: a `boxship` that runs here
#   PYTHON...: a command that runs a Python which can import boxship
# units, sysusers, daemon.json, man pages and completions, below DIRECTORY/usr and DIRECTORY/etc.
set -euo pipefail
program=$1 root=$2
shift 2
here=$(dirname "$(readlink -f "$0")")

put() { install -D -m 644 "$1" "$root/$2"; }
put "$here/boxship.service" usr/lib/systemd/system/boxship.service
put "$here/boxship.socket" usr/lib/systemd/system/boxship.socket
put "$here/boxship.sysusers" usr/lib/sysusers.d/boxship.conf
put "$here/daemon.json" etc/boxship/daemon.json

complete() { # complete SHELL PATH
    mkdir -p "$(dirname "$root/$2")"
    "$program" completion "$1" >"$root/$2"
}
complete bash usr/share/bash-completion/completions/boxship
complete zsh usr/share/zsh/vendor-completions/_boxship
complete fish usr/share/fish/vendor_completions.d/boxship.fish

if "$@" -c 'import boxship.front.cli.pages' 2>/dev/null; then
    pages=$(mktemp -d)
    "$@" -m boxship.front.cli.pages "$pages" >/dev/null
    for page in "$pages"/*.[1-8]; do
        mkdir -p "$root/usr/share/man/man${page##*.}"
        gzip -9nc "$page" >"$root/usr/share/man/man${page##*.}/$(basename "$page").gz"
    done
    rm -rf "$pages"
fi
