#!/usr/bin/env bash
# Build the documentation into DIRECTORY, its reference from the code: scripts/docs.sh DIRECTORY
set -euo pipefail
target=$(realpath -m "$1")
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r docs "$work/docs"
mkdir -p "$work/docs/api"
"$python" -m boxship.app.openapi >"$work/docs/api/openapi.json"
"$python" -m boxship.app.openapi table >"$work/docs/api/index.md"
"$python" -m boxship.front.cli.pages --reference >"$work/docs/cli.md"
BOXSHIP_DOCS=$PWD/docs "$python" -m sphinx -q -W --keep-going -b html "$work/docs" "$target"
