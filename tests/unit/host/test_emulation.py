"""Programs of other machines run only where the kernel knows an emulator."""

from pathlib import Path

import pytest

from boxship.host.emulation import runs

ARM64 = "7f454c460201010000000000000000000200b700"
MASK = "ffffffffffffff00fffffffffffffffffeffffff"


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + machine.to_bytes(2, "little") + bytes(44)


@pytest.fixture
def registered(tmp_path: Path) -> Path:
    (tmp_path / "status").write_text("enabled\n")
    (tmp_path / "register").write_text("")
    told = f"interpreter /usr/bin/qemu\nflags: OCF\noffset 0\nmagic {ARM64}\nmask {MASK}\n"
    (tmp_path / "qemu-aarch64").write_text(f"enabled\n{told}")
    (tmp_path / "qemu-s390x").write_text("disabled\noffset 0\nmagic 7f454c46020101000000000000000000020016\n")
    (tmp_path / "python").write_text("enabled\ninterpreter /usr/bin/python\nextension .py\n")
    return tmp_path


CASES = {
    "our own": (elf(62), True),
    "32 bits of our own": (elf(3), True),
    "emulated": (elf(183), True),
    "not emulated": (elf(40), False),
    "an emulator that is off": (elf(22), False),
    "a script": (b"#!/bin/sh\n", True),
    "nothing": (b"", True),
}


@pytest.mark.parametrize(("head", "answer"), CASES.values(), ids=CASES)
def test_what_runs(head: bytes, answer: bool, registered: Path) -> None:
    assert runs(head, machine="x86_64", registered=registered) is answer


def test_emulators_may_be_none_or_off(registered: Path, tmp_path: Path) -> None:
    assert not runs(elf(183), machine="x86_64", registered=tmp_path / "none")
    (registered / "status").write_text("disabled\n")
    assert not runs(elf(183), machine="x86_64", registered=registered)
    assert runs(elf(183), machine="some new one", registered=registered)
