"""Files as Go describes them, for the header of the archive endpoints. Pure.

Go's os.FileMode has permission bits where Unix has them, and all else in bits of its own from the top down.
"""

import base64
import stat
from typing import Any

from boxship.base import codec
from boxship.base.units import rfc3339

_KINDS = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_FLAGS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


def go_mode(mode: int) -> int:
    """Return st_mode as an os.FileMode."""
    flags = sum(bit for flag, bit in _FLAGS.items() if mode & flag)
    return mode & 0o777 | _KINDS.get(stat.S_IFMT(mode), 0) | flags


def path_stat(*, name: str, size: int, mode: int, mtime: int, link: str) -> str:
    """Return X-Docker-Container-Path-Stat. mtime: nanoseconds since 1970."""
    described: dict[str, Any] = {
        "name": name,
        "size": size,
        "mode": go_mode(mode),
        "mtime": rfc3339(mtime),
        "linkTarget": link,
    }
    return base64.b64encode(codec.encode(described)).decode()
