#!/usr/bin/env bash
# A daemon of its own and an application of three containers: front -> app -> store.
#   scripts/demo.sh up | down
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
data=/var/lib/boxship-demo
state=/run/boxship-demo
socket=$state/boxship.sock
boxship=$PWD/.venv/bin/boxship
flags=(-H "unix://$socket" --data-root "$data" --exec-root "$state/exec" --pidfile "$state/daemon.pid"
    --bridge boxdemo0 --cgroup-parent /boxship-demo)

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; [ -f "$state/daemon.log" ] && tail -n 20 "$state/daemon.log" >&2; exit 1; }

if command -v docker >/dev/null 2>&1; then
    client=docker
    run_client() { DOCKER_HOST=unix://$socket DOCKER_CLI_HINTS=false docker "$@"; }
else
    client=$boxship
    run_client() { "$boxship" -H "unix://$socket" "$@"; }
fi

free_port() {
    local port
    for port in {8080..8179}; do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail "no port between 8080 and 8179 is free"
}

start_daemon() {
    mkdir -p "$state"
    if run_client version >/dev/null 2>&1; then
        return
    fi
    setsid "$boxship" daemon "${flags[@]}" >"$state/daemon.log" 2>&1 </dev/null &
    for _ in $(seq 100); do
        run_client version >/dev/null 2>&1 && return
        kill -0 $! 2>/dev/null || fail "the daemon ended at once"
        sleep 0.1
    done
    fail "the daemon does not answer"
}

up() {
    [ "$(id -u)" = 0 ] || fail "containers need root: sudo make demo"
    say "1. A daemon of its own (log: $state/daemon.log)"
    start_daemon
    run_client rm -f -v front app store >/dev/null 2>&1 || true

    say "2. A base image out of busybox"
    scripts/base-image.sh | run_client import --change 'ENV PATH=/bin' --change 'CMD ["sh"]' - demo/base:1

    say "3. A network, a volume, and three containers"
    run_client network inspect demo >/dev/null 2>&1 || run_client network create demo
    local role
    for role in store app front; do
        local more=()
        [ $role = store ] && more=(-v demo-data:/data)
        [ $role = front ] && more=(-p "$(free_port):80")
        run_client run -d --name $role --hostname $role --network demo --restart unless-stopped "${more[@]}" \
            -v "$PWD/scripts/demo/$role:/www:ro" demo/base:1 httpd -f -p 80 -h /www
    done

    say "4. What runs"
    run_client ps
    local port
    port=$(run_client port front 80/tcp | head -n 1)
    port=${port##*:}

    say "5. An answer on the published port: curl http://localhost:$port"
    local answer=
    for _ in $(seq 50); do
        answer=$(curl -sf "http://localhost:$port/" || true)
        case $answer in *" visits"*) break ;; esac
        sleep 0.1
    done
    case $answer in *" visits"*) echo "$answer" ;; *) fail "no answer on port $port, but: $answer" ;; esac

    say "What to try next"
    cat <<TEXT
  export DOCKER_HOST=unix://$socket   # for any Docker client; BOXSHIP_HOST for ours
  $client ps                               # front, app, store
  $client exec -it front sh                # a shell inside; try: wget -qO- http://app/cgi-bin/greet
  $client logs -f front                    # what it prints
  $client restart store                    # the count survives: it is in the volume demo-data
  kill -9 \$(cat $state/daemon.pid)        # the daemon dies, the containers go on; a new one takes them over:
  make demo                                # (it makes the three anew; the count goes on)
  make demo-down                           # takes everything away
TEXT
}

down() {
    [ "$(id -u)" = 0 ] || fail "containers need root: sudo make demo-down"
    local pid
    if pid=$(cat "$state/daemon.pid" 2>/dev/null) && grep -qs boxship "/proc/$pid/cmdline"; then
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    fi
    if [ -d "$data" ] || [ -d "$state" ]; then
        "$boxship" daemon "${flags[@]}" --purge
    fi
    rm -rf "$data" "$state"
    echo "Nothing is left of the demo."
}

case ${1:-} in
    up) up ;;
    down) down ;;
    *) echo "usage: scripts/demo.sh up|down" >&2; exit 2 ;;
esac
