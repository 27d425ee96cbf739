"""Untar into a root. Runs in a child process of its own that has made the root its root directory: that, and not the
checks of names here, is what keeps everything inside."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from ctypes import byref, c_char_p, c_size_t, c_void_p, string_at
from typing import NamedTuple

from boxship.base.errors import Invalid
from boxship.host.credentials import Owner, acting_as
from boxship.host.jobs import libarchive
from boxship.host.jobs.libarchive import ArchiveError, Reader, Writer

OPAQUE = b".wh..wh..opq"
LONGEST = 4095  # bytes of a name, as the kernel takes it
RESERVE = 64 << 20  # bytes that an archive must leave free on the disk
_OVERLAY = (b"trusted.overlay.", b"user.overlay.")
_ACLS = b"system.posix_acl_"  # the library knows these in tar's own form only, SCHILY.acl.*
Attributes = list[tuple[bytes, bytes]]
Map = tuple[tuple[int, int, int], ...]
"""(in the archive, on the host, how many)"""


class Rules(NamedTuple):
    """api.files.Unpacking, in what marshal can carry."""

    layer: bool
    replace: bool
    owner: tuple[int, int] | None
    uid_map: Map
    gid_map: Map
    max_bytes: int | None
    max_entries: int
    itself: bool = False


def unpack(source: int, rules: Rules) -> tuple[int, int]:
    """Untar into the working directory; return (entries, bytes). Raises Invalid naming the entry."""
    os.umask(0o022)
    job = _Unpack(rules)
    try:
        with acting_as(_root(rules)):
            return job.run(source)
    except ArchiveError as e:
        raise Invalid(f"{job.name}: {e}" if job.name else f"archive/tar: invalid tar header ({e})") from e
    except OSError as e:
        raise Invalid(f"{job.name}: {e.strerror or e}") from e


def _root(rules: Rules) -> Owner | None:
    """Who makes files where ids are mapped: one that the map knows. None is us."""
    return (translated(0, rules.uid_map), translated(0, rules.gid_map)) if rules.uid_map and rules.gid_map else None


class _Unpack:
    def __init__(self, rules: Rules) -> None:
        self._lib = libarchive.load()
        self._rules = rules
        self._writer = Writer()
        self._hidden: set[bytes] = set()
        self._bytes = 0
        self._limit = _room() if rules.max_bytes is None else rules.max_bytes
        self._translates = bool(rules.owner or rules.uid_map or rules.gid_map)
        self.name = ""

    def run(self, source: int) -> tuple[int, int]:
        reader = Reader(source)
        entries = 0
        while reader.next():
            entries += 1
            self._one(reader, entries)
        self.name = ""
        self._writer.close()
        reader.close()
        while os.read(source, libarchive.BLOCK):  # tar pads its end; who writes it wants to see it read
            pass
        return entries, self._bytes

    def _one(self, reader: Reader, entries: int) -> None:
        entry = reader.entry
        raw = self._lib.entry_pathname(entry) or b""
        self.name = _shown(raw)
        name = inside(raw)
        if entries > self._rules.max_entries:
            raise Invalid(f"{self.name}: the archive has more than {self._rules.max_entries} entries")
        if self._rules.layer and (base := name.rpartition(b"/")[2]).startswith(b".wh."):
            self._whiteout(name, base)
        elif self._rules.layer or self._rules.itself or name != b".":
            acls = self._prepare(entry, raw, name)
            self._write(reader, name)
            for attribute, value in acls:
                os.setxattr(name, attribute, value, follow_symlinks=False)

    def _prepare(self, entry: c_void_p, raw: bytes, name: bytes) -> Attributes:
        """Make an entry what is to be written; return the attributes that are left for us to set."""
        lib = self._lib
        acls: Attributes = []
        if name != raw:
            lib.entry_set_pathname(entry, name)
        if (target := lib.entry_hardlink(entry)) is not None and (kept := inside(target)) != target:
            lib.entry_set_hardlink(entry, kept)
        if self._translates:
            self._give_owner(entry)
        if lib.entry_xattr_reset(entry):
            acls = self._keep_attributes(entry)
        if not lib.entry_sparse_count(entry):
            self._count(lib.entry_size(entry))
        return acls

    def _give_owner(self, entry: c_void_p) -> None:
        lib, rules = self._lib, self._rules
        uid, gid = rules.owner or (lib.entry_uid(entry), lib.entry_gid(entry))
        lib.entry_set_uid(entry, translated(uid, rules.uid_map))
        lib.entry_set_gid(entry, translated(gid, rules.gid_map))

    def _keep_attributes(self, entry: c_void_p) -> Attributes:
        """Drop overlay's own attributes, which would let a layer speak for others. Return access control lists."""
        attributes = list(self._attributes(entry))
        kept = [(name, value) for name, value in attributes if not name.startswith(_OVERLAY)]
        if len(kept) < len(attributes):
            self._lib.entry_xattr_clear(entry)
            for name, value in kept:
                self._lib.entry_xattr_add_entry(entry, name, value, len(value))
        return [(name, value) for name, value in kept if name.startswith(_ACLS)]

    def _attributes(self, entry: c_void_p) -> Iterator[tuple[bytes, bytes]]:
        name, value, size = c_char_p(), c_void_p(), c_size_t()
        while self._lib.entry_xattr_next(entry, byref(name), byref(value), byref(size)) == libarchive.OK:
            yield name.value or b"", string_at(value, size.value) if size.value else b""

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._limit:
            raise Invalid(f"{self.name}: the archive holds more than the {self._limit} bytes there is room for")

    def _write(self, reader: Reader, name: bytes) -> None:
        entry = reader.entry
        directory = self._lib.entry_filetype(entry) == stat.S_IFDIR
        if not self._rules.replace:
            _refuse_other_kind(name, directory)
        if not directory:
            _clear(name)  # not after a failure: libarchive then writes a file without its contents
        self._writer.header(entry)
        sparse = self._lib.entry_sparse_count(entry)
        if sparse or self._lib.entry_size(entry):
            self._contents(reader, count=bool(sparse))
        self._writer.finish()
        if directory and name in self._hidden:
            _make_opaque(name)

    def _contents(self, reader: Reader, *, count: bool) -> None:
        while (block := reader.block()) is not None:
            if count:
                self._count(block[1])
            self._writer.block(*block)

    def _whiteout(self, name: bytes, base: bytes) -> None:
        """Source: OCI image-spec, layer.md; overlayfs.rst. `.wh..wh.` names other than the opaque one were aufs'."""
        above = name[: -len(base)].rstrip(b"/") or b"."
        if base == OPAQUE:
            os.makedirs(above, exist_ok=True)
            _make_opaque(above)
        elif not base.startswith(b".wh..wh."):
            hidden = base[4:]
            if hidden in (b"", b".", b".."):
                raise Invalid(f"{self.name}: no name for a whiteout")
            os.makedirs(above, exist_ok=True)
            self._hide(inside(above + b"/" + hidden))

    def _hide(self, name: bytes) -> None:
        """A whiteout hides what is below this layer only, never what the layer itself has."""
        self._hidden.add(name)
        try:
            os.mknod(name, stat.S_IFCHR, os.makedev(0, 0))
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(name).st_mode):
                _make_opaque(name)


