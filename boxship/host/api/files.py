"""Trees of files, as the engine sees them. Types and a Protocol only.

A `root` is a directory on the host, a `path` a name inside it. Nothing that a root's or an archive's contents say leads
out of the root: links, also those that somebody swaps in meanwhile, are followed inside it only.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from boxship.base.errors import PlatformError
from boxship.base.facts import IdMap

MODIFIED, ADDED, DELETED = 0, 1, 2


class Change(msgspec.Struct, frozen=True, order=True):
    """path: absolute inside the root.  kind: MODIFIED, ADDED or DELETED."""

    path: str
    kind: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What lstat tells of one name. mode: type and permission bits.  mtime: nanoseconds since 1970.
    link: where a symbolic link points, as it is written; "" for all else."""

    name: str
    size: int
    mode: int
    mtime: int
    link: str = ""


class Unpacking(msgspec.Struct, frozen=True, kw_only=True):
    """How an archive becomes files.

    layer:       whiteouts take overlay's form (0:0 devices, trusted.overlay.opaque); implies nothing else.
    replace:     False refuses to put a directory where there is another thing, and the reverse.
    owner:       (uid, gid) for everything, in place of what the archive says.
    uid_map, gid_map: ids of the archive are the container's; files get the host's.
    itself:      what the archive says of its root is for the directory; layers always mean that.
    max_bytes:   of file contents, None for what the disk has left but a reserve.  max_entries: of the archive.
    """

    layer: bool = False
    replace: bool = True
    owner: tuple[int, int] | None = None
    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()
    max_bytes: int | None = None
    max_entries: int = 5_000_000
    itself: bool = False


class Unpacked(msgspec.Struct, frozen=True):
    """bytes: contents of regular files."""

    entries: int
    bytes: int


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """How files become an archive (POSIX pax; owners by number; entries sorted by name).

    name:        what the first entry is called; None is the last part of the path, "" leaves it out and begins with
                 what is in it, "/" makes all names absolute.
    whiteouts:   the tree is an overlay's upper directory: write `.wh.` names for what it hides.
    latest:      seconds since 1970: no time stamp is later.  time: every time stamp is this.
    uid_map, gid_map: files have the host's ids, the archive gets the container's.
    """

    name: str | None = None
    whiteouts: bool = False
    latest: int | None = None
    time: int | None = None
    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()


class Sealed(msgspec.Struct, frozen=True):
    """A tree as a layer. diff_id: "sha256:…" of its tar.  size: bytes in regular files.  tar_size: of the tar."""

    diff_id: str
    size: int
    tar_size: int


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a tree, as COPY means them.

    sources: paths, with wildcards; of a directory all that is in it is meant.
    ignore:  patterns of what the tree is taken not to hold (base.patterns), on paths in the tree.
    exclude: patterns of what to leave out, on paths under each source.
    parents: keep the directories above a source, from `/./` in it on.
    """

    sources: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    parents: bool = False


class Placing(msgspec.Struct, frozen=True, kw_only=True):
    """Where selected files go. target: in the other tree; a directory if it ends with "/".
    directory: it is one, however it is written.  owner: (uid, gid) of all that is made; None keeps the files' own.
    mode: as chmod takes it, "" keeps the files' own."""

    target: str
    owner: tuple[int, int] | None = None
    mode: str = ""
    directory: bool = False


PLAINLY = Unpacking()
AS_IS = Packing()


class Assembled(Protocol):
    """A layer's tar on its way as gzip; the same layer always gives the same bytes. digest, size: of these, once
    `pieces` has ended.  failure: what went wrong on our side, if something did."""

    digest: str
    size: int
    failure: PlatformError | None

    @property
    def passed(self) -> int:
        """Return how many bytes of the tar have been packed so far."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield it, once. Not reading holds it back; leaving the iteration ends it. Raises Invalid when the tree is no
        longer what it was."""
        ...


