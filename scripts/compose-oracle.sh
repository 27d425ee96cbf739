#!/usr/bin/env bash
# Fetch the stock docker compose of Debian 13 (2.26.1) into a folder, without installing it, and print its path.
#   scripts/compose-oracle.sh FOLDER [docker-buildx]      the other one: docker buildx (0.13.1)
# Its outputs are what tests/compose_files/golden holds: scripts/compose-golden.py writes them anew.
set -euo pipefail
folder=${1:?usage: scripts/compose-oracle.sh FOLDER [PLUGIN]}
plugin=${2:-docker-compose}
"$(dirname "$0")/trixie.sh" "$folder" "$plugin"
echo "$(cd "$folder" && pwd)/root/usr/libexec/docker/cli-plugins/$plugin"
