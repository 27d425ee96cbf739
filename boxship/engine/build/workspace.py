"""Where one build works: directories under data_root/tmp, and what is mounted there. All of it goes away with `close`.

What a killed daemon leaves is swept at the next start.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from boxship.base.ids import new_id, short
from boxship.engine.build.seams import Mounts, Trees

PREFIX = "build-"
# Whatever the host's defaults are: an upper directory must hold whole files, since it becomes a layer.
PLAIN = ("metacopy=off", "redirect_dir=off", "index=off")
# What a step writes is worth nothing until it has become a layer: programs that wait for the disk, as package managers
# do after each file, wait for nothing. Linux 5.10.
_RELEASE = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
PASSING = (*PLAIN, "volatile") if _RELEASE >= (5, 10) else PLAIN


class Workspace:
    """Must be closed."""

    def __init__(self, tmp: Path, mounts: Mounts, trees: Trees) -> None:
        self.home = tmp / f"{PREFIX}{short(new_id())}"
        self.home.mkdir(mode=0o700, parents=True)
        self._mounts = mounts
        self._trees = trees
        self._views: dict[tuple[str, ...], Path] = {}
        self._mounted: list[str] = []
        self._numbers = count(1)
        self.empty = self.directory("empty")

    def directory(self, kind: str = "d", mode: int = 0o755) -> Path:
        """Make a new directory."""
        path = self.home / f"{kind}{next(self._numbers)}"
        path.mkdir()
        path.chmod(mode)
        return path

    def view(self, lowers: Sequence[str]) -> Path:
        """Return the file system of some layers (directories, lowest first), to be read only."""
        found = self._views.get(tuple(lowers))
        if found is None:
            if len(lowers) < 2:
                return Path(lowers[0]) if lowers else self.empty
            found = self.directory("view")
            self._mount(found, lowers, "", "")
            self._views[tuple(lowers)] = found
        return found

    @asynccontextmanager
    async def changing(self, lowers: Sequence[str]) -> AsyncIterator[tuple[Path, Path]]:
        """Give (root, upper): what is written in the root is in the directory `upper` afterwards."""
        upper = self.directory("upper")
        if not lowers:
            yield upper, upper
            return
        merged, work = self.directory("merged"), self.directory("work")
        self._mount(merged, lowers, str(upper), str(work))
        try:
            yield merged, upper
        finally:
            self._unmount(str(merged))

    def scratch_over(self, lower: Path) -> Path:
        """Return a directory that shows `lower` and takes changes that nobody will see."""
        merged, upper, work = self.directory("merged"), self.directory("upper"), self.directory("work")
        self._mount(merged, [str(lower)], str(upper), str(work))
        return merged

    def show(self, root: Path, target: Path) -> None:
        """Let a directory of ours show another one, to be read only."""
        self._mounts.bind(str(root), str(target), read_only=True)
        self._mounted.append(str(target))

    def _mount(self, target: Path, lowers: Sequence[str], upper: str, work: str) -> None:
        self._mounts.overlay(str(target), lowers, upper, work, PASSING if upper else ())
        self._mounted.append(str(target))

    def _unmount(self, target: str) -> None:
        self._mounts.unmount(target)
        self._mounted.remove(target)

    def close(self) -> None:
        for target in reversed(self._mounted):
            self._mounts.unmount(target)
        self._mounted.clear()
        self._trees.trash(self.home)


def sweep(tmp: Path, mounts: Mounts, trees: Trees) -> None:
    """Take away what builds of a killed daemon have left."""
    if not tmp.is_dir():
        return
    for home in tmp.iterdir():
        if home.name.startswith(PREFIX):
            for target in reversed(mounts.mounted_under(str(home))):
                mounts.unmount(target)
            trees.trash(home)