class Trees(Protocol):
    """Coroutines do their work in child processes: the event loop does not feel it."""

    async def unpack(self, source: int, root: Path, path: str = "/", how: Unpacking = PLAINLY) -> Unpacked:
        """Untar (plain tar only) from the descriptor `source`, read to its end, into the directory `path`. The
        descriptor stays the caller's. Links in `path` are followed, those in the archive are made.
        Raises Invalid naming the entry, NotFound without such a directory."""
        ...

    async def unpack_layer(self, source: int, root: Path) -> None:
        """`unpack` with `layer`."""
        ...

    async def pack(self, root: Path, path: str, sink: int, how: Packing = AS_IS) -> None:
        """Write a tar of `path` (its last part is not followed if it is a link) to the descriptor `sink`, which stays
        the caller's. Files that go away meanwhile are left out. A sink that nobody reads any more ends it silently.
        Raises NotFound."""
        ...

    def packed(self, root: Path, path: str, how: Packing = AS_IS) -> AsyncIterator[bytes]:
        """`pack`, as pieces of up to 1 MiB. Not reading holds it back; leaving the iteration ends it."""
        ...

    async def seal(self, root: Path, split: Path, how: Packing) -> Sealed:
        """Tell of the tar that `pack` would write of the whole root, and write its split form to the file `split`.
        Raises NotFound."""
        ...

    def assembled(self, split: Path, root: Path, level: int, size: int) -> Assembled:
        """Give the tar of `size` bytes that `root` was unpacked from, packed at `level`; the file `split` holds the
        rest of it."""
        ...

    async def unpack_stream(
        self, pieces: AsyncIterator[bytes], root: Path, path: str = "/", how: Unpacking = PLAINLY
    ) -> Unpacked:
        """`unpack` from pieces, each taken when the one before has gone."""
        ...

    async def copy(self, root: Path, path: str, target: Path) -> None:
        """Copy what is in the directory `path`, and its own owner, mode and attributes, to the directory `target`:
        owners, times, attributes, hard links, holes and devices as they are; sockets are left out. May be repeated.
        Raises NotFound."""
        ...

    async def fingerprint(self, root: Path, what: Selection, *, owned: bool) -> str:
        """Return a digest of the selected files, "sha256:…": names, modes, contents, with `owned` owners; never time
        stamps. Raises NotFound naming a source that is not there."""
        ...

    async def sources(self, root: Path, what: Selection) -> list[str]:
        """Return the paths of the sources, wildcards replaced by what they mean; those of directories end with "/".
        Raises NotFound."""
        ...

    async def place(
        self, root: Path, what: Selection, target: Path, how: Placing, *, upper: Path | None = None
    ) -> None:
        """Copy the selected files of `root` into the tree `target`, with time stamps and attributes. upper: of the
        overlay that `target` is: makes it faster, but nobody may look into `target` afterwards.
        Raises NotFound, Invalid."""
        ...

    async def changes(self, upper: Path, lowers: Sequence[Path]) -> tuple[Change, ...]:
        """Return what an overlay's upper directory changes, as `docker diff` shows it: sorted by path, with changed
        directories above. `lowers` are lowest first."""
        ...

    async def usage(self, *trees: Path) -> int:
        """Return bytes on disk, each file once however many names it has. Missing trees count nothing."""
        ...

    def open_in(self, root: Path, path: str) -> BinaryIO:
        """Open a regular file for reading. Raises NotFound, Invalid for what is no regular file."""
        ...

    def entry(self, root: Path, path: str, *, follow: bool = False) -> Entry:
        """Describe `path`; `follow` says whether its last part is followed if it is a link. Raises NotFound."""
        ...

    def resolve(self, root: Path, path: str, *, follow: bool = True) -> str:
        """Return `path` without links and dots, absolute inside the root. Raises NotFound."""
        ...

    def remove_stub(self, root: Path, path: str) -> None:
        """Remove an empty directory or an empty file; nothing happens to anything else."""
        ...

    def remove(self, root: Path, path: str) -> None:
        """Remove a file of any kind or an empty directory; nothing happens if there is none. Raises KernelError."""
        ...

    def trash(self, tree: Path) -> None:
        """Make a tree disappear at once; its space comes back later. Nothing happens if there is none."""
        ...

    def sync(self, tree: Path) -> None:
        """Bring all that lies on the tree's file system to stable storage; may take seconds. Raises NotFound."""
        ...

    def empty(self) -> None:
        """Begin to delete all that is in the trash, in the background. Called once at the daemon's start."""
        ...

    async def aclose(self) -> None: ...
