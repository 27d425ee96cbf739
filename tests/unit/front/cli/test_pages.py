"""Man pages, the reference and examples, made from the command tables."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from boxship.front.cli import help as texts
from boxship.front.cli.catalogue import CATALOGUE, find
from boxship.front.cli.compose.catalogue import find as find_compose
from boxship.front.cli.compose.main import FLAGS
from boxship.front.cli.flags import parse
from boxship.front.cli.loading import command_of, count, load
from boxship.front.cli.pages import Page, manual, overview, pages, reference, write

PAGES = pages()


@pytest.mark.slow  # of many hands that change flags, the last one writes the reference
def test_the_reference_is_up_to_date() -> None:
    written = Path(__file__).parents[4] / "docs" / "cli.md"
    assert written.read_text() == reference(), "run `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_command_has_examples_that_its_flags_allow(page: Page) -> None:
    lines = texts.examples_of(page.path, page.command)
    assert lines, f"{page.path} has no example"
    for line in lines:
        if line.startswith("boxship "):
            line = re.sub(r"\$\([^)]*\)", "NAME", line)
            _read(shlex.split(re.split(r"\s{3,}| [|<>] ", line)[0])[1:])


def _read(words: list[str]) -> None:
    """Raises Invalid when no such command line can be."""
    given = parse(texts.GLOBAL_FLAGS, words, interspersed=False)
    if given.args[0] == "compose":
        above = parse(FLAGS, given.args[1:], interspersed=False)
        entry = find_compose(above.args[0])
        assert entry is not None, words
        command, rest = command_of(f"compose.{entry.module}", entry.name), list(above.args[1:])
    elif given.args[0] == "daemon" or list(given.args[:2]) == ["registry", "serve"]:
        return
    else:
        found, _, rest = find(list(given.args))
        assert found is not None, words
        command = load(found)
    count(" ".join(words), command, parse(command.flags, rest, interspersed=command.interspersed))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.path)
def test_every_flag_says_what_it_is_for(entry: object) -> None:
    assert [flag.name for flag in load(entry).flags if not flag.help and not flag.hidden] == []  # type: ignore[arg-type]


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_man_pages_have_no_faults() -> None:
    everything = "".join([overview(), *(manual(page) for page in PAGES)])
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", "-K", "utf8"], input=everything, capture_output=True, text=True
    )
    assert done.stderr == ""


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
def test_man_pages_please_the_other_reader_too(tmp_path: Path) -> None:
    write(tmp_path)
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *sorted(map(str, tmp_path.iterdir()))], capture_output=True, text=True
    )
    faults = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert faults == []
    assert len(os.listdir(tmp_path)) == len(PAGES) + 1
