"""Mounts in the mount namespace of a running container, made and taken away from outside.

A thread enters the namespace for as long as one call takes. What it mounts was made outside, detached, so that the
container needs no path to the source, now or ever.
"""

import errno
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from boxship.base.errors import Conflict, KernelError
from boxship.host import mounts, syscalls
from boxship.host.api.inside import Addition
from boxship.host.credentials import Owner, acting_as
from boxship.host.view import mount_point

T = TypeVar("T")
_ATTRIBUTES = {
    "ro": syscalls.MOUNT_ATTR_RDONLY,
    "nosuid": syscalls.MOUNT_ATTR_NOSUID,
    "nodev": syscalls.MOUNT_ATTR_NODEV,
    "noexec": syscalls.MOUNT_ATTR_NOEXEC,
}
_OPPOSITES = ("rw", "suid", "dev", "exec")


def add(pid: int, addition: Addition) -> None:
    """Mount it where the process `pid` sees it; a missing mount point is made. Raises KernelError."""
    is_directory = os.path.isdir(addition.source) if addition.source else True
    mounted = _bound(addition) if addition.source else _tmpfs(addition)
    try:
        within(pid, lambda: _attach(mounted, addition, is_directory))
    finally:
        os.close(mounted)


def remove(pid: int, target: str) -> None:
    """Take away what is mounted last at `target`, and all below it. Raises Conflict while something in the container
    uses it."""
    inner = target.rstrip("/") + "/"
    below = [point for point in _mounted(pid) if point.startswith(inner)]

    def act() -> None:
        for point in (*reversed(below), target):
            syscalls.umount2(point, syscalls.UMOUNT_NOFOLLOW)

    try:
        within(pid, act)
    except KernelError as e:
        if e.code == errno.EBUSY:
            raise Conflict(f"mount {target} is in use in the container") from e
        if e.code not in (errno.EINVAL, errno.ENOENT):
            raise


def mounted(pid: int) -> frozenset[str]:
    """Return all mount points that the process sees. Raises KernelError when it is gone."""
    return frozenset(_mounted(pid))


def _mounted(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
            return list(map(mounts.mount_point, file.read().splitlines()))
    except OSError as e:
        raise KernelError(f"mounts of process {pid}: {e.strerror}", e.errno or 0) from e


def show(pid: int, inside: str, target: str) -> None:
    """Mount at `target` here, to be written to, what the process `pid` has mounted at `inside`."""
    copy = within(pid, lambda: syscalls.open_tree(inside, syscalls.OPEN_TREE_CLONE))
    try:
        syscalls.mount_setattr(copy, off=syscalls.MOUNT_ATTR_RDONLY)
        syscalls.move_mount(copy, target)
        syscalls.mount_setattr(copy, propagation=syscalls.MS_PRIVATE)
    finally:
        os.close(copy)


def within(pid: int, work: Callable[[], T]) -> T:
    """Do `work` in a thread that sees the file system as the process `pid` does. Raises KernelError, and what `work`
    raises."""
    space = _open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    try:
        root = _open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY)
        try:
            return _in_thread(lambda: _enter(space, root, work))
        finally:
            os.close(root)
    finally:
        os.close(space)


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError as e:
        raise KernelError(f"open {path}: {e.strerror}", e.errno or 0) from e


def _in_thread(work: Callable[[], T]) -> T:
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, name="inside", daemon=True)
    thread.start()
    thread.join()
    return done.result()


def _enter(space: int, root: int, work: Callable[[], T]) -> T:
    syscalls.unshare(syscalls.CLONE_FS)
    syscalls.setns(space, syscalls.CLONE_NEWNS)
    os.fchdir(root)
    os.chroot(".")  # the namespace's own root need not be the process's
    return work()


def _attach(mounted: int, addition: Addition, is_directory: bool) -> None:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with acting_as(addition.owner):
            target = mount_point(root, addition.target, is_directory)
        try:
            syscalls.move_mount_onto(mounted, target, addition.target)
        finally:
            os.close(target)
    finally:
        os.close(root)
    spread = addition.spread
    syscalls.mount_setattr(
        mounted, propagation=mounts.PROPAGATION[spread.removeprefix("r")], recursive=spread.startswith("r")
    )


def _bound(addition: Addition) -> int:
    recursive = syscalls.AT_RECURSIVE if addition.recursive else 0
    copy = syscalls.open_tree(addition.source, syscalls.OPEN_TREE_CLONE | recursive)
    try:
        if "ro" in addition.options or "rro" in addition.options:
            syscalls.mount_setattr(copy, on=syscalls.MOUNT_ATTR_RDONLY, recursive="rro" in addition.options)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _tmpfs(addition: Addition) -> int:
    context = syscalls.fsopen("tmpfs")
    try:
        attributes = 0
        for word in (*addition.options, *_ownership(addition.owner)):
            name, equals, value = word.partition("=")
            if equals:
                syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, name, value)
            elif name in _ATTRIBUTES:
                attributes |= _ATTRIBUTES[name]
            elif name not in _OPPOSITES:
                raise KernelError(f"mount {addition.target}: a running container cannot get tmpfs option {word}")
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(context, attributes)
    finally:
        os.close(context)


def _ownership(owner: Owner | None) -> Sequence[str]:
    return (f"uid={owner[0]}", f"gid={owner[1]}") if owner else ()
