"""Modes of files, as Go has them on the wire and as Linux has them. Pure."""

import stat

_KINDS = {  # Go's bits for what is no plain file -> Linux' kind
    1 << 31: stat.S_IFDIR,
    1 << 27: stat.S_IFLNK,
    1 << 26 | 1 << 21: stat.S_IFCHR,
    1 << 26: stat.S_IFBLK,
    1 << 25: stat.S_IFIFO,
    1 << 24: stat.S_IFSOCK,
}
_BITS = {1 << 23: stat.S_ISUID, 1 << 22: stat.S_ISGID, 1 << 20: stat.S_ISVTX}
KIND = 0x8F280000  # Go's os.ModeType
_KIND_OF = {kind: bits for bits, kind in _KINDS.items()}


def to_linux(mode: int) -> int:
    """Return st_mode; its kind is 0 for what Linux has no word for."""
    kind = _KINDS.get(mode & KIND, 0) if mode & KIND else stat.S_IFREG
    return kind | mode & 0o777 | sum(linux for bit, linux in _BITS.items() if mode & bit)


def to_go(mode: int) -> int:
    kind = 0 if stat.S_ISREG(mode) else _KIND_OF[stat.S_IFMT(mode)]
    return kind | mode & 0o777 | sum(bit for bit, linux in _BITS.items() if mode & linux)
