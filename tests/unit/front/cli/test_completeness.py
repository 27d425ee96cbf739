"""Every command of the stock command line is ours too, flag by flag, or is refused with a sentence that says why."""

import os
import shutil
import subprocess
from typing import Any

import pytest

from boxship.front.cli.absent import ABSENT, absent
from boxship.front.cli.catalogue import CATALOGUE, find
from boxship.front.cli.loading import load
from tests.unit.front.cli.stock import read_help, table

STOCK = table()
NEWER = {"cache-from"}  # of the newer builder, whose values have commas
MORE_THAN_THE_HELP = {"gpus"}  # the stock help hides it or not, as the daemon is known or not


@pytest.mark.parametrize("path", STOCK)
def test_every_command_has_every_flag(path: str) -> None:
    if absent(path.split()):
        return
    entry, found, _ = find(path.split())
    assert entry is not None, f"{path} is neither there nor refused"
    assert found == path
    ours = {flag.name: flag for flag in load(entry).flags}
    for name, stock in STOCK[path].items():
        assert name in ours, f"{path} lacks --{name}"
        same = (ours[name].short, ours[name].kind) == (stock.short, stock.kind)
        assert same or name in NEWER, f"{path} --{name}"


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.path)
def test_letters_and_names_are_given_once(entry: object) -> None:
    flags = load(entry).flags  # type: ignore[arg-type]
    letters = [flag.short for flag in flags if flag.short]
    assert len(set(letters)) == len(letters)
    assert len({flag.name for flag in flags}) == len(flags)


@pytest.mark.parametrize("words", ABSENT)
def test_what_is_absent_says_what_to_do(words: str) -> None:
    sentence = absent(f"{words} x y".split())
    assert sentence.startswith(f"boxship {words}: ")
    assert sentence.endswith(".")


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("path", STOCK)
def test_the_table_is_what_the_stock_client_says(path: str) -> None:
    if "28." not in subprocess.run(["docker", "--version"], capture_output=True, text=True).stdout:
        pytest.skip("the table is of release 28")
    assert shutil.which("docker")
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run(["docker", *path.split(), "--help"], capture_output=True, text=True, env=environment)
    shown = read_help(done.stdout)
    assert _sure(STOCK[path]) == _sure(shown)


def _sure(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: flag for name, flag in flags.items() if name not in MORE_THAN_THE_HELP}
