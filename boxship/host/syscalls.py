"""System calls that Python's os lacks, named as in section 2 of the manual. No decisions and no loops here.

Every failure is a KernelError that names the call, its subject and the reason; `code` is its errno.
Calls release the GIL while they run. Paths may be `/proc/self/fd/N`.
"""

import ctypes
import errno
import os
import platform
import struct

from boxship.base.errors import KernelError

Path = str | bytes | os.PathLike[str]

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_FS = 0x00000200

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_IDMAP = 0x00100000

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 0, 1, 6
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH, _MOVE_MOUNT_T_EMPTY_PATH = 4, 0x40

# Calls newer than 2019 have one number on all architectures.
_OPEN_TREE, _MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _OPENAT2, _MOUNT_SETATTR = 428, 429, 430, 431, 432, 437, 442
_QUOTACTL_FD = 443
_BPF = {"x86_64": 321}.get(platform.machine(), 280)
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}.get(platform.machine(), 217)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_Argument = int | Path | ctypes.Structure | None


def _checked(result: int, call: str, subject: object) -> int:
    if result >= 0:
        return result
    code = ctypes.get_errno()
    about = f"{call} {os.fsdecode(subject) if isinstance(subject, bytes) else subject}".rstrip()
    raise KernelError(f"{about}: {os.strerror(code).lower()}", code) from OSError(code, os.strerror(code))


def _text(path: Path | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def _native(argument: _Argument) -> object:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    if isinstance(argument, ctypes.Structure):
        return ctypes.byref(argument)
    return _text(argument)


def _call(number: int, name: str, subject: object, *arguments: _Argument) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *map(_native, arguments))
    return _checked(result, name, subject)


def mount(source: Path | None, target: Path, kind: str | None, flags: int = 0, options: str | None = None) -> None:
    """`kind` is the file system's name, None for binds and changes. `options` is limited to one page by the kernel."""
    result = _libc.mount(_text(source), _text(target), _text(kind), ctypes.c_ulong(flags), _text(options))
    _checked(result, "mount", target)


def umount2(target: Path, flags: int = 0) -> None:
    _checked(_libc.umount2(_text(target), flags), "umount", target)


def fsopen(kind: str) -> int:
    """Return a descriptor of a new file system that is still to be configured."""
    return _call(_FSOPEN, "fsopen", kind, kind, _FSOPEN_CLOEXEC)


def fsconfig(context: int, command: int, key: str | None = None, value: Path | None = None) -> None:
    """Values are limited to 255 bytes by the kernel, whose own words on a failure are in the error."""
    try:
        _call(_FSCONFIG, "fsconfig", key or "create", context, command, key, value, 0)
    except KernelError as e:
        said = _messages(context)
        raise KernelError(f"{e}{': ' + said if said else ''}", e.code) from e


def _messages(context: int) -> str:
    """What the kernel wrote into a file system context: lines of `e text`."""
    said = []
    try:
        while line := os.read(context, 4096):
            said.append(line.decode(errors="replace").strip().removeprefix("e ").removeprefix("w "))
    except OSError:  # ENODATA: no more messages
        pass
    return "; ".join(said)


def fsmount(context: int, attributes: int = 0) -> int:
    """Return a descriptor of a mount that is attached nowhere."""
    return _call(_FSMOUNT, "fsmount", "", context, _FSMOUNT_CLOEXEC, attributes)


_RENAME_EXCHANGE = 2


def exchange(one: Path, other: Path) -> None:
    """Let two names of one file system change places, renameat2(2)."""
    result = _libc.renameat2(AT_FDCWD, _text(one), AT_FDCWD, _text(other), ctypes.c_uint(_RENAME_EXCHANGE))
    _checked(result, "rename", one)


def open_tree(path: Path, flags: int = OPEN_TREE_CLONE, directory: int = AT_FDCWD) -> int:
    """Return a descriptor of the mount at `path`; with OPEN_TREE_CLONE of a detached copy, as a bind mount makes."""
    return _call(_OPEN_TREE, "open_tree", path, directory, path, flags | os.O_CLOEXEC)


def move_mount(mounted: int, target: Path, directory: int = AT_FDCWD) -> None:
    """Attach the detached mount `mounted` at `target`, whose last part is not followed if it is a link."""
    _call(_MOVE_MOUNT, "mount", target, mounted, b"", directory, target, _MOVE_MOUNT_F_EMPTY_PATH)


