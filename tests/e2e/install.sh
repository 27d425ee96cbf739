#!/bin/bash
# Inside a clean Debian root, in a mount namespace of its own: install.sh PACKAGE.deb SETTINGS.json BUSYBOX.tar
# Install, use, upgrade under a running container, remove, purge. Ends at the first thing that is not so.
set -eu
package=$1 settings=$2 image=$3
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
fail() { echo "FAILED: $*" >&2; [ ! -f /tmp/daemon.log ] || tail -20 /tmp/daemon.log >&2; exit 1; }
install_package() { apt-get install -y -q --no-install-recommends --reinstall "$1" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; fail install; }; }
files() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/cache -o -path /var/log \
    -o -path /var/lib/apt -o -path '/etc/*-' -o -path /var/lib/dpkg \) -prune -o -print | sort; }
b() { boxship -H unix:///run/boxship-test/boxship.sock "$@"; }
start() {
    boxship daemon --config-file /etc/boxship/daemon.json >>/tmp/daemon.log 2>&1 &
    daemon=$!
    for _ in $(seq 300); do b version >/dev/null 2>&1 && return; sleep 0.1; done
    fail "the daemon does not answer"
}

apt-get update -q >/dev/null 2>&1
# what the package needs is no part of what it must not leave
apt-get install -y -q --no-install-recommends $(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/(.*//; s/|.*//') >/tmp/apt.log 2>&1
files >/tmp/before

install_package "$package"
echo "installed: $(boxship --version)"
getent group docker >/dev/null || fail "there is no group docker"
for file in /usr/share/bash-completion/completions/boxship /usr/lib/systemd/system/boxship.service \
    /etc/systemd/system/multi-user.target.wants/boxship.service /etc/systemd/system/docker.service; do
    [ -e "$file" ] || [ -L "$file" ] || fail "there is no $file"
done
boxship system doctor || fail "the doctor found something"
boxship daemon --config-file /etc/boxship/daemon.json --validate

cp "$settings" /etc/boxship/daemon.json
start
b import --change 'ENV PATH=/bin' - base:1 <"$image" >/dev/null
[ "$(b run --rm base:1 echo hello)" = hello ] || fail "run"
id=$(b run -d --name going base:1 sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done')
pid=$(b inspect -f '{{.State.Pid}}' going)

# without systemd nobody restarts the daemon for us: the package replaces the files, we the process
install_package "$package"
kill "$daemon"; wait "$daemon" || true
[ -d "/proc/$pid" ] || fail "the container did not survive"
start
[ "$(b inspect -f '{{.State.Pid}} {{.State.Running}} {{.RestartCount}}' going)" = "$pid true 0" ] || fail "restarted"
echo "upgraded: $pid goes on"

kill "$daemon"; wait "$daemon" || true
apt-get remove -y -q boxship >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; fail remove; }
[ ! -d "/proc/$pid" ] || fail "the container outlived the program"
[ -d /var/lib/boxship-test/layers ] || fail "the data went"
! grep -q ' /\(var/lib\|run\)/boxship-test/' /proc/self/mountinfo || fail "mounts are left"
files | diff /tmp/before - | grep '^[<>]' | grep -v ' /var/lib/boxship-test\| /etc/boxship' >/tmp/left || true
[ ! -s /tmp/left ] || { cat /tmp/left; fail "remove left files"; }
echo "removed: data stays"

rm -rf /var/lib/boxship-test # named by the settings of this test, not the package's directory
apt-get purge -y -q boxship >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; fail purge; }
files | diff /tmp/before - >/tmp/left || { cat /tmp/left; fail "purge left files"; }
! getent group docker >/dev/null || fail "the group is left"
echo "purged: nothing is left"
