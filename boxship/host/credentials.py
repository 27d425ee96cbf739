"""Whom the kernel takes this thread for when it makes files. Other threads, and our ids otherwise, stay as they are."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from boxship.base.errors import KernelError

Owner = tuple[int, int]
"""uid and gid, as the host numbers them"""

_VERSION_3 = 0x20080522
_WORDS = 2  # of 32 capabilities each
_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@contextmanager
def acting_as(owner: Owner | None) -> Iterator[None]:
    """Files made within belong to `owner`, whom file systems take us for, with all the rights we have otherwise.
    None changes nothing. Nothing may be awaited within: the loop's thread would serve others as that owner."""
    if owner is None:
        yield
        return
    before = _capabilities()
    _libc.setfsgid(owner[1])
    _libc.setfsuid(owner[0])  # takes rights over files away, which the next line brings back
    _set_capabilities([_Sets(s.permitted, s.permitted, s.inheritable) for s in before])
    try:
        yield
    finally:
        _libc.setfsuid(0)
        _libc.setfsgid(0)
        _set_capabilities(before)


def _capabilities() -> list[_Sets]:
    found = (_Sets * _WORDS)()
    _checked(_libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), found), "capget")
    return list(found)


def _set_capabilities(sets: list[_Sets]) -> None:
    wanted = (_Sets * _WORDS)(*sets)
    _checked(_libc.capset(ctypes.byref(_Header(_VERSION_3, 0)), wanted), "capset")


def _checked(result: int, call: str) -> None:
    if result < 0:
        raise KernelError(f"{call} failed", ctypes.get_errno())
