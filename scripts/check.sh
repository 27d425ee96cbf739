#!/usr/bin/env bash
# The whole of `make test`: lint, format, types, import contracts, tests. `check.sh lint` leaves the tests out.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
export PATH=$bin:$PATH

ruff check .
ruff format --check .
mypy
lint-imports --no-logo 2>/dev/null || lint-imports
[ "${1:-}" = lint ] && exit 0

# Pure tests side by side; what touches the kernel one after the other.
pytest -q -n auto --dist loadscope -m "not slow" tests/unit tests/contract tests/scenario
if [ "$(id -u)" = 0 ]; then
    pytest -q -m "not slow" tests/root tests/e2e tests/kill
else
    echo "tests/root, tests/e2e and tests/kill need root: run 'sudo make test' for them" >&2
    exit 1
fi
