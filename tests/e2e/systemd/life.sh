#!/bin/bash
# On a machine with systemd: life.sh PACKAGE.deb BUSYBOX.tar. Ends at the first thing that is not so.
set -eu
package=$1 image=$2
fail() { echo "FAILED: $*" >&2; journalctl -u boxship --no-pager | tail -20 >&2; exit 1; }
until_true() { # until_true WHAT COMMAND...: within a minute
    local what=$1
    shift
    for _ in $(seq 600); do "$@" && return; sleep 0.1; done
    fail "$what"
}
apt() { apt-get -y -q --no-install-recommends "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt-get $1"; }; }
main() { systemctl show -p MainPID --value boxship.service; }
going() { boxship inspect -f '{{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} {{.State.Running}}' going; }
same() { [ "$(going)" = "$before" ] || fail "$1: the container was $before, is $(going)"; }
moves() { [ "$(boxship logs --tail 1 going)" -gt "$1" ]; }
other_main() { now=$(main); [ "$now" != 0 ] && [ "$now" != "$1" ] && boxship version >/dev/null 2>&1; }

until_true "systemd does not answer" test -S /run/dbus/system_bus_socket
systemctl is-system-running --wait >/dev/null || fail "the machine is $(systemctl is-system-running)"
apt install "$package"
for unit in boxship.service boxship.socket; do
    systemctl is-active -q $unit || fail "$unit is not active"
    systemctl is-enabled -q $unit || fail "$unit is not enabled"
done
systemctl is-active -q docker.service || fail "there is no docker.service"
boxship import -c 'ENV PATH=/bin' - base <"$image" >/dev/null
[ "$(boxship -H unix:///run/docker.sock run --rm base echo hello)" = hello ] || fail "run"
boxship run -d --name going -p 8080:80 base sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done' >/dev/null
before=$(going)
echo "installed: units run, a container runs"

was=$(main)
systemctl restart boxship
same restart
other_main "$was" || fail "restart: the daemon was not replaced"
until_true "the output stands still" moves "$(boxship logs --tail 1 going)"
was=$(main)
systemctl kill --kill-who=main --signal=KILL boxship.service
until_true "the daemon was not started again" other_main "$was"
same kill
was=$(main)
systemctl reload boxship
same reload
[ "$(main)" = "$was" ] || fail "reload: the daemon was replaced"
! journalctl -u boxship --no-pager | grep 'changed by somebody' >&2 || fail "the daemon fights itself"
echo "restarted, killed, reloaded: the container goes on"

apt install --reinstall "$package"
other_main "$was" || fail "upgrade: the daemon was not replaced"
same upgrade
until_true "the output stands still" moves "$(boxship logs --tail 1 going)"
echo "upgraded: the container goes on"

systemctl stop boxship.service 2>/dev/null
kill -0 "${before%% *}" || fail "stop: the container ended"
boxship ps -q >/dev/null # the socket starts the daemon
same "start by the socket"
echo "stopped and started by its socket: the container goes on"

apt remove boxship
! kill -0 "${before%% *}" 2>/dev/null || fail "remove: the container outlived the program"
[ -d /var/lib/boxship/layers ] || fail "remove: the data went"
apt purge boxship
left=$(ls -d /var/lib/boxship /etc/boxship /run/boxship* /run/docker.sock /etc/systemd/system/{boxship,docker}* 2>/dev/null || true)
left+=$(find /var/lib/systemd /sys/fs/cgroup -name '*boxship*'; nft list tables; ip -br link | grep -v '^lo '; grep boxship /proc/mounts) || true
left+=$(systemctl list-units --all --no-legend '*boxship*' '*docker*'; getent group docker) || true
[ -z "$left" ] || fail "purge left: $left"
systemctl is-system-running >/dev/null || fail "purge: the machine is $(systemctl is-system-running)"
echo "purged: nothing is left"
