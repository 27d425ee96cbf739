"""Mounts by the mount API of Linux 5.2 and later. All calls are short (well under a millisecond) and synchronous."""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from boxship.base.errors import KernelError
from boxship.host import syscalls
from boxship.host.credentials import Owner, acting_as
from boxship.host.syscalls import MOUNT_ATTR_IDMAP, MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_SHARED, MS_SLAVE

PROPAGATION = {"private": MS_PRIVATE, "shared": MS_SHARED, "slave": MS_SLAVE}
# Lower directories one by one, `lowerdir+`, are there from Linux 6.7 on.
KNOWS_LOWERS = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (6, 7)
_LONGEST_VALUE = 255  # bytes, fsconfig(2)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def overlay(
    target: str, lowers: Sequence[str], upper: str, work: str, options: Iterable[str] = (),
    *, owner: Owner | None = None,
) -> None:  # fmt: skip
    """Mount an overlay of `lowers`, LOWEST FIRST, below `upper` at `target`, privately.

    Without `upper` (and `work`) the mount is read-only. At most 500 lowers; only kernels before 6.7 take fewer,
    some 220. `options` are further ones, "index=off". owner: whom the overlay makes its own files for; ids that are
    mapped below it need one that the map knows. Raises KernelError.
    """
    with ExitStack() as held, acting_as(owner):
        if not KNOWS_LOWERS:
            _old_overlay(held, target, lowers, upper, work, options)
            return
        context = _held(held, syscalls.fsopen("overlay"))
        for lower in reversed(lowers):
            _set(held, context, "lowerdir+", lower)
        if upper:
            _set(held, context, "upperdir", upper)
            _set(held, context, "workdir", work)
        for option in options:
            key, equals, value = option.partition("=")
            command = syscalls.FSCONFIG_SET_STRING if equals else syscalls.FSCONFIG_SET_FLAG
            syscalls.fsconfig(context, command, key, value if equals else None)
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        _attach(_held(held, syscalls.fsmount(context)), target, "private")


def _held(held: ExitStack, fd: int) -> int:
    held.callback(os.close, fd)
    return fd


def _set(held: ExitStack, context: int, key: str, path: str) -> None:
    value = path if len(os.fsencode(path)) <= _LONGEST_VALUE else _short(held, path)
    syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, key, value)


def _short(held: ExitStack, path: str) -> str:
    """Return a short name for a directory, good while `held` is open; it needs no escaping either."""
    try:
        return f"/proc/self/fd/{_held(held, os.open(path, os.O_PATH | os.O_CLOEXEC))}"
    except OSError as e:
        raise KernelError(f"open {path}: {e.strerror}", e.errno or 0) from e


def _old_overlay(
    held: ExitStack, target: str, lowers: Sequence[str], upper: str, work: str, options: Iterable[str]
) -> None:
    """For kernels that do not know `lowerdir+`: all names go into one page, so they are made short."""
    words = ["lowerdir=" + ":".join(_short(held, lower) for lower in reversed(lowers))]
    if upper:
        words += [f"upperdir={_short(held, upper)}", f"workdir={_short(held, work)}"]
    syscalls.mount("overlay", target, "overlay", 0, ",".join([*words, *options]))
    syscalls.mount(None, target, None, MS_PRIVATE)


def _attach(mounted: int, target: str, propagation: str) -> None:
    syscalls.move_mount(mounted, target)
    # After the move, since below a shared mount every newcomer becomes shared.
    syscalls.mount_setattr(mounted, propagation=PROPAGATION[propagation], recursive=propagation == "private")


def bind(
    source: str, target: str, *, read_only: bool = False, recursive: bool = False, propagation: str = "private",
    id_map: int | None = None,
) -> None:  # fmt: skip
    """Show `source` (followed if it is a link) at `target` (not followed) too.

    recursive: with all mounts below it, which then become read-only too where that is asked.
    id_map:    descriptor of a user namespace: owners appear translated by its map. Not for recursive binds,
               nor for file systems that cannot do it. Appears at once with all that is asked, or not at all.
    """
    try:
        with _copy(source, recursive) as mounted:
            if read_only:
                syscalls.mount_setattr(mounted, on=MOUNT_ATTR_RDONLY, recursive=recursive)
            if id_map is not None:
                syscalls.mount_setattr(mounted, on=MOUNT_ATTR_IDMAP, userns=id_map)
            _attach(mounted, target, propagation)
    except KernelError as e:
        raise KernelError(f"bind {source} at {target}: {e}", e.code) from e


@contextmanager
def _copy(source: str, recursive: bool) -> Iterator[int]:
    """Give a copy of the mount at `source` that nobody sees yet."""
    mounted = syscalls.open_tree(source, syscalls.OPEN_TREE_CLONE | (syscalls.AT_RECURSIVE if recursive else 0))
    try:
        yield mounted
    finally:
        os.close(mounted)


