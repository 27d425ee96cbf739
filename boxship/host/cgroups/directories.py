"""Directories of control groups: made, removed, read. One mounted hierarchy is one Hierarchy."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

from boxship.base.errors import KernelError

MISSING = (errno.ENOENT, errno.ENODEV)  # ENODEV: the group went away while its file was open
_MOST = 1 << 16


class Hierarchy:
    """One tree of groups. Paths are below its root, with a slash in front."""

    def __init__(self, root: str) -> None:
        self.root = root

    def directory(self, path: str) -> str:
        return self.root + path.rstrip("/")

    def exists(self, path: str) -> bool:
        return os.path.isdir(self.directory(path))

    def read(self, path: str, name: str) -> str:
        """Return a file's contents; "" when the group or the file is missing or the kernel cannot tell."""
        try:
            fd = os.open(f"{self.root}{path}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            content = os.read(fd, _MOST)
            while len(content) % 4096 == 0 and (more := os.read(fd, _MOST)):
                content += more
            return content.decode()
        except OSError:
            return ""
        finally:
            os.close(fd)

    def write(self, path: str, name: str, text: str) -> None:
        """Raises KernelError naming the file and what was to be written."""
        target = f"{self.directory(path)}/{name}"
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as e:
            reason = (e.strerror or str(e)).lower()
            raise KernelError(f"write {text} to {target}: {reason}", e.errno or 0) from e

    def has(self, path: str, name: str) -> bool:
        return os.path.exists(f"{self.directory(path)}/{name}")

    def create(self, path: str) -> Iterator[str]:
        """Make the group and those above it; yield each of them, the top one first, made now or not."""
        above = ""
        for part in filter(None, path.split("/")):
            above = f"{above}/{part}"
            try:
                os.mkdir(self.directory(above), 0o755)
            except FileExistsError:
                pass
            except OSError as e:
                raise KernelError(
                    f"make cgroup {self.directory(above)}: {(e.strerror or '').lower()}", e.errno or 0
                ) from e
            yield above

    def remove(self, path: str) -> None:
        """Remove the group and all below, deepest first."""
        for group in reversed(list(self.walk(path))):
            try:
                os.rmdir(self.directory(group))
            except OSError as e:
                if e.errno not in MISSING:
                    reason = (e.strerror or "").lower()
                    raise KernelError(f"remove cgroup {self.directory(group)}: {reason}", e.errno or 0) from e

    def walk(self, path: str) -> Iterator[str]:
        """Yield the group and all below, each before what is in it; nothing if there is none."""
        if self.exists(path):
            yield path
            for name in self.below(path):
                yield from self.walk(f"{path}/{name}")

    def below(self, path: str) -> list[str]:
        with suppress(OSError), os.scandir(self.directory(path)) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return []

    def pids(self, path: str) -> tuple[int, ...]:
        found: set[int] = set()
        for group in self.walk(path):
            found.update(map(int, self.read(group, "cgroup.procs").split()))
        return tuple(sorted(found))
