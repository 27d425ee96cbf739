#!/usr/bin/env bash
# Fetch packages of Debian 13 without installing them: their files come below FOLDER/root.
#   scripts/trixie.sh FOLDER PACKAGE...
# For stock clients that are newer than the host's own. Does nothing for packages that are there already.
set -euo pipefail
folder=${1:?usage: scripts/trixie.sh FOLDER PACKAGE...}
shift

missing=()
for package in "$@"; do
    [ -e "$folder/$package.fetched" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || { echo "no apt-get here to fetch ${missing[*]} with" >&2; exit 1; }
# The mirror is the one this machine uses already; only the suite differs.
site=$(apt-get indextargets --format '$(SITE)|$(ORIGIN)' 'Created-By: Packages' | sed -n 's/|Debian$//p' | head -n 1)
[ -n "$site" ] || { echo "no Debian mirror is configured here to fetch ${missing[*]} from" >&2; exit 1; }
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{state/lists/partial,cache/archives/partial}
touch "$work/state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >"$work/sources.list"
apt=(apt-get -q -o APT::Sandbox::User=root
    -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache"
    -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null)
"${apt[@]}" update >/dev/null
for package in "${missing[@]}"; do
    (cd "$work" && "${apt[@]}" download "$package" >/dev/null)
    dpkg-deb -x "$work/$package"_*.deb "$folder/root"
    touch "$folder/$package.fetched"
done
