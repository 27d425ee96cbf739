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
    /sbin/ldconfig -p | grep "$2" >/dev/null || wanted+=("$1") # -q would end the pipe early, which counts as a failure
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
if [ "$purpose" = test ]; then
    need mount mount
    need skopeo skopeo
    need xz-utils xz
    need zsh zsh
    need fish fish
    need openssh-client ssh-agent
    need btrfs-progs mkfs.btrfs
    need e2fsprogs mkfs.ext4
    # 1.29, the last docker-compose in Python; later releases of the system have another program by that name
    candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/ *Candidate: //p'; }
    [ "$(id -u)" != 0 ] || [ -n "$(candidate docker-compose)" ] || apt-get update -q >/dev/null 2>&1 || true
    case $(candidate docker-compose) in
    1.*) need docker-compose docker-compose ;;
    esac
fi
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
# The lock names all there is to install; older pips would look for more where a package asks for an extra of another.
"${pip[@]}" --require-hashes --no-deps -r "$lock"
"${pip[@]}" --no-deps --no-build-isolation -e .
packaging/launch.sh "$venv" .

# The tests drive stock programs. Of these only the program is taken, so that no second service starts here.
take() { # take PROGRAM PACKAGE...: from the first package that can be had
    local program=$1 package folder
    shift
    if command -v "$program" >/dev/null 2>&1 || [ -x "$venv/bin/$program" ]; then
        return
    fi
    command -v apt-get >/dev/null || fail "the tests need $program; install it"
    say "Fetching $program"
    folder=$(mktemp -d)
    chmod 755 "$folder"
    apt-get update -q >/dev/null
    for package in "$@"; do
        (cd "$folder" && apt-get download -q "$package" >/dev/null 2>&1) && break
    done
    ls "$folder"/*.deb >/dev/null 2>&1 || fail "none of these packages can be had here, the tests need one: $*"
    dpkg-deb -x "$folder"/*.deb "$folder/root"
    install -m 755 "$folder/root/usr/bin/$program" "$venv/bin/$program"
    rm -rf "$folder"
}
# The stock docker CLI from 26 on, docker compose 2.26 and docker buildx, which come from Debian 13 where the host has
# older ones. Where no Debian mirror is near, an older CLI has to do, and the tests with the other two are left out.
new_docker() {
    local major
    major=$(docker --version 2>/dev/null | sed -n 's/^Docker version \([0-9]*\)\..*/\1/p')
    [ "${major:-0}" -ge 26 ]
}
if [ "$purpose" = test ]; then
    stock=(docker-compose docker-buildx)
    new_docker || stock+=(docker-cli)
    say "Fetching the stock ${stock[*]}"
    scripts/trixie.sh "$venv/stock" "${stock[@]}" || say "Going on without"
    [ ! -x "$venv/stock/root/usr/bin/docker" ] || ln -sf ../stock/root/usr/bin/docker "$venv/bin/docker"
    take docker docker-cli docker.io
    take docker-registry docker-registry
    touch "$venv/ready" "$venv/ready-test"
else
    touch "$venv/ready"
fi
