from pathlib import Path

import pytest

from boxship.host.oci.facts import capabilities, find_init, is_static


@pytest.mark.parametrize(
    ("bounding", "permitted", "wanted"),
    [
        ("0000000000000001", "0000000000000001", ("CAP_CHOWN",)),
        ("0000000000000003", "0000000000000001", ("CAP_CHOWN",)),
        ("0000000000000000", "000001ffffffffff", ()),
        ("0000010000000020", "000001ffffffffff", ("CAP_KILL", "CAP_CHECKPOINT_RESTORE")),
    ],
)
def test_only_what_we_have_and_may_hand_on(bounding: str, permitted: str, wanted: tuple[str, ...]) -> None:
    status = f"Name:\tx\nCapInh:\t0\nCapPrm:\t{permitted}\nCapEff:\t{permitted}\nCapBnd:\t{bounding}\nCapAmb:\t0\n"
    assert capabilities(status) == wanted


def test_all_of_them() -> None:
    assert len(capabilities("CapPrm:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n")) == 41


def elf(*kinds: int) -> bytes:
    head = b"\x7fELF\x02" + bytes(27) + (64).to_bytes(8, "little") + bytes(14)
    head += (56).to_bytes(2, "little") + len(kinds).to_bytes(2, "little")
    return head.ljust(64, b"\0") + b"".join(kind.to_bytes(4, "little") + bytes(52) for kind in kinds)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(elf(1, 1), True), (elf(6, 3, 1), False), (b"#!/bin/sh\n", False), (b"", False), (b"\x7fELF\x01", False)],
    ids=["static", "asks for a loader", "script", "empty", "32 bits"],
)
def test_static(tmp_path: Path, content: bytes, wanted: bool) -> None:
    (tmp_path / "x").write_bytes(content)
    assert is_static(str(tmp_path / "x")) == wanted


def test_the_first_static_one_is_taken(tmp_path: Path) -> None:
    for name, content in (("docker-init", elf(3)), ("catatonit", elf(1)), ("tini", elf(1))):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755)
    assert find_init(str(tmp_path)) == str(tmp_path / "catatonit")
    assert find_init(str(tmp_path / "none")) == ""
