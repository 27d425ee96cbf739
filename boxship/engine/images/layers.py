"""Extracted layers on disk, shared by all images: `layers/<hex of the diff id>/`.

In each: `diff`, the tree, usable as an overlay lower; `split.zst`, what else is needed to give the tar back byte for
byte; `layer.json`. A layer is made in tmp/ and appears by one rename, so it is whole or not there when the daemon is
killed. When the machine falls, what it held in memory is lost: a layer bears the id of the kernel's run it was made
in until it is known to be on disk, and one that outlived its kernel with that mark is not trusted.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.base.ids import new_id, short
from boxship.engine.images.inflate import GZIP, ZSTD, Intake
from boxship.engine.images.tarsplit import Splitter
from boxship.host.api.files import Assembled, Packing, Sealed
from boxship.host.jobs.assemble import assemble
from boxship.model.image import Layer

log = logging.getLogger(__name__)
CHUNK = 1 << 20
PIPE = 1 << 20  # bytes on their way to the child that unpacks: on a busy machine every change of turns costs
SPLIT, TREE, FACTS = "split.zst", "diff", "layer.json"
Read = Callable[[int], bytes]


class Trees(Protocol):
    """What the ground does with trees of files."""

    async def unpack_layer(self, source: int, root: Path) -> None:
        """Untar from the file descriptor `source`, to its end, into `root`; whiteouts take overlay's form.
        Nothing is written outside `root`. Raises Invalid naming the entry."""
        ...

    async def seal(self, root: Path, split: Path, how: Packing) -> Sealed:
        """Tell of a tree's tar without making it, and write its split form to a file."""
        ...

    def assembled(self, split: Path, root: Path, level: int, size: int) -> Assembled:
        """Give the tar of `size` bytes that `root` was unpacked from, packed; see host.api.files."""
        ...

    def open_in(self, root: Path, path: str) -> BinaryIO:
        """Open a regular file of a tree for reading; symbolic links are followed inside `root` only."""
        ...

    def trash(self, path: Path) -> None:
        """Make a tree disappear at once; the space comes back later."""
        ...

    def sync(self, tree: Path) -> None:
        """Bring all on the file system of `tree` to stable storage. For a thread."""
        ...


class Packed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A compressed form of a layer, as it came or went. size: bytes.  compression: as in OCI's media types."""

    digest: str
    size: int
    compression: str = GZIP


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """diff_id: of the tar.  size: bytes of its regular files.  tar_size: bytes of the tar.
    packed: compressed forms that registries know.  boot: of the kernel that may still hold it in memory only."""

    diff_id: str
    size: int
    tar_size: int
    packed: tuple[Packed, ...] = ()
    boot: str = ""


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """A layer that lies in tmp/, whole but not yet kept."""

    facts: Facts
    path: Path
    digest: str  # of the bytes as they came, compressed or not


