#!/bin/bash
# Inside a clean Debian root, in a mount namespace of its own:
#   install.sh package PACKAGE.deb SETTINGS.json BUSYBOX.tar
#   install.sh script CHECKOUT SETTINGS.json BUSYBOX.tar       by the install.sh of a checkout
# Install, use, upgrade under a running container, remove, purge. Ends at the first thing that is not so.
set -eu
way=$1 source=$2 settings=$3 image=$4
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; [ ! -f /tmp/daemon.log ] || tail -20 /tmp/daemon.log >&2; exit 1; }
quietly() { "$@" >/tmp/quiet.log 2>&1 || { cat /tmp/quiet.log; fail "$*"; }; }
apt() { quietly apt-get -y -q --no-install-recommends "$@"; }
files() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/cache -o -path /var/log \
    -o -path /var/lib/apt -o -path '/etc/*-' -o -path /var/lib/dpkg \) -prune -o -print | sort; }
b() { boxship -H unix:///run/boxship-test/boxship.sock "$@"; }
start() {
    boxship daemon --config-file /etc/boxship/daemon.json >>/tmp/daemon.log 2>&1 &
    daemon=$!
    for _ in $(seq 600); do b version >/dev/null 2>&1 && return; sleep 0.1; done
    fail "the daemon does not answer"
}

quietly apt-get update -q
case $way in
package)
    prefix=/usr
    put() { apt install --reinstall "$source"; }
    remove() { apt remove boxship; }
    purge() { apt purge boxship; }
    needed=$(dpkg-deb -f "$source" Depends | tr ',' '\n' | sed 's/(.*//; s/|.*//')
    ;;
script)
    prefix=/usr/local
    put() { quietly "$source/install.sh"; }
    remove() { quietly "$source/install.sh" --uninstall; }
    purge() { quietly "$source/install.sh" --purge; }
    needed="python3-venv crun conmon nftables libarchive13 passwd ca-certificates"
    export PIP_NO_CACHE_DIR=1
    ;;
esac
# what it needs is no part of what it must not leave
apt install $needed
files >/tmp/before

put
echo "installed: $(boxship --version)"
getent group docker >/dev/null || fail "there is no group docker"
for file in share/bash-completion/completions/boxship share/zsh/vendor-completions/_boxship \
    share/fish/vendor_completions.d/boxship.fish share/man/man1/boxship.1.gz share/man/man1/boxship-container-run.1.gz; do
    [ -s "$prefix/$file" ] || fail "there is no $prefix/$file"
done
if [ "$way" = package ]; then
    for file in /usr/lib/systemd/system/boxship.service /etc/systemd/system/multi-user.target.wants/boxship.service \
        /etc/systemd/system/docker.service; do
        [ -e "$file" ] || [ -L "$file" ] || fail "there is no $file"
    done
fi
boxship system doctor || fail "the doctor found something"
boxship daemon --config-file /etc/boxship/daemon.json --validate

cp "$settings" /etc/boxship/daemon.json
start
b import --change 'ENV PATH=/bin' - base:1 <"$image" >/dev/null
[ "$(b run --rm base:1 echo hello)" = hello ] || fail "run"
[[ "$(boxship completion words -H unix:///run/boxship-test/boxship.sock image rm)" == *base:1* ]] || fail "completion"
id=$(b run -d --name going base:1 sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done')
pid=$(b inspect -f '{{.State.Pid}}' going)

# without systemd nobody restarts the daemon for us: the files are replaced for us, the process by us
put
kill "$daemon"; wait "$daemon" || true
[ -d "/proc/$pid" ] || fail "the container did not survive"
start
[ "$(b inspect -f '{{.State.Pid}} {{.State.Running}} {{.RestartCount}}' going)" = "$pid true 0" ] || fail "restarted"
echo "upgraded: $pid goes on"

kill "$daemon"; wait "$daemon" || true
remove
[ ! -d "/proc/$pid" ] || fail "the container outlived the program"
[ -d /var/lib/boxship-test/layers ] || fail "the data went"
! grep -q ' /\(var/lib\|run\)/boxship-test/' /proc/self/mountinfo || fail "mounts are left"
files | diff /tmp/before - | grep '^[<>]' | grep -v ' /var/lib/boxship-test\| /etc/boxship' >/tmp/left || true
[ ! -s /tmp/left ] || { cat /tmp/left; fail "remove left files"; }
echo "removed: data stays"

rm -rf /var/lib/boxship-test # named by the settings of this test, not the directory that is Boxship's own
purge
files | diff /tmp/before - >/tmp/left || { cat /tmp/left; fail "purge left files"; }
! getent group docker >/dev/null || fail "the group is left"
echo "purged: nothing is left"
