#!/usr/bin/env bash
# Time a daemon of its own; DOCKERD=/path/to/docker.sock is timed beside it, round by round in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "bench: containers need root" >&2; exit 1; }
root=$(mktemp -d -p /dev/shm boxship-bench-XXXXXX)
flags=(-H "unix://$root/boxship.sock" --data-root "$root/data" --exec-root "$root/exec" --pidfile "$root/pid"
    --bridge bxbench0 --cgroup-parent /boxship-bench --group "")
daemon=
finish() {
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } || true
    .venv/bin/boxship daemon "${flags[@]}" --purge
    rm -rf "$root"
}
trap finish EXIT
.venv/bin/boxship daemon "${flags[@]}" >"$root/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
    .venv/bin/boxship -H "unix://$root/boxship.sock" version >/dev/null 2>&1 && break
    sleep 0.1
done
.venv/bin/python -m benchmarks.engine "boxship=$root/boxship.sock" ${DOCKERD:+"dockerd=$DOCKERD"} "$@"