class Layers:
    """Who keeps layers must hold them against `drop` by an image's record; see Images.
    boot: id of the running kernel, "" to take every layer for being on disk."""

    def __init__(self, data_root: Path, trees: Trees, boot: str = "") -> None:
        self._root = data_root / "layers"
        self._tmp = data_root / "tmp"
        self._trees = trees
        self._boot = boot
        self._writing = threading.Lock()  # of one facts file at a time
        self._known = threading.Lock()  # held for a moment only: the loop may wait for it
        self._facts: dict[str, Facts] = {}

    def load(self) -> None:
        """Learn which layers are there; sweep what an interrupted run left behind."""
        self._root.mkdir(mode=0o710, parents=True, exist_ok=True)
        self._tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        for entry in os.scandir(self._tmp):
            if entry.name.startswith("layer-"):
                self._trees.trash(Path(entry.path))
        for entry in os.scandir(self._root):
            try:
                facts = decode((Path(entry.path) / FACTS).read_bytes(), Facts)
                if facts.boot not in ("", self._boot):
                    raise Invalid("the machine went down before all of it was on disk")
            except (OSError, Invalid) as e:
                log.warning("layer %s cannot be read and is given up: %s", entry.name, e)
                self._trees.trash(Path(entry.path))
            else:
                self._facts[facts.diff_id] = facts

    def all(self) -> list[Facts]:
        return list(self._facts.values())

    def find(self, diff_id: str) -> Facts | None:
        return self._facts.get(diff_id)

    def get(self, diff_id: str) -> Layer:
        """Raises NotFound, which means that somebody removed it behind our back."""
        facts = self._facts.get(diff_id)
        if facts is None:
            raise NotFound(f"layer {diff_id} does not exist")
        return Layer(diff_id=diff_id, chain_id="", size=facts.size, path=str(self._home(diff_id) / TREE))

    def stage(self, read: Read, loop: asyncio.AbstractEventLoop) -> Staged:
        """Extract one layer from `read`, plain or compressed. For a thread; the unpacking child belongs to `loop`.
        Raises Invalid for what is no archive or climbs out of its root."""
        home = self._tmp / f"layer-{short(new_id())}"
        (home / TREE).mkdir(mode=0o755, parents=True)
        try:
            facts, digest = self._extract(read, home, loop)
        except BaseException:
            self._trees.trash(home)
            raise
        return self._staged(facts, home, digest)

    def _staged(self, facts: Facts, home: Path, digest: str) -> Staged:
        facts = msgspec.structs.replace(facts, boot=self._boot)
        (home / FACTS).write_bytes(encode(facts))
        return Staged(facts=facts, path=home, digest=digest)

    async def stage_tree(self, tree: Path, how: Packing) -> Staged:
        """Take over a directory that has overlay's form already, an upper one; `how` it would be packed. The tree is
        moved away; after a failure it may still be there."""
        home = self._tmp / f"layer-{short(new_id())}"
        home.mkdir(mode=0o755, parents=True)
        try:
            told = await self._trees.seal(tree, home / SPLIT, how)
            os.rename(tree, home / TREE)
        except BaseException:
            self._trees.trash(home)
            raise
        facts = Facts(diff_id=told.diff_id, size=told.size, tar_size=told.tar_size)
        return self._staged(facts, home, facts.diff_id)

    def _extract(self, read: Read, home: Path, loop: asyncio.AbstractEventLoop) -> tuple[Facts, str]:
        source, sink = os.pipe()
        with contextlib.suppress(OSError):  # more than a user may have: then the two take turns more often
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE)
        unpacked = asyncio.run_coroutine_threadsafe(self._unpack(source, home / TREE), loop)
        intake = Intake(read)
        try:
            with open(home / SPLIT, "wb") as split:
                splitter = Splitter(split)
                _pump(intake, splitter, sink)
                splitter.close()
        except BrokenPipeError:  # the child has given up, and says why below
            unpacked.result()
            raise PlatformError("the layer's archive was not read to its end") from None
        except BaseException:
            os.close(sink)
            unpacked.exception()
            raise
        os.close(sink)
        unpacked.result()
        forms = _forms(intake)
        facts = Facts(diff_id=intake.diff_id, size=splitter.size, tar_size=intake.size, packed=forms)
        return facts, intake.digest

    async def _unpack(self, source: int, root: Path) -> None:
        try:
            await self._trees.unpack_layer(source, root)
        finally:
            os.close(source)

    def keep(self, staged: Staged) -> Facts:
        """Make a staged layer a real one; if there is one like it already, that one stays and this one is left
        for `discard`."""
        known = self._facts.get(staged.facts.diff_id)
        if known is not None:
            return known
        os.rename(staged.path, self._home(staged.facts.diff_id))
        self._facts[staged.facts.diff_id] = staged.facts
        return staged.facts

    def discard(self, staged: Staged) -> None:
        """Throw a staged layer away, unless it has become a real one."""
        if staged.path.exists():
            self._trees.trash(staged.path)

    def drop(self, diff_id: str) -> None:
        """Remove a layer; a second time changes nothing."""
        with self._known:
            known = self._facts.pop(diff_id, None)
        if known is not None:
            self._trees.trash(self._home(diff_id))

    def remember(self, diff_id: str, packed: Packed) -> None:
        """Note one more compressed form of a layer; the latest five are kept. For a thread: it waits for the disk."""
        with self._writing:
            facts = self._facts.get(diff_id)
            if facts is not None and packed not in facts.packed:
                self._rewrite(msgspec.structs.replace(facts, packed=(packed, *facts.packed)[:5]))

    def unsettled(self) -> list[str]:
        """Return the diff ids of layers that may not be on disk yet."""
        return [facts.diff_id for facts in self._facts.values() if facts.boot]

    def settle(self, diff_ids: Iterable[str]) -> None:
        """Bring layers to stable storage, and all else that is there. For a thread."""
        self._trees.sync(self._root)
        for diff_id in diff_ids:
            with self._writing:
                facts = self._facts.get(diff_id)
                if facts is not None and facts.boot:
                    self._rewrite(msgspec.structs.replace(facts, boot=""))

    def _rewrite(self, facts: Facts) -> None:
        file = self._home(facts.diff_id) / FACTS
        try:
            with open(file.with_suffix(".new"), "wb") as new:
                new.write(encode(facts))
                new.flush()
                os.fsync(new.fileno())
            os.replace(new.name, file)
        except FileNotFoundError:  # the layer was dropped meanwhile
            return
        with self._known:
            if facts.diff_id in self._facts:
                self._facts[facts.diff_id] = facts

    def tar(self, diff_id: str) -> Iterator[bytes]:
        """Yield the layer's tar, byte for byte. Reads files: for a thread."""
        home = self._home(diff_id)
        with open(home / SPLIT, "rb") as split:
            yield from assemble(split, lambda path: self._trees.open_in(home / TREE, path))

    def packed(self, diff_id: str, level: int) -> Assembled:
        """Give the layer's tar as gzip, made by a child. Raises NotFound."""
        facts = self._facts.get(diff_id)
        if facts is None:
            raise NotFound(f"layer {diff_id} does not exist")
        home = self._home(diff_id)
        return self._trees.assembled(home / SPLIT, home / TREE, level, facts.tar_size)

    def _home(self, diff_id: str) -> Path:
        return self._root / diff_id.removeprefix("sha256:")


def _forms(intake: Intake) -> tuple[Packed, ...]:
    """Return how a layer came, if registries may hold it so."""
    if intake.compression not in (GZIP, ZSTD):
        return ()
    return (Packed(digest=intake.digest, size=intake.packed_size, compression=intake.compression),)


def _pump(intake: "Intake", splitter: Splitter, sink: int) -> None:
    while piece := intake.read():
        splitter.feed(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(sink, view) :]
