"""Limits of what a directory may hold, as its file system keeps them.

ext4 and xfs count by project: a number that a directory hands down to all that is made in it. btrfs counts by
subvolume, so there the directory is made as one.
"""

import errno
import fcntl
import os
import struct
import zlib

from boxship.base.errors import KernelError, Unsupported
from boxship.host import mounts, syscalls
from boxship.host.directory import opened

_GET_ATTRIBUTES, _SET_ATTRIBUTES = 0x801C581F, 0x401C5820  # FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR
_ATTRIBUTES = struct.Struct("IIIII8x")  # flags, extent size, extents, project, extent size for copies
_HANDED_DOWN = 0x200  # FS_XFLAG_PROJINHERIT
_FIRST_PROJECT = 0x40000000  # above what people number by hand

_SUBVOLUME, _QUOTA, _LIMIT = 0x5000940E, 0xC0109428, 0x8030942B  # BTRFS_IOC_SUBVOL_CREATE, _QUOTA_CTL, _QGROUP_LIMIT
_NAMED = struct.Struct("q4088s")
_CONTROL = struct.Struct("QQ")
_GROUP = struct.Struct("QQQQQQ")  # group 0 is the subvolume's own; what is said; most referenced, exclusive; reserved
_ENABLE, _MOST_REFERENCED = 1, 1
_SUBVOLUME_INODE = 256

WANTED = {
    "ext4": "the features project and quota (tune2fs -O project,quota) and the mount option prjquota",
    "xfs": "the mount option prjquota",
}


def make(directory: str, size: int) -> None:
    """Make a directory that holds at most `size` bytes; one that is there and empty gets the limit. May be repeated.
    Raises Unsupported naming what the file system lacks."""
    kind = mounts.file_system(os.path.dirname(directory))
    if kind == "btrfs":
        _make_subvolume(directory)
        _limit_subvolume(directory, size)
        return
    os.makedirs(directory, mode=0o701, exist_ok=True)
    with opened(directory) as fd:
        _require(fd, kind)
        project = _project(fd, directory)
        syscalls.set_project_quota(fd, project, size)
        _assign(fd, project)


def require(directory: str) -> None:
    """Raise Unsupported, naming what the file system lacks, unless a directory made here can have a limit."""
    kind = mounts.file_system(directory)
    if kind != "btrfs":
        with opened(directory) as fd:
            _require(fd, kind)


def _require(fd: int, kind: str) -> None:
    if kind not in WANTED:
        raise Unsupported(f"file system {kind or 'of an unknown kind'} has none (want ext4, xfs or btrfs)")
    try:
        syscalls.project_quota(fd, 0)
    except KernelError as e:
        raise Unsupported(f"file system {kind} needs {WANTED[kind]}: {e}") from e


def _project(fd: int, directory: str) -> int:
    """Return the directory's own project, or one that nothing is counted for yet."""
    project = _read(fd)[3]
    if project >= _FIRST_PROJECT:
        return project
    project = _FIRST_PROJECT | zlib.crc32(os.fsencode(directory)) >> 3
    while any(syscalls.project_quota(fd, project)):
        project += 1
    return project


def _assign(fd: int, project: int) -> None:
    flags, extent, extents, _, copies = _read(fd)
    fields = _ATTRIBUTES.pack(flags | _HANDED_DOWN, extent, extents, project, copies)
    _ioctl(fd, _SET_ATTRIBUTES, fields, "set the project of a directory")


def _read(fd: int) -> tuple[int, int, int, int, int]:
    found: tuple[int, int, int, int, int] = _ATTRIBUTES.unpack(
        _ioctl(fd, _GET_ATTRIBUTES, bytes(_ATTRIBUTES.size), "read the project of a directory")
    )
    return found


def _make_subvolume(directory: str) -> None:
    if os.path.isdir(directory):
        if os.stat(directory).st_ino == _SUBVOLUME_INODE:
            return
        os.rmdir(directory)
    parent, name = os.path.split(directory)
    os.makedirs(parent, mode=0o701, exist_ok=True)
    with opened(parent) as fd:
        _ioctl(fd, _SUBVOLUME, _NAMED.pack(0, os.fsencode(name)), f"create subvolume {directory}")
    os.chmod(directory, 0o701)


def _limit_subvolume(directory: str, size: int) -> None:
    with opened(directory) as fd:
        try:
            _ioctl(fd, _QUOTA, _CONTROL.pack(_ENABLE, 0), "turn quotas on")
        except KernelError as e:
            if e.code != errno.EEXIST:  # they are on
                raise
        _ioctl(fd, _LIMIT, _GROUP.pack(0, _MOST_REFERENCED, size, 0, 0, 0), f"limit subvolume {directory}")


def _ioctl(fd: int, request: int, fields: bytes, what: str) -> bytes:
    answer = bytearray(fields)  # Python limits what cannot be changed to 1 KiB
    try:
        fcntl.ioctl(fd, request, answer)
    except OSError as e:
        raise KernelError(f"{what}: {e.strerror}", e.errno or 0) from e
    return bytes(answer)
