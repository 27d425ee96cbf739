#!/usr/bin/env bash
# Give a virtual environment a `boxship` that starts as fast as the package's: packaging/launch.sh VENV [CHECKOUT]
# pip's own script reads every .pth file of the environment and more before it begins, which takes longer than `boxship version`.
set -euo pipefail
venv=$(realpath "$1")
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
case $venv in *[[:space:]]*) exit 0 ;; esac # no interpreter line can name it: pip's script stays
draft=$(mktemp "$venv/bin/.boxship.XXXXXX")
sed -e "1s|.*|#!$venv/bin/python -IS|" -e '/^# /d' \
    -e "s|sys.path.insert(0, .*)|sys.path[:0] = [${2:+\"$(realpath "${2:-.}")\", }\"$site\"]|" \
    "$(dirname "$0")/launcher" >"$draft"
chmod 755 "$draft"
mv "$draft" "$venv/bin/boxship"
