"""The documentation builds without a warning, and the reference in it is that of the code."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_the_documentation_builds(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "scripts" / "docs.sh", tmp_path], capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "boxship system doctor" in (tmp_path / "cli.html").read_text()
    assert "/containers/create" in json.loads((tmp_path / "openapi.json").read_text())["paths"]
    assert (tmp_path / "tutorials" / "compose.html").exists()