def move_mount_onto(mounted: int, target: int, subject: str = "") -> None:
    """Attach the detached mount `mounted` at what the descriptor `target` stands for. subject: its name, for errors."""
    flags = _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH
    _call(_MOVE_MOUNT, "mount", subject, mounted, b"", target, b"", flags)


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def mount_setattr(
    mounted: int, *, on: int = 0, off: int = 0, propagation: int = 0, userns: int = 0, recursive: bool = False
) -> None:
    """Change attributes of the mount behind the descriptor `mounted`. With MOUNT_ATTR_IDMAP in `on`, `userns` is the
    descriptor of the user namespace whose mapping files get."""
    change = _MountAttr(on, off, propagation, userns)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    _call(_MOUNT_SETATTR, "mount_setattr", "", mounted, b"", flags, change, ctypes.sizeof(change))


class _Quota(ctypes.Structure):
    """if_dqblk of quotactl(2); block limits in KiB, space in bytes."""

    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("hard", "soft", "space", "ihard", "isoft", "inodes", "btime", "itime")),
        ("valid", ctypes.c_uint32),
    ]


_Q_GETQUOTA, _Q_SETQUOTA, _PRJQUOTA, _QIF_BLIMITS = 0x800007, 0x800008, 2, 1


def project_quota(fd: int, project: int) -> tuple[int, int]:
    """Return hard limit and use of a project on the file system of `fd`, in bytes; (0, 0) for an unknown one."""
    quota = _Quota()
    try:
        _call(_QUOTACTL_FD, "quotactl", "", fd, _Q_GETQUOTA << 8 | _PRJQUOTA, project, quota)
    except KernelError as e:
        if e.code != errno.ENOENT:
            raise
    return quota.hard << 10, quota.space


def set_project_quota(fd: int, project: int, size: int) -> None:
    """Let the files of a project take at most `size` bytes, counted in KiB."""
    quota = _Quota(hard=(size + 1023) >> 10, valid=_QIF_BLIMITS)
    _call(_QUOTACTL_FD, "quotactl", "", fd, _Q_SETQUOTA << 8 | _PRJQUOTA, project, quota)


def pivot_root(new_root: Path, put_old: Path) -> None:
    _call(_PIVOT_ROOT, "pivot_root", new_root, new_root, put_old)


def syncfs(file: int) -> None:
    """Write all that the file system of a descriptor still holds in memory to its disk."""
    _checked(_libc.syncfs(file), "syncfs", file)


def setns(namespace: int, kind: int) -> None:
    """Move the calling thread into the namespace behind the descriptor."""
    _checked(_libc.setns(namespace, kind), "setns", namespace)


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces; CLONE_FS gives it a root and working directory of its own."""
    _checked(_libc.unshare(flags), "unshare", hex(flags))


class _OpenHow(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]


def openat2(directory: int, path: Path, flags: int, *, resolve: int, mode: int = 0) -> int:
    """Open `path` below the descriptor `directory` under RESOLVE_* rules. EAGAIN (a rename was going on) is retried."""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    for attempts_left in range(127, -1, -1):
        try:
            return _call(_OPENAT2, "open", path, directory, path, how, ctypes.sizeof(how))
        except KernelError as e:
            if e.code != 11 or not attempts_left:
                raise
    raise AssertionError("unreachable")


IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE = 0x2, 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_Q_OVERFLOW, IN_IGNORED, IN_ONLYDIR, IN_MASK_ADD = 0x4000, 0x8000, 0x01000000, 0x20000000
INOTIFY_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


def inotify_init() -> int:
    """Return a non-blocking inotify descriptor."""
    return _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init", "")


def inotify_add_watch(inotify: int, path: Path, mask: int) -> int:
    return _checked(_libc.inotify_add_watch(inotify, _text(path), ctypes.c_uint32(mask)), "watch", path)


def inotify_rm_watch(inotify: int, watch: int) -> None:
    _checked(_libc.inotify_rm_watch(inotify, watch), "inotify_rm_watch", watch)


PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def prctl(option: int, value: int | bytes) -> None:
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    _checked(_libc.prctl(option, argument, *(ctypes.c_ulong(0),) * 3), "prctl", option)


def bpf(command: int, subject: str, attributes: bytes) -> int:
    """`attributes`: the union bpf_attr; pointers in it must outlive the call."""
    return bpf_into(command, subject, ctypes.create_string_buffer(attributes, len(attributes)))


def bpf_into(command: int, subject: str, attributes: "ctypes.Array[ctypes.c_char]") -> int:
    """The same, for commands that write into `attributes`."""
    place = ctypes.c_void_p(ctypes.addressof(attributes))
    result: int = _libc.syscall(ctypes.c_long(_BPF), ctypes.c_long(command), place, ctypes.c_ulong(len(attributes)))
    return _checked(result, "bpf", subject)
