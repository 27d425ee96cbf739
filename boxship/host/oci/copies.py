"""Copies of the runtimes' programs in memory, sealed so that nobody can change them.

crun and runc run for a moment inside containers, whose root could then write to the program's file through /proc
(CVE-2019-5736). So they copy or remount themselves and start anew, each time, which is a third of an exec; unless they
find that they come from a sealed file in memory already. Links below `directory` give the copies names, for whoever
lists processes; a killed daemon leaves links that lead nowhere, and the next one sets them right.
"""

import fcntl
import logging
import os
import shutil
from contextlib import suppress
from typing import NamedTuple

from boxship.host.api.runtime import RuntimeInfo

# They look for these seals. Others would gain nothing, and scripts lose their place.
KNOWN = frozenset({"crun", "runc"})
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
MFD_EXEC = 0x10  # memfd_create(2), Linux 6.3: says that it is to be run, where the host makes others not runnable
ELF = b"\x7fELF"
log = logging.getLogger(__name__)

Version = tuple[int, int, int, int]


class Copy(NamedTuple):
    """version: of the file it was made from.  fd: -1 when it cannot be had."""

    version: Version
    fd: int


class Copies:
    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._made: dict[str, Copy] = {}

    def of(self, runtime: RuntimeInfo) -> str:
        """Return the path of a copy of the runtime's program as it is now on disk, "" when it is to run from there."""
        if os.path.basename(runtime.path) not in KNOWN:
            return ""
        link = f"{self._directory}/{runtime.name}"
        try:
            version = _version(runtime.path)
            known = self._made.get(runtime.name)
            if known is None or known.version != version:
                self._forget(runtime.name)
                known = self._made[runtime.name] = Copy(version, self._make(runtime.path, link))
        except OSError as e:
            log.info("no copy of %s in memory: %s", runtime.path, e.strerror)
            return ""
        return link if known.fd >= 0 else ""

    def _make(self, path: str, link: str) -> int:
        try:
            fd = sealed_copy(path)
        except OSError as e:
            log.info("no copy of %s in memory: %s", path, e.strerror)
            return -1
        if fd >= 0:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            _point(link, f"/proc/{os.getpid()}/fd/{fd}")
        return fd

    def _forget(self, name: str) -> None:
        known = self._made.pop(name, None)
        if known is not None and known.fd >= 0:
            os.close(known.fd)

    def close(self) -> None:
        for name in list(self._made):
            self._forget(name)
        shutil.rmtree(self._directory, ignore_errors=True)


def sealed_copy(path: str) -> int:
    """Return a descriptor of a sealed copy in memory; -1 for a script. Raises OSError where the host forbids it."""
    with open(path, "rb") as file:
        if file.read(len(ELF)) != ELF:
            return -1
        fd = _memory(os.path.basename(path))
        try:
            offset = 0
            while sent := os.sendfile(fd, file.fileno(), offset, 1 << 30):
                offset += sent
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        except BaseException:
            os.close(fd)
            raise
    return fd


def _memory(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | MFD_EXEC)
    except OSError:  # an older kernel
        return os.memfd_create(name, flags)


def _version(path: str) -> Version:
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


def _point(link: str, target: str) -> None:
    new = f"{link}.new"
    with suppress(FileNotFoundError):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, link)
