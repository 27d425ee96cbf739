"""The pytest plugin, by the example in the documentation, and docker-py-like failures of it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "test_throw_away.py"


def _pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)


def test_the_example_passes_and_leaves_nothing(stock_host: str, images: str, tmp_path: Path) -> None:
    done = _pytest(tmp_path, f"--boxship-host={stock_host}", "-o", "asyncio_mode=auto", str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    for noun in ("ps -aq", "network ls -q", "volume ls -q"):
        words = ["docker", "-H", stock_host, *noun.split(), "--filter", "label=boxship.pytest"]
        left = subprocess.run(words, capture_output=True, text=True, check=True)
        assert left.stdout == ""
    listed = subprocess.run(["docker", "-H", stock_host, "ps", "-a"], capture_output=True, text=True, check=True)
    assert "pytest-" not in listed.stdout


def test_a_failing_test_leaves_nothing(stock_host: str, images: str, tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(
        "def test_it(boxship_container, boxship_network):\n"
        "    boxship_container('busybox', ['sleep', '1000'], network=boxship_network.name, labels={'left': 'over'})\n"
        "    raise SystemError\n"
    )
    done = _pytest(tmp_path, f"--boxship-host={stock_host}", str(file))
    assert "SystemError" in done.stdout
    assert "1 failed" in done.stdout
    words = ["docker", "-H", stock_host, "ps", "-aq", "--filter", "label=left=over"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == ""


def test_no_daemon_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text("def test_it(boxship_container):\n    pass\n")
    done = _pytest(tmp_path, f"--boxship-host=unix://{tmp_path}/none.sock", str(file))
    assert done.returncode == 1
    assert "none.sock" in done.stdout
    assert "--boxship-host" in done.stdout
