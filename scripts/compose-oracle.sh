#!/usr/bin/env bash
# Fetch the stock docker compose of Debian 13 (2.26.1) into a folder, without installing it, and print its path.
#   scripts/compose-oracle.sh FOLDER [docker-buildx]      the other one: docker buildx (0.13.1)
# Its outputs are what tests/compose_files/golden holds: scripts/compose-golden.py writes them anew.
set -euo pipefail
folder=${1:?usage: scripts/compose-oracle.sh FOLDER [PLUGIN]}
plugin=${2:-docker-compose}
suite=trixie
program=$folder/root/usr/libexec/docker/cli-plugins/$plugin
[ -x "$program" ] && { echo "$program"; exit 0; }

mkdir -p "$folder"/{state/lists/partial,cache/archives/partial}
folder=$(cd "$folder" && pwd)
program=$folder/root/usr/libexec/docker/cli-plugins/$plugin
touch "$folder/state/status"
# The mirror is the one this machine uses already; only the suite differs.
site=$(apt-get indextargets --format '$(SITE)|$(ORIGIN)' 'Created-By: Packages' | sed -n 's/|Debian$//p' | head -n 1)
[ -n "$site" ] || { echo "no Debian mirror is configured here" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" >"$folder/sources.list"
apt=(apt-get -q
    -o "Dir::State=$folder/state" -o "Dir::State::status=$folder/state/status" -o "Dir::Cache=$folder/cache"
    -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null)
"${apt[@]}" update >/dev/null
(cd "$folder" && "${apt[@]}" download "$plugin" >/dev/null)
dpkg-deb -x "$folder/$plugin"_*.deb "$folder/root"
echo "$program"
