"""Every command of the tutorials, typed by a new user: a shell, the stock client, our own, an empty directory."""

import os
import re
import sys
import uuid
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.e2e.console import Step, pattern, run, steps, wrong
from tests.ports import free_port

PAGES = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
PORTS = ("8080", "5000")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, daemon: Daemon, images: str, tmp_path: Path) -> None:
    text = page.read_text()
    if page.stem not in ("dockerfiles",):  # there the ports are nobody's
        for port in PORTS:
            text = re.sub(rf"\b{port}\b", str(free_port()), text)
    found = steps(text)
    assert len(found) > 5
    environment = {
        "DOCKER_HOST": daemon.host, "DOCKER_CONFIG": str(tmp_path / ".docker"), "DOCKER_CLI_HINTS": "false",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    folder = tmp_path / f"tutorial-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    for step, difference in run(found, folder, environment, 220):
        assert not difference, f"{page.name}: $ {step.command}\n{difference}"


def test_a_document_is_read() -> None:
    assert steps("x\n```console\n$ cat <<E\n> a\n> E\na\n$ false\n(exit 1)\n```\n") == [
        Step("cat <<E\na\nE", ["a"]),
        Step("false", [], 1),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "right"),
    [
        ([], "", True), ([], "x", False), (["a"], "a", True), (["a"], "ab", False), (["a..."], "ab", True),
        (["..."], "", True), (["..."], "x\ny", True), (["...", "z"], "x\ny\nz", True), (["...", "z"], "x\ny", False),
        (["a", "..."], "a", True), (["a", "..."], "a\nb", True), (["a.c"], "abc", False),
    ],
)  # fmt: skip
def test_what_matches(expected: list[str], printed: str, right: bool) -> None:
    assert bool(wrong(Step("c", expected), printed, 0)) != right, pattern(expected)


def test_another_code_is_wrong() -> None:
    assert "exit code 2" in wrong(Step("c", [], 1), "", 2)
