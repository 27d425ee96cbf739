import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import structs

from boxship.base.errors import Conflict, Invalid, KernelError
from boxship.engine import secretfiles
from boxship.engine.record import Records
from boxship.engine.remap import Remap
from boxship.engine.secretfiles import SecretFile, SecretFiles
from boxship.model.container import ContainerSpec
from boxship.model.runtime import IdMap
from boxship.model.status import Container, ContainerStatus, State
from boxship.store.memory import MemoryStore


class Mounts:
    """A kernel that does not know `noswap`."""

    def __init__(self) -> None:
        self.mounted: list[str] = []

    def tmpfs(self, target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()) -> None:
        if "noswap" in options:
            raise KernelError("mount: invalid argument", 22)
        self.mounted.append(target)

    def is_mounted(self, target: str) -> bool:
        return target in self.mounted


OF_COMPOSE = Container(
    id="c", name="web", created=1, image_id="i", group="c", spec=ContainerSpec(labels={secretfiles.PROJECT: "p"})
)


def tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content, kind in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.mode, entry.uid = len(content), kind, 0o440, 7
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_only_archives_named_from_the_root_are_kept_in_memory() -> None:
    assert secretfiles.given(OF_COMPOSE, tar(("/run/secrets/a", b"x", tarfile.REGTYPE))[:512])
    assert not secretfiles.given(OF_COMPOSE, tar(("run/secrets/a", b"x", tarfile.REGTYPE))[:512])
    assert not secretfiles.given(OF_COMPOSE, tar(("/run/", b"", tarfile.DIRTYPE))[:512])
    assert not secretfiles.given(OF_COMPOSE, b"/short")
    plain = structs.replace(OF_COMPOSE, spec=ContainerSpec())
    assert not secretfiles.given(plain, tar(("/run/secrets/a", b"x", tarfile.REGTYPE))[:512])
    assert secretfiles.read(tar(("/a/../b", b"x", tarfile.REGTYPE))) == [SecretFile("/b", b"x", 0o440, 7, 0)]
    for wrong in (tar(("/a", b"", tarfile.SYMTYPE)), b"no archive at all"):
        with pytest.raises(Invalid):
            secretfiles.read(wrong)


def test_ids_are_the_containers() -> None:
    maps = (IdMap(container=0, host=1000, size=10), IdMap(container=10, host=5000, size=10))
    assert [secretfiles.mapped(maps, number) for number in (0, 9, 12)] == [1000, 1009, 5002]
    assert secretfiles.mapped((), 12) == 12
    with pytest.raises(Invalid, match="outside"):
        secretfiles.mapped(maps, 20)


async def test_files_come_and_go_with_their_container(tmp_path: Path) -> None:
    records, mounts = Records(MemoryStore()), Mounts()
    kept = SecretFiles(tmp_path, mounts, records, Remap())
    container = await records.save(
        Container(id="c1", name="web", created=1, image_id="i", group="c1", spec=ContainerSpec())
    )
    for content in (b"old", b"new"):
        await kept.put(container, [SecretFile("/run/secrets/a", content, 0o400, os.getuid(), os.getgid())])
    point = records.find("c1").mounts
    assert [(p.destination, p.rw, Path(p.source).read_bytes()) for p in point] == [("/run/secrets/a", False, b"new")]
    assert mounts.mounted == [str(tmp_path / "memory")]
    secretfiles.require(records.find("c1"), tmp_path)
    kept.sweep({"c1"})
    secretfiles.require(records.find("c1"), tmp_path)
    kept.sweep(set())
    kept.discard("c1")
    with pytest.raises(Conflict, match=r"/run/secrets/a of container web .* went with the last boot"):
        secretfiles.require(records.find("c1"), tmp_path)


async def test_a_running_container_takes_none(tmp_path: Path) -> None:
    kept = SecretFiles(tmp_path, Mounts(), Records(MemoryStore()))
    status = ContainerStatus(state=State.RUNNING)
    running = Container(id="c1", name="web", created=1, image_id="i", group="c1", spec=ContainerSpec(), status=status)
    with pytest.raises(Conflict, match="runs"):
        await kept.put(running, [SecretFile("/a", b"", 0o400, 0, 0)])
