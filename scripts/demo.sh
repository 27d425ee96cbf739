#!/usr/bin/env bash
# A daemon of its own and examples/three-tier on it: proxy -> front ends -> applications -> cache and database.
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

# Password of the demo's database: it lives in this file in memory, and in the containers that need it, nowhere else.
password() {
    [ -s "$state/password" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$state/password")
    cat "$state/password"
}

compose() {
    BOXSHIP_HOST=unix://$socket PORT=$port DB_PASSWORD=$(password) "$boxship" compose -f examples/three-tier/compose.yaml "$@"
}

up() {
    [ "$(id -u)" = 0 ] || fail "containers need root: sudo make demo"
    say "1. A daemon of its own (log: $state/daemon.log)"
    start_daemon

    if ! run_client image inspect three-tier/base >/dev/null 2>&1; then
        say "2. A base image of this machine's Debian or Ubuntu packages (the longest step)"
        scripts/debian-base.sh | run_client import --change 'CMD ["bash"]' - three-tier/base
    else
        say "2. The base image is there already"
    fi

    local port
    port=$(cat "$state/port" 2>/dev/null || true)
    port=${port:-$(free_port)}
    echo "$port" >"$state/port"
    say "3. Images of HAProxy, Redis, PostgreSQL and a Python application: examples/three-tier"
    compose build --quiet

    say "4. The application: proxy, two front ends, two applications, cache, database"
    compose up -d --wait --wait-timeout 300

    say "5. What runs"
    compose ps --format 'table {{.Name}}\t{{.Service}}\t{{.Status}}\t{{.Ports}}'

    say "6. An answer through all tiers: curl http://localhost:$port"
    local answer=
    for _ in $(seq 50); do
        answer=$(curl -sf "http://localhost:$port/" || true)
        case $answer in *" visits"*) break ;; esac
        sleep 0.2
    done
    case $answer in *" visits"*) echo "$answer" ;; *) fail "no answer on port $port, but: $answer" ;; esac

    say "What to try next"
    cat <<TEXT
  export DOCKER_HOST=unix://$socket   # for any Docker client; BOXSHIP_HOST for ours
  export PATH=$PWD/.venv/bin:\$PATH PORT=$port DB_PASSWORD=\$(cat $state/password)
  cd examples/three-tier
  boxship compose ps                       # or docker compose: either takes over what the other started
  boxship compose logs -f web
  boxship compose up -d --scale web=5      # the proxy finds them by name
  GREETING=Hello boxship compose up -d     # an update that no visitor notices; \`boxship compose rollback\` takes it back
  boxship compose exec db psql -h 127.0.0.1 -U app postgres    # asks for \$DB_PASSWORD
  boxship compose stop db; boxship compose why; boxship compose start db
  boxship compose backup -o before.tar     # the volumes, as one archive
  kill -9 \$(cat $state/daemon.pid)        # the daemon dies, containers go on (only names wait); a new one takes over:
  make demo                                # brings everything right again; the count goes on
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
