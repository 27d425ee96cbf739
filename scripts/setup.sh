#!/usr/bin/env bash
# Install what Boxship needs: Debian packages (as root) and a virtual environment.
#   scripts/setup.sh VENV [test]     with `test` also what the tests need
# Does nothing for what is there already. Works on Debian 12 and 13, Ubuntu 22.04 and 24.04.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
purpose=${2:-run}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# A package is wanted where what it brings is missing: program or file -> package.
wanted=()
need() { # need PACKAGE PROGRAM
    command -v "$2" >/dev/null 2>&1 || [ -e "$2" ] || wanted+=("$1")
}
need_library() { # need_library PACKAGE NAME
    /sbin/ldconfig -p | grep -q "$2" || wanted+=("$1")
}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
need crun crun
need runc runc
need conmon conmon
need nftables nft
need busybox-static busybox
need iproute2 ip
need procps ps
need tini tini
need curl curl
need ca-certificates /etc/ssl/certs/ca-certificates.crt
need_library libnftables1 libnftables.so.1
need_library libarchive13 libarchive.so.13

# The best Python: the system's own where it is new enough, for it starts fastest.
python=
for candidate in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is missing. Install it: apt-get install python3.11 python3.11-venv"
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    wanted+=("$("$python" -c 'import sys; print(f"python3.{sys.version_info.minor}-venv")')")
fi

if [ ${#wanted[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || fail "these packages are missing; run as root: apt-get install ${wanted[*]}"
    command -v apt-get >/dev/null || fail "no apt-get here; install by your own means: ${wanted[*]}"
    say "Installing ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${wanted[@]}" >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "${wanted[@]}" >&2; }
fi

lock=requirements.lock
[ "$purpose" = test ] && lock=requirements-dev.lock
say "Installing Python packages into $venv"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
pip=("$venv/bin/python" -m pip install -q --disable-pip-version-check)
"${pip[@]}" --require-hashes -r "$lock"
"${pip[@]}" --no-deps --no-build-isolation -e .

# The tests drive the stock client. Only its program is taken, so that no second daemon starts here.
docker_client() {
    command -v docker >/dev/null 2>&1 && return
    [ -x "$venv/bin/docker" ] && return
    command -v apt-get >/dev/null || fail "the tests need the docker command line; install it"
    say "Fetching the stock docker client"
    local folder
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' RETURN
    apt-get update -q >/dev/null
    (cd "$folder" && { apt-get download -q docker-cli || apt-get download -q docker.io; } >/dev/null 2>&1) ||
        fail "neither docker-cli nor docker.io can be had from this machine's package sources; the tests need one"
    dpkg-deb -x "$folder"/docker*.deb "$folder/root"
    install -m 755 "$folder/root/usr/bin/docker" "$venv/bin/docker"
}
if [ "$purpose" = test ]; then
    docker_client
    touch "$venv/ready" "$venv/ready-test"
else
    touch "$venv/ready"
fi
