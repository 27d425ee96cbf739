"""Taking in a directory that a client sends: what is kept from last time is only compared.

The client tells of every file; of those told of in the very same bytes as last time nothing is done. The contents of
the others are asked for. Blocking, for a thread. Nothing here follows a link: each path's directories are known to be
ones.
"""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from boxship.base.errors import Invalid, PlatformError
from boxship.engine.build.index import Known
from boxship.engine.build.synced import Synced
from boxship.front.docker.buildkit import packets
from boxship.front.docker.buildkit.pb.fsutil_pb2 import Packet, Stat
from boxship.front.docker.buildkit.wire.modes import to_linux

_STAT = 0x12  # first byte of a packet that tells of a file: the packet's kind is left out, being 0
_SPECIAL = (stat.S_IFIFO,)


class _Open:
    """A file whose contents come in."""

    def __init__(self, path: str, told: Stat) -> None:
        self.path = path
        self.told = told
        self.fd = -1
        self.hash = hashlib.sha256()
        self.size = 0


class Incoming:
    """kept: where files go, and what is known of them. bytes: of contents, so far. done: everything is there."""

    def __init__(self, kept: Synced) -> None:
        self._kept = kept
        self._root = str(kept.root)
        self._cutter = packets.Cutter()
        self._listing: dict[bytes, str] = {}
        self._count = 0
        self._open: dict[int, _Open] = {}
        self._links: list[tuple[str, Stat]] = []
        self._listed = False
        self._told: set[str] = set()
        self._touched: set[str] = set()
        self.bytes = 0
        self.files = 0
        self.done = False
        self.finished = False

    def take(self, data: bytes) -> bytes:
        """Return what to send in answer. Raises Invalid for what no honest client sends."""
        answers: list[bytes] = []
        known = self._kept.listing
        for message in self._cutter.cut(data):
            if message and message[0] == _STAT:
                path = known.get(message)
                if path is None or path in self._told:
                    answers += self._changed(message)
                else:
                    self._listing[message] = path
                    self._told.add(path)
                self._count += 1
            elif not message:
                self._end_of_list()
            else:
                self._packet(Packet.FromString(message))
        if self._listed and not self._open and not self.done:
            self._finish()
            answers.append(packets.FIN)
        return b"".join(answers)

    # ---- what there is

    def _changed(self, message: bytes) -> Iterator[bytes]:
        told = Packet.FromString(message).stat
        path = self._checked(os.fsdecode(told.path))
        self._listing[message] = path
        self._told.add(path)
        self._touched.add(path)
        mode = to_linux(told.mode)
        self._forget(path, below=not stat.S_ISDIR(mode))
        if stat.S_ISREG(mode) and told.linkname:
            self._links.append((path, told))
        elif stat.S_ISREG(mode):
            self._open[self._count] = _Open(path, told)
            yield packets.request(self._count)
        else:
            self._make(path, mode, told)

    def _forget(self, path: str, *, below: bool) -> None:
        """What was known of a path counts no more. below: nor what was known to be in it, which goes along with it; to
        look for that later would mean to follow what the path is then."""
        known = self._kept.files.get(path)
        self._kept.forget(path)
        if below and known is not None and stat.S_ISDIR(known.mode):
            for other in [other for other in self._kept.files if other.startswith(f"{path}/")]:
                self._touched.add(other)
                self._kept.forget(other)
            _remove(f"{self._root}/{path}")

    def _checked(self, told: str) -> str:
        """Return a path inside. Its directory must have been told of before."""
        path = told.strip("/")
        if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
            raise Invalid(f"the context has an entry outside itself: {told!r}")
        if path in self._told:
            raise Invalid(f"the context has {told!r} twice")
        self._check_above(path)
        return path

    def _check_above(self, path: str) -> None:
        above = path.rpartition("/")[0]
        known = self._kept.files.get(above)
        if above and (known is None or not stat.S_ISDIR(known.mode)):
            raise Invalid(f"the context has {path!r} and not the directory it is in")

    def _make(self, path: str, mode: int, told: Stat) -> None:
        place = f"{self._root}/{path}"
        if stat.S_ISDIR(mode):
            if not _is_directory(place):
                _remove(place)
                os.mkdir(place)
            os.chmod(place, mode & 0o7777)
            self._kept.files[path] = Known(mode)
            return
        _remove(place)
        if stat.S_ISLNK(mode):
            os.symlink(told.linkname, os.fsencode(place))
            self._kept.files[path] = Known(stat.S_IFLNK | 0o777, told.linkname)
        elif stat.S_IFMT(mode) in _SPECIAL:
            os.mkfifo(place, 0o600)
            os.chmod(place, mode & 0o7777)
            self._kept.special.add(path)
            self._kept.files[path] = Known(mode)
        else:
            raise Invalid(f"{path}: only files, directories, links and pipes can be in a build context")

    # ---- what is in it

    def _packet(self, packet: Packet) -> None:
        if packet.type == Packet.PACKET_DATA:
            self._data(packet)
        elif packet.type == Packet.PACKET_ERR:
            raise PlatformError(f"error from sender: {packet.data.decode(errors='replace')}")
        elif packet.type == Packet.PACKET_FIN:
            self.finished = True

    def _data(self, packet: Packet) -> None:
        file = self._open.get(packet.id)
        if file is None:
            raise Invalid(f"the client sent a file that nobody asked for: {packet.id}")
        if file.fd < 0:
            self._begin(file)
        if not packet.data:
            del self._open[packet.id]
            self._complete(file)
            return
        file.hash.update(packet.data)
        file.size += len(packet.data)
        self.bytes += len(packet.data)
        _write(file.fd, packet.data)

    def _begin(self, file: _Open) -> None:
        self._check_above(file.path)
        place = f"{self._root}/{file.path}"
        _remove(place)
        file.fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def _complete(self, file: _Open) -> None:
        mode = to_linux(file.told.mode)
        os.fchmod(file.fd, mode & 0o7777)
        os.utime(file.fd, ns=(file.told.mod_time, file.told.mod_time))
        os.close(file.fd)
        file.fd = -1
        self.files += 1
        self._kept.files[file.path] = Known(mode, file.hash.digest(), 0, file.size)

    # ---- the end

    def _end_of_list(self) -> None:
        """What was not told of is there no more."""
        self._listed = True
        for path in sorted(set(self._kept.files) - self._told, reverse=True):
            self._touched.add(path)
            self._kept.forget(path)
            _remove(f"{self._root}/{path}")

    def _finish(self) -> None:
        for path, told in self._links:
            self._link(path, told)
        self._kept.settle(self._listing)
        self.done = True

    def _link(self, path: str, told: Stat) -> None:
        """A file with two names. The first was told of before."""
        first = os.fsdecode(told.linkname).strip("/")
        known = self._kept.files.get(first)
        if known is None or not stat.S_ISREG(known.mode):
            raise Invalid(f"{path} is another name of {told.linkname!r}, which is no file of the context")
        _remove(f"{self._root}/{path}")
        os.link(f"{self._root}/{first}", f"{self._root}/{path}", follow_symlinks=False)
        self._kept.files[path] = known

    def close(self) -> None:
        """Let go of files that never became whole, and count nothing as known that was touched in vain."""
        if not self.done:
            known = self._kept.listing.items()
            self._kept.listing = {told: path for told, path in known if path not in self._touched}
        for file in self._open.values():
            if file.fd >= 0:
                os.close(file.fd)
                file.fd = -1
        self._open.clear()


def _is_directory(place: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(place).st_mode)
    except FileNotFoundError:
        return False


def _remove(place: str) -> None:
    try:
        os.unlink(place)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as e:
        if e.errno not in (errno.EISDIR, errno.EPERM):
            raise
        shutil.rmtree(Path(place))


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
