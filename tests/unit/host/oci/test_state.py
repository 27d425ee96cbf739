"""crun's state directory, imitated."""

import os
from pathlib import Path

from boxship.host.oci import state


def container(root: Path, *names: str) -> Path:
    directory = root / "id"
    directory.mkdir()
    for name in names:
        (directory / name).write_text("x")
    return directory


def test_start_opens_the_gate(tmp_path: Path) -> None:
    directory = container(tmp_path, "status")
    os.mkfifo(directory / state.FIFO)
    waiting = os.open(directory / state.FIFO, os.O_RDONLY | os.O_NONBLOCK)
    assert not state.started(str(tmp_path), "id")
    assert state.start(str(tmp_path), "id")
    assert os.read(waiting, 9) == b"\0"
    assert state.started(str(tmp_path), "id")
    assert not state.start(str(tmp_path), "id")
    os.close(waiting)


def test_nobody_waits_at_the_gate(tmp_path: Path) -> None:
    os.mkfifo(container(tmp_path) / state.FIFO)
    assert not state.start(str(tmp_path), "id")


def test_remove(tmp_path: Path) -> None:
    container(tmp_path, "status", "config.json", "seccomp.bpf", state.FIFO)
    assert state.remove(str(tmp_path), "id")
    assert state.remove(str(tmp_path), "id")
    assert os.listdir(tmp_path) == []


def test_what_we_do_not_know_is_left_to_the_runtime(tmp_path: Path) -> None:
    directory = container(tmp_path, "status", "something")
    assert not state.remove(str(tmp_path), "id")
    assert sorted(os.listdir(directory)) == ["something", "status"]
    state.purge(str(tmp_path), "id")
    state.purge(str(tmp_path), "id")
    assert os.listdir(tmp_path) == []
