"""What the commands that people time import: every module costs a start of theirs a millisecond or more."""

import subprocess
import sys

import pytest

SHOW = """
import sys
from boxship.front.cli.main import main
main({words!r})
print("\\n".join(sys.modules))
"""
# what would cost as much as the rest together, or is there for other commands
HEAVY = {
    "aiohttp", "asyncio", "concurrent", "csv", "ctypes", "cryptography", "datetime", "decimal", "difflib", "email",
    "getpass", "hashlib", "http", "inspect", "logging", "msgspec", "pathlib", "platform", "random", "rich", "shutil",
    "ssl", "subprocess", "tarfile", "tempfile", "textual", "threading", "traceback", "urllib", "uuid", "yaml",
}  # fmt: skip
EVERY = {
    "boxship", "boxship.base", "boxship.base.errors", "boxship.front", "boxship.front.cli",
    "boxship.front.cli.catalogue", "boxship.front.cli.command", "boxship.front.cli.endpoint",
    "boxship.front.cli.flags", "boxship.front.cli.help", "boxship.front.cli.loading", "boxship.front.cli.main",
    "boxship.front.client", "boxship.front.client.api", "boxship.front.client.contexts", "boxship.front.client.wire",
}  # fmt: skip
OWN = {
    "version": (["version"], {"boxship.front.cli.version", "boxship.front.cli.tables"}),
    "run": (
        ["run", "--rm", "busybox", "true"],
        {
            "boxship.base.units", "boxship.front.cli.console", "boxship.front.cli.container",
            "boxship.front.cli.container.create", "boxship.front.cli.container.mounts",
            "boxship.front.cli.container.networks", "boxship.front.cli.container.options",
            "boxship.front.cli.container.ports", "boxship.front.cli.container.run_flags",
            "boxship.front.cli.preferences",
        },
    ),
}  # fmt: skip


def imported(words: list[str]) -> set[str]:
    """Return the modules after a command that found no daemon: by then it has imported what it needs."""
    code = SHOW.format(words=["-H", "unix:///nowhere/b.sock", *words])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Cannot connect" in done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(("words", "own"), OWN.values(), ids=OWN)
def test_little_is_imported(words: list[str], own: set[str]) -> None:
    found = imported(words)
    assert {name for name in found if name.partition(".")[0] == "boxship"} == EVERY | own
    at_start = set(subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True
    ).stdout.split())  # fmt: skip
    assert not {name for name in found - at_start if name.partition(".")[0] in HEAVY}