def _make_opaque(directory: bytes) -> None:
    os.setxattr(directory, "trusted.overlay.opaque", b"y", follow_symlinks=False)


def _clear(name: bytes) -> None:
    """Remove a directory that is in the way of something else, with all that is in it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(os.lstat(name).st_mode):
            shutil.rmtree(name)


def _refuse_other_kind(name: bytes, directory: bool) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(os.lstat(name).st_mode) != directory:
            kinds = ("non-directory", "directory") if directory else ("directory", "non-directory")
            raise Invalid(f'cannot overwrite {kinds[0]} "{_shown(name)}" with {kinds[1]} "{_shown(name)}"')


def inside(name: bytes) -> bytes:
    """Return an archive's name relative to the root, b"." for the root. Raises Invalid if it climbs."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise Invalid(f"{_shown(name)}: leads out of the archive's root")
    if len(name) > LONGEST:
        raise Invalid(f"{_shown(name)}: the name is longer than {LONGEST} bytes")
    return b"/".join(parts) or b"."


def _shown(name: bytes) -> str:
    text = name.decode(errors="replace")
    return text if len(text) <= 200 else f"{text[:120]}…{text[-60:]}"


def translated(number: int, id_map: Map) -> int:
    """Raises Invalid for an id that the map does not know. No map changes nothing."""
    if not id_map:
        return number
    for inner, outer, size in id_map:
        if inner <= number < inner + size:
            return outer + number - inner
    raise Invalid(f"id {number} is not mapped on this host")


def _room() -> int:
    seen = os.statvfs(".")
    return max(seen.f_bavail * seen.f_frsize - RESERVE, 0)
