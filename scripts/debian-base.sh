#!/usr/bin/env bash
# Write a small root file system, of the release and the package sources that this machine has, to standard output.
#   scripts/debian-base.sh | boxship import - base
# Installs mmdebstrap where it is missing. Needs root.
set -euo pipefail

if ! command -v mmdebstrap >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends mmdebstrap >&2 ||
        { apt-get update -q >&2 && apt-get install -y -q --no-install-recommends mmdebstrap >&2; }
fi
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
# One line for each source of this release, signed by what the machine trusts.
sources=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$release" '$2 == release || $2 == release "-updates" || $2 == release "-security" {
        of[$1 " " $2] = of[$1 " " $2] " " $3 } END { for (key in of) print "deb " key of[key] }' | sort)
[ -n "$sources" ] || { echo "no package source of $release is configured here" >&2; exit 1; }
mmdebstrap --quiet --variant=apt --format=tar \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$release" - - <<<"$sources"
