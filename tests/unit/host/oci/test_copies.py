"""Sealed copies of programs: what runs is the copy, nobody can change it, it follows the file on disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.host.api.runtime import RuntimeInfo
from boxship.host.oci.copies import Copies, sealed_copy


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "crun"
    path.parent.mkdir()
    shutil.copy(shutil.which("echo") or "", path)
    return path


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    before = os.listdir("/proc/self/fd")
    made = Copies(str(tmp_path / "programs"))
    yield made
    made.close()
    assert os.listdir("/proc/self/fd") == before
    assert not (tmp_path / "programs").exists()


def info(path: Path, name: str = "fast") -> RuntimeInfo:
    return RuntimeInfo(name=name, path=str(path), version="1")


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_the_copy_runs_under_the_runtimes_name(copies: Copies, program: Path, tmp_path: Path) -> None:
    found = copies.of(info(program))
    assert found == str(tmp_path / "programs" / "fast")
    program.unlink()
    assert output(found, "hello") == "hello\n"


def test_nobody_can_change_it(copies: Copies, program: Path) -> None:
    found = copies.of(info(program))
    for mode in ("ab", "r+b"):
        with open(found, mode) as file, pytest.raises(PermissionError):
            os.write(file.fileno(), b"x")
    with pytest.raises(PermissionError):
        os.truncate(found, 1)
    assert Path(found).read_bytes() == program.read_bytes()


def test_it_is_made_once_and_anew_for_a_new_program(copies: Copies, program: Path) -> None:
    found = copies.of(info(program))
    target = os.readlink(found)
    assert (copies.of(info(program)), os.readlink(found)) == (found, target)
    new = program.with_name("new")
    shutil.copy(shutil.which("cat") or "", new)
    new.replace(program)
    assert copies.of(info(program)) == found
    assert output(found, "/proc/self/comm") == "fast\n"


def test_links_of_a_killed_daemon_are_set_right(copies: Copies, program: Path, tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    for name in ("fast", "fast.new"):
        (tmp_path / "programs" / name).symlink_to("/proc/4194304/fd/3")
    assert output(copies.of(info(program)), "hello") == "hello\n"


def test_other_programs_run_from_disk(copies: Copies, program: Path) -> None:
    other = program.rename(program.with_name("runsc"))
    assert copies.of(info(other)) == ""
    script = program.with_name("runc")
    script.write_text("#!/bin/sh\n")
    assert copies.of(info(script)) == ""
    assert copies.of(info(script)) == ""
    assert copies.of(info(program.with_name("crun"))) == ""


def test_a_failure_leaves_no_descriptor(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        sealed_copy(str(tmp_path / "crun"))
    assert os.listdir("/proc/self/fd") == before