def set_read_only(target: str) -> None:
    """Make the mount at `target` and all below read-only."""
    mounted = syscalls.open_tree(target, 0)
    try:
        syscalls.mount_setattr(mounted, on=MOUNT_ATTR_RDONLY, recursive=True)
    finally:
        os.close(mounted)


def make_private(directory: str) -> None:
    """Let no mount below `directory` be seen in other mount namespaces, where it would keep file systems busy.
    Makes it a mount of its own if it is none. May be repeated."""
    if not is_mounted(directory):
        bind(directory, directory, recursive=True)
    syscalls.mount(None, directory, None, MS_PRIVATE)


def tmpfs(target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()) -> None:
    """size: bytes. Not executable files are fine; devices and setuid are not."""
    words = [f"mode={mode:o}", *([f"size={size}"] if size is not None else []), *options]
    syscalls.mount("tmpfs", target, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, ",".join(words))
    syscalls.mount(None, target, None, MS_PRIVATE)


def mount(source: str, target: str, kind: str, options: str = "") -> None:
    """Mount any file system; `options` as in fstab, of which the kernel's own flags are recognised."""
    flags, rest = 0, []
    for word in filter(None, options.split(",")):
        on, off = _FLAGS.get(word, (0, 0))
        flags = (flags | on) & ~off
        if word not in _FLAGS:
            rest.append(word)
    try:
        syscalls.mount(source, target, kind, flags, ",".join(rest) or None)
    except KernelError as e:
        if e.code == errno.ENODEV:
            raise KernelError(f"{e} (this kernel has no file system {kind!r})", e.code) from e
        raise


# fstab's words: flags they set and clear.
_FLAGS: dict[str, tuple[int, int]] = {
    "defaults": (0, 0),
    "ro": (syscalls.MS_RDONLY, 0),
    "rw": (0, syscalls.MS_RDONLY),
    "nosuid": (syscalls.MS_NOSUID, 0),
    "suid": (0, syscalls.MS_NOSUID),
    "nodev": (syscalls.MS_NODEV, 0),
    "dev": (0, syscalls.MS_NODEV),
    "noexec": (syscalls.MS_NOEXEC, 0),
    "exec": (0, syscalls.MS_NOEXEC),
    "bind": (syscalls.MS_BIND, 0),
    "rbind": (syscalls.MS_BIND | syscalls.MS_REC, 0),
    "sync": (0x10, 0),
    "async": (0, 0x10),
    "noatime": (0x400, 0),
    "atime": (0, 0x400),
    "nodiratime": (0x800, 0),
    "diratime": (0, 0x800),
    "relatime": (1 << 21, 0),
    "strictatime": (1 << 24, 0),
    "lazytime": (1 << 25, 0),
    "dirsync": (0x80, 0),
    "mand": (0x40, 0),
    "nomand": (0, 0x40),
}


def unmount(target: str, lazy: bool = True) -> None:
    """Unmount `target`, not following a link. Nothing happens if nothing is mounted or it does not exist.
    lazy: it vanishes now, and is released once nobody uses it."""
    try:
        syscalls.umount2(target, syscalls.UMOUNT_NOFOLLOW | (syscalls.MNT_DETACH if lazy else 0))
    except KernelError as e:
        if e.code not in (errno.EINVAL, errno.ENOENT):
            raise


def unmount_under(directory: str) -> None:
    """Unmount all that is mounted at and below `directory`, latest first."""
    for target in reversed(mounted_under(directory)):
        unmount(target)


def mounted_under(prefix: str) -> list[str]:
    """Return the mount points at and below `prefix`, in the order they were mounted, each as often as it was."""
    inside = prefix.rstrip("/") + "/"
    return [point for point in map(mount_point, _table()) if point == prefix or point.startswith(inside)]


def mounted() -> frozenset[str]:
    """Return all mount points that we see."""
    return frozenset(map(mount_point, _table()))


def is_mounted(target: str) -> bool:
    """Tell whether something is mounted at exactly this path. `target` must not have links or dots in it."""
    return any(mount_point(line) == target for line in _table())


def file_system(path: str) -> str:
    """Return the kind of file system that `path` is on, "ext4", "tmpfs"; "" when that cannot be told."""
    around = [path.rstrip("/")]
    while around[-1]:
        around.append(around[-1].rpartition("/")[0])
    kinds = {mount_point(line): line.partition(" - ")[2].split(" ", 1)[0] for line in _table()}
    return next((kinds[place or "/"] for place in around if (place or "/") in kinds), "")


def _table() -> list[str]:
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        return file.read().splitlines()


def mount_point(line: str) -> str:
    """Return the mount point of a line of mountinfo. Source: proc_pid_mountinfo(5), whose escapes are octal."""
    point = line.split(" ", 5)[4]
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), point) if "\\" in point else point
