"""A directory held open for a while, for calls that want a descriptor of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from boxship.base.errors import KernelError


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Give a descriptor to read. Raises KernelError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as e:
        raise KernelError(f"open {path}: {e.strerror}", e.errno or 0) from e
    try:
        yield fd
    finally:
        os.close(fd)
