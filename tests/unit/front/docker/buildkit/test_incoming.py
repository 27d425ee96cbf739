"""Contexts that clients send: what is written, what is asked for, and that nothing leaves the directory."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.build.synced import Synced
from boxship.front.docker.buildkit import packets
from boxship.front.docker.buildkit.bulk import framed
from boxship.front.docker.buildkit.incoming import Incoming
from boxship.front.docker.buildkit.outgoing import Outgoing
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Packet, Stat
from boxship.front.docker.buildkit.wire.modes import to_go

FILE, DIRECTORY, LINK = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777


def told(path: str, mode: int = FILE, size: int = 0, link: str = "", time: int = 1) -> bytes:
    one = Stat(path=path.encode(), mode=to_go(mode), size=size, linkname=link.encode(), mod_time=time)
    return framed(Packet(stat=one).SerializeToString())


def data(id: int, content: bytes) -> bytes:
    whole = Packet(type=Packet.PACKET_DATA, id=id, data=content).SerializeToString()
    return (framed(whole) if content else b"") + framed(Packet(type=Packet.PACKET_DATA, id=id).SerializeToString())


END = framed(b"")


def asked(answer: bytes) -> list[int]:
    """Return the ids of the files that an answer asks for."""
    found = [Packet.FromString(message) for message in packets.Cutter().cut(answer)]
    return [packet.id for packet in found if packet.type == Packet.PACKET_REQ]


@pytest.fixture
def kept(tmp_path: Path) -> Synced:
    root = tmp_path / "kept"
    root.mkdir()
    return Synced(root, "", 0)


def sync(kept: Synced, *entries: tuple[bytes, bytes]) -> list[int]:
    """Let a client send entries (what it tells, contents); return the numbers of those asked for."""
    incoming = Incoming(kept)
    try:
        wanted = asked(incoming.take(b"".join(told for told, _ in entries) + END))
        for id in wanted:
            incoming.take(data(id, entries[id][1]))
        assert incoming.done
        return wanted
    finally:
        incoming.close()


def test_only_what_was_told_otherwise_is_asked_for(kept: Synced) -> None:
    before = [(told("a"), b"one"), (told("d", DIRECTORY), b""), (told("d/b"), b"two"), (told("l", LINK, link="a"), b"")]
    assert sync(kept, *before) == [0, 2]
    assert (kept.root / "d/b").read_bytes() == b"two"
    assert os.readlink(kept.root / "l") == "a"
    assert sync(kept, *before) == []
    after = [(told("d", DIRECTORY), b""), (told("d/b", time=2), b"new"), (told("l", LINK, link="d"), b"")]
    assert sync(kept, *after) == [1]
    assert sorted(os.listdir(kept.root)) == ["d", "l"]
    assert (kept.root / "d/b").read_bytes() == b"new"
    assert os.readlink(kept.root / "l") == "d"


def test_kinds_change_into_each_other(kept: Synced) -> None:
    sync(kept, (told("x", DIRECTORY), b""), (told("x/y"), b"below"), (told("z"), b"file"))
    sync(kept, (told("x"), b"a file"), (told("z", DIRECTORY), b""), (told("z/y"), b"now below"))
    assert (kept.root / "x").read_bytes() == b"a file"
    assert (kept.root / "z/y").read_bytes() == b"now below"
    sync(kept, (told("x", LINK, link="z"), b""), (told("z", LINK, link="x"), b""))
    assert os.readlink(kept.root / "z") == "x"


def test_what_was_below_a_directory_is_not_looked_for_through_a_link(kept: Synced, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "y").write_text("mine")
    sync(kept, (told("z", DIRECTORY), b""), (told("z/y"), b"theirs"))
    sync(kept, (told("z", LINK, link=str(outside)), b""))
    assert (outside / "y").read_text() == "mine"


def test_modes_times_and_second_names(kept: Synced) -> None:
    sync(kept, (told("a", stat.S_IFREG | 0o4711, time=1_000_000_000), b"x"), (told("b", link="a"), b""))
    seen = (kept.root / "a").stat()
    assert (seen.st_mode & 0o7777, seen.st_mtime, seen.st_nlink) == (0o4711, 1, 2)


def test_what_was_cut_short_is_sent_again(kept: Synced) -> None:
    sync(kept, (told("a"), b"whole"), (told("b"), b"same"))
    incoming = Incoming(kept)
    assert asked(incoming.take(told("a", time=2) + told("b") + END)) == [0]
    incoming.take(framed(Packet(type=Packet.PACKET_DATA, id=0, data=b"ha").SerializeToString()))
    incoming.close()
    assert sync(kept, (told("a"), b"whole"), (told("b"), b"same")) == [0]
    assert (kept.root / "a").read_bytes() == b"whole"


ATTACKS = {
    "above": [told("../x")],
    "absolute with climbing": [told("/a/../../x", DIRECTORY)],
    "below a link": [told("l", LINK, link="/etc"), told("l/passwd")],
    "below a file": [told("f"), told("f/x")],
    "below nothing": [told("no/x")],
    "twice": [told("d", DIRECTORY), told("d", LINK, link="/etc")],
    "nothing": [told("")],
    "a device": [told("dev", stat.S_IFBLK | 0o600)],
    "a second name of a directory": [told("d", DIRECTORY), told("x", link="d"), END],
    "a second name outside": [told("x", link="../../etc/passwd"), END],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(kept: Synced, attack: str) -> None:
    incoming = Incoming(kept)
    with pytest.raises(Invalid):
        incoming.take(b"".join(ATTACKS[attack]))
    incoming.close()
    assert {path.name for path in kept.root.parent.iterdir()} == {"kept"}


def test_data_nobody_asked_for_is_refused(kept: Synced) -> None:
    with pytest.raises(Invalid, match="nobody asked"):
        Incoming(kept).take(data(5, b"x"))


def test_a_directory_replaced_while_a_file_in_it_comes_is_refused(kept: Synced) -> None:
    incoming = Incoming(kept)
    incoming.take(told("d", DIRECTORY) + told("d/f"))
    with pytest.raises(Invalid, match="twice"):
        incoming.take(told("d", LINK, link="/etc"))
    incoming.close()


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, st.one_of(st.binary(max_size=50), st.dictionaries(names, st.binary(max_size=9)))))
def test_a_directory_sent_is_a_directory_received(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes | dict[str, bytes]]
) -> None:
    home = tmp_path_factory.mktemp("trees")
    source, target = home / "source", home / "target"
    source.mkdir()
    target.mkdir()
    for name, value in tree.items():
        if isinstance(value, bytes):
            (source / name).write_bytes(value)
            continue
        (source / name).mkdir()
        for inner, content in value.items():
            (source / name / inner).write_bytes(content)
    for _ in range(2):  # the second time nothing is asked for
        kept = Synced(target, "", 0)
        outgoing, incoming = Outgoing(source), Incoming(kept)
        while batch := outgoing.told():
            for message in packets.Cutter().cut(incoming.take(batch)):
                outgoing.note(Packet.FromString(message))
        while batch := outgoing.contents():
            incoming.take(batch)
        assert incoming.done
        incoming.close()
        assert _read(source) == _read(target)


def _read(root: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}
