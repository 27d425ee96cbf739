from pathlib import Path

import pytest

from boxship.host import machine

RELEASES = {
    "debian": ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', "Debian GNU/Linux 12 (bookworm)"),
    "single quotes, comment": ("# x\nPRETTY_NAME='Some \\$Thing'\n", "Some $Thing"),
    "bare": ("PRETTY_NAME=Alpine\n\n", "Alpine"),
}


@pytest.mark.parametrize(("text", "name"), RELEASES.values(), ids=RELEASES)
def test_os_release(text: str, name: str) -> None:
    assert machine.os_release(text)["PRETTY_NAME"] == name


def test_capabilities() -> None:
    able, missing = machine.capabilities("000001fffeffffff", 40)
    assert missing == ("CAP_SYS_RESOURCE",)
    assert len(able) == 40
    assert machine.capabilities("1", 1) == (("CAP_CHOWN",), ("CAP_DAC_OVERRIDE",))


def test_facts_come_from_the_files(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal:  1024 kB\nSwapTotal: 2 kB\nHugePages_Total: 0\n")
    (tmp_path / "self/status").write_text("Name:\tx\nCapBnd:\t0000000000000001\nSeccomp:\t0\n")
    (tmp_path / "os-release").write_text('ID=toy\nVERSION_ID="3"\nNAME=Toy\n')
    found = machine.read(tmp_path, tmp_path, tmp_path)
    assert (found.memory, found.swap, found.seccomp, found.apparmor) == (1024 * 1024, 2048, True, False)
    assert (found.system, found.system_id, found.system_version) == ("Toy", "toy", "3")
    assert found.capabilities == ("CAP_CHOWN",)


def test_this_machine_can_be_read() -> None:
    found = machine.read()
    assert found.memory > 0
    assert found.cpus > 0
    assert found.kernel
