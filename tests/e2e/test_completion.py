"""Completion in the shells themselves: what a user would see after pressing tab."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM

pytestmark = [pytest.mark.e2e, pytest.mark.root]

BASH = """
source <({program} completion bash)
COMP_LINE="{line}" COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=({line}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_boxship
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "{program} completion fish | source; complete -C '{line}'"
# zsh completes on a terminal only: its own pseudo-terminal module types the line and a tab
ZSH = """
zmodload zsh/zpty
zpty shell 'PS1= zsh -f -i'
zpty -w shell 'autoload -Uz compinit && compinit -u -d {dump}'
zpty -w shell 'source <({program} completion zsh); echo rea""dy'
zpty -r -m shell seen '*ready*'
zpty -w -n shell "{line}"$'\\t'
zpty -r -m shell seen '*{word}*'
print -r -- "$seen"
"""


def completed(docker: Any, shell: str, script: str, line: str, tmp_path: Path, word: str = "") -> str:
    """Return what a shell offers for `line`; zsh is read until it has shown `word`."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    text = script.format(program=PROGRAM, line=line, dump=tmp_path / "dump", word=word)
    environment = {**docker.environment, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    words = [shell, "-c", text] if shell != "zsh" else [shell, "-f", "-c", text]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


LINES = {
    "a command": ("boxship contai", "container"),
    "a verb": ("boxship network con", "connect"),
    "a flag": ("boxship run --net", "--network"),
    "a value": ("boxship run --pull mi", "missing"),
    "a noun of compose": ("boxship compose rest", "restart"),
    "an image": ("boxship run busyb", "busybox:latest"),
    "a network for a flag": ("boxship run --network bri", "bridge"),
}


@pytest.mark.parametrize(("line", "word"), LINES.values(), ids=LINES)
def test_bash(docker: Any, tmp_path: Path, line: str, word: str) -> None:
    assert word in completed(docker, "bash", BASH, line, tmp_path).split()


def test_names_and_ids_of_the_daemon(docker: Any, tmp_path: Path) -> None:
    name = docker.name("tabbed")
    ref = docker.out("run", "-d", "--name", name, "busybox", "sleep", "1000")
    idle = docker.name("tabbed-idle")
    docker("create", "--name", idle, "busybox", "true")
    offered = completed(docker, "bash", BASH, "boxship stop tabb", tmp_path).split()
    assert offered == [name]
    assert set(completed(docker, "bash", BASH, "boxship rm tabb", tmp_path).split()) == {name, idle}
    assert completed(docker, "bash", BASH, f"boxship stop {ref[:5]}", tmp_path).split() == [ref[:12]]
    assert completed(docker, "bash", BASH, f"boxship -H {docker.host} stop tabb", tmp_path).split() == [name]
    assert completed(docker, "bash", BASH, f"boxship stop {name} tabb", tmp_path).split() == []


def test_a_tag_behind_a_colon(docker: Any, tmp_path: Path) -> None:
    assert completed(docker, "bash", BASH, "boxship rmi busybox:l", tmp_path).split() == ["latest"]


@pytest.mark.parametrize(("line", "word"), LINES.values(), ids=LINES)
def test_fish(docker: Any, tmp_path: Path, line: str, word: str) -> None:
    offered = completed(docker, "fish", FISH, line, tmp_path).splitlines()
    assert word in [one.partition("\t")[0] for one in offered]


def test_zsh(docker: Any, tmp_path: Path) -> None:
    shown = completed(docker, "zsh", ZSH, "boxship contai", tmp_path, "boxship container")
    assert "boxship container" in shown


def test_no_daemon_no_names(tmp_path: Path) -> None:
    words = [PROGRAM, "-H", "unix:///nowhere/b.sock", "completion", "words", "stop"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--signal" in done.stdout.split()
