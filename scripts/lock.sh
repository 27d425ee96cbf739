#!/usr/bin/env bash
# Write the two lock files: versions and hashes, no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || .venv/bin/python -m pip install -q uv
PATH=$PWD/.venv/bin:$PATH
common=(--quiet --generate-hashes --no-annotate --no-header --no-emit-index-url --universal --python-version 3.11)
uv pip compile pyproject.toml --extra install "${common[@]}" -o requirements.lock
uv pip compile pyproject.toml --extra install --group dev "${common[@]}" -o requirements-dev.lock
