"""The part of libarchive (3.4 or later) that untars: a reader of tar streams and a writer of files."""

import ctypes
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p
from ctypes.util import find_library

OK, EOF, WARN = 0, 1, -20
BLOCK = 1 << 18
# Owners, permissions, times and attributes as archived; a file in the way is replaced, never written through.
OWNER, PERM, TIME, UNLINK, ACL, XATTR = 0x0001, 0x0002, 0x0004, 0x0010, 0x0020, 0x0080
FLAGS = OWNER | PERM | TIME | UNLINK | ACL | XATTR

_lib: ctypes.CDLL | None = None
# name -> result, arguments
_CALLS: dict[str, tuple[object, tuple[object, ...]]] = {
    "read_new": (c_void_p, ()),
    "read_support_format_tar": (c_int, (c_void_p,)),
    "read_support_format_empty": (c_int, (c_void_p,)),
    "read_open_fd": (c_int, (c_void_p, c_int, c_size_t)),
    "read_next_header": (c_int, (c_void_p, c_void_p)),
    "read_data_block": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "read_free": (c_int, (c_void_p,)),
    "write_disk_new": (c_void_p, ()),
    "write_disk_set_options": (c_int, (c_void_p, c_int)),
    "write_header": (c_int, (c_void_p, c_void_p)),
    "write_data_block": (c_int, (c_void_p, c_void_p, c_size_t, c_int64)),
    "write_finish_entry": (c_int, (c_void_p,)),
    "write_close": (c_int, (c_void_p,)),
    "error_string": (c_char_p, (c_void_p,)),
    "errno": (c_int, (c_void_p,)),
    "entry_pathname": (c_char_p, (c_void_p,)),
    "entry_set_pathname": (None, (c_void_p, c_char_p)),
    "entry_hardlink": (c_char_p, (c_void_p,)),
    "entry_set_hardlink": (None, (c_void_p, c_char_p)),
    "entry_filetype": (c_int, (c_void_p,)),
    "entry_size": (c_int64, (c_void_p,)),
    "entry_uid": (c_int64, (c_void_p,)),
    "entry_gid": (c_int64, (c_void_p,)),
    "entry_set_uid": (None, (c_void_p, c_int64)),
    "entry_set_gid": (None, (c_void_p, c_int64)),
    "entry_sparse_count": (c_int, (c_void_p,)),
    "entry_xattr_reset": (c_int, (c_void_p,)),
    "entry_xattr_next": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "entry_xattr_clear": (None, (c_void_p,)),
    "entry_xattr_add_entry": (None, (c_void_p, c_char_p, c_char_p, c_size_t)),
}


def load() -> ctypes.CDLL:
    """Return the library; its functions are called without `archive_`. Must come before a change of root: nothing is
    ever loaded from inside a tree. Raises OSError when the host does not have it."""
    global _lib
    if _lib is None:
        lib = ctypes.CDLL(name())
        for call, (result, arguments) in _CALLS.items():
            function = getattr(lib, f"archive_{call}")
            function.restype, function.argtypes = result, arguments
            setattr(lib, call, function)
        _lib = lib
    return _lib


def name() -> str:
    """The name that Debian and Ubuntu know; asking the linker takes a child process."""
    try:
        ctypes.CDLL("libarchive.so.13")
        return "libarchive.so.13"
    except OSError:
        return find_library("archive") or "libarchive.so"


class ArchiveError(Exception):
    """The library's own sentence."""


class Reader:
    """A tar stream. The current entry is behind `entry` after each successful `next`."""

    def __init__(self, fd: int) -> None:
        self._lib = load()
        self._archive = self._lib.read_new()
        self._lib.read_support_format_tar(self._archive)
        self._lib.read_support_format_empty(self._archive)
        self.entry = c_void_p()
        self._entry = ctypes.byref(self.entry)
        self._block, self._size, self._offset = c_void_p(), c_size_t(), c_int64()
        self._into = tuple(map(ctypes.byref, (self._block, self._size, self._offset)))
        self._check(self._lib.read_open_fd(self._archive, fd, BLOCK))

    def _check(self, result: int) -> int:
        if result < WARN:
            raise ArchiveError((self._lib.error_string(self._archive) or b"not a tar archive").decode(errors="replace"))
        return result

    def next(self) -> bool:
        return self._check(self._lib.read_next_header(self._archive, self._entry)) != EOF

    def block(self) -> tuple[c_void_p, int, int] | None:
        """Return (address, size, offset in the file) of the entry's next piece."""
        if self._check(self._lib.read_data_block(self._archive, *self._into)) == EOF:
            return None
        return self._block, self._size.value, self._offset.value

    def close(self) -> None:
        self._lib.read_free(self._archive)


class Writer:
    """Writes entries below the working directory. Call `close` at the end: directories get their times then."""

    def __init__(self) -> None:
        self._lib = load()
        self._archive = self._lib.write_disk_new()
        self._lib.write_disk_set_options(self._archive, FLAGS)

    def _check(self, result: int) -> None:
        if result < WARN:
            raise ArchiveError((self._lib.error_string(self._archive) or b"write failed").decode(errors="replace"))

    def header(self, entry: c_void_p) -> None:
        self._check(self._lib.write_header(self._archive, entry))

    def block(self, address: c_void_p, size: int, offset: int) -> None:
        self._check(self._lib.write_data_block(self._archive, address, size, offset))

    def finish(self) -> None:
        self._check(self._lib.write_finish_entry(self._archive))

    def close(self) -> None:
        self._check(self._lib.write_close(self._archive))
