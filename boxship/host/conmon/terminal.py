"""The terminal of a container that is created and not started: its first process still is the runtime's own."""

import fcntl
import os
import stat
import struct
import termios
from contextlib import suppress

PSEUDO_TERMINALS = range(136, 144)  # major numbers, Linux devices.txt


def set_size(pid: int, height: int, width: int) -> None:
    """Set the size of the terminal that is the input of `pid`, at once. Nothing happens if it is none."""
    path = f"/proc/{pid}/fd/0"
    with suppress(OSError):
        if not _is_terminal(os.stat(path)):
            return
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if _is_terminal(os.fstat(fd)):
                fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        finally:
            os.close(fd)


def _is_terminal(seen: os.stat_result) -> bool:
    return stat.S_ISCHR(seen.st_mode) and os.major(seen.st_rdev) in PSEUDO_TERMINALS
