#!/usr/bin/env bash
# Install Boxship on a Linux that has no package of it:
#   ./install.sh                 from this checkout, into /usr/local
#   ./install.sh FILE.whl        from a wheel
#   ./install.sh --uninstall     ends containers and takes everything away but images, volumes and settings
#   ./install.sh --purge         takes these, too
# On Debian and Ubuntu prefer the package: make deb.
set -euo pipefail
prefix=/usr/local/lib/boxship
program=/usr/local/bin/boxship
list=$prefix/files
here=$(dirname "$(readlink -f "$0")")

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }
has_systemd() { [ -d /run/systemd/system ]; }

uninstall() {
    if has_systemd; then
        systemctl disable --now boxship.service boxship.socket >/dev/null 2>&1 || true
    fi
    if [ -x "$program" ]; then
        local settings=()
        [ ! -f /etc/boxship/daemon.json ] || settings=(--config-file /etc/boxship/daemon.json)
        "$program" daemon "${settings[@]}" "$1" || fail "end the daemon that runs, then call me again"
    fi
    if [ -f "$list" ]; then
        while read -r file; do
            case $file in
            */) rmdir --ignore-fail-on-non-empty "$file" 2>/dev/null || true ;; # a directory that was made for us
            *) rm -f "$file" ;;
            esac
        done < <(sort -r "$list") # what is in a directory before the directory
    fi
    rm -rf "$prefix" "$program" /run/boxship /run/boxship.sock /run/boxship.pid
    if [ "$1" = --purge ]; then
        rm -rf /var/lib/boxship /etc/boxship
        if getent group docker | grep -q ':$'; then groupdel docker; fi
    fi
    ! has_systemd || systemctl daemon-reload
}

install_program() { # install_program WHAT: a wheel or a directory
    local python=
    for candidate in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "Python 3.11 or newer with venv is missing; install it first (python3-venv)"
    say "Installing into $prefix"
    "$python" -m venv --upgrade-deps "$prefix" >/dev/null 2>&1 || "$python" -m venv "$prefix"
    if [ -f "$here/requirements.lock" ]; then
        "$prefix/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r "$here/requirements.lock"
        "$prefix/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall "$1"
    else
        "$prefix/bin/python" -m pip install -q --disable-pip-version-check --upgrade "$1"
    fi
    [ ! -x "$here/packaging/launch.sh" ] || "$here/packaging/launch.sh" "$prefix"
    ln -sfn "$prefix/bin/boxship" "$program"
}

install_files() {
    local stage file
    stage=$(mktemp -d)
    "$here/packaging/payload.sh" "$program" "$stage" "$prefix/bin/python"
    sed -i "s|/usr/bin/boxship|$program|" "$stage/usr/lib/systemd/system/boxship.service"
    mkdir -p /etc/boxship
    [ -e /etc/boxship/daemon.json ] || cp "$stage/etc/boxship/daemon.json" /etc/boxship/
    rm -rf "$stage/etc"
    # units belong where the machine's owner puts them, the rest below /usr/local
    local made
    made=$([ ! -f "$list" ] || grep '/$' "$list" || true)$'\n'
    : >"$list"
    place() { # place FROM TO
        [ -d "$stage/$1" ] || return 0
        while read -r file; do
            new_directories "$(dirname "$2/$file")"
            install -D -m 644 "$stage/$1/$file" "$2/$file"
            echo "$2/$file" >>"$list"
        done < <(cd "$stage/$1" && find . -type f | sed 's|^\./||')
    }
    new_directories() {
        local at=$1
        while [ ! -d "$at" ]; do
            made+=$at/$'\n'
            at=$(dirname "$at")
        done
    }
    if has_systemd; then place usr/lib/systemd/system /etc/systemd/system; fi
    place usr/share /usr/local/share
    grep / <<<"$made" >>"$list" || true
    rm -rf "$stage"
    getent group docker >/dev/null || groupadd --system docker
}

[ "$(id -u)" = 0 ] || fail "run me as root: sudo $0 $*"
case ${1:-} in
--uninstall) uninstall --withdraw; say "Images, volumes and settings stay; $0 --purge takes them, too."; exit ;;
--purge) uninstall --purge; say "Nothing is left."; exit ;;
-*) fail "unknown flag $1; there are --uninstall and --purge" ;;
esac
install_program "${1:-$here}"
[ -d "$here/packaging" ] && install_files
if has_systemd; then
    systemctl daemon-reload
    systemctl enable --now boxship.socket boxship.service
    systemctl restart boxship.service
    say "The daemon runs. Try: boxship run --rm busybox echo hello"
else
    say "There is no systemd here: start the daemon with 'boxship daemon'."
fi
"$program" system doctor || say "Mend what is marked, then try again."
