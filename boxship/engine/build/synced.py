"""Build contexts that stay from build to build, so that only what has changed is sent again.

One directory serves one build at a time; builds of the same context at once get one each. Nothing outlives the daemon.
"""

import hashlib
import stat
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from boxship.base.clock import Clock
from boxship.base.ids import new_id, short
from boxship.engine.build.index import Index, Known
from boxship.engine.build.seams import Trees

SPARE = 16  # directories that no build uses


class Synced(Index):
    """A directory and what is known to be in it: it answers what its files would, without looking at them.

    listing: what the client told last, by its bytes, and whose path it was.  files: by path; "" is the root.
    special: paths of what only the files themselves can tell of.
    """

    def __init__(self, root: Path, key: str, now: int) -> None:
        self.root = root
        self.key = key
        self.created = self.used = now
        self.uses = 0
        self.listing: dict[bytes, str] = {}
        self.files: dict[str, Known] = {}
        self.special: set[str] = set()
        self._told: dict[tuple[object, ...], str | None] = {}
        self._changed = True

    @property
    def size(self) -> int:
        """Return the bytes in all files."""
        return sum(known.size for known in self.files.values())

    def forget(self, path: str) -> None:
        """Note that a path is about to change."""
        self._changed = True
        self._told.clear()
        self.special.discard(path)
        self.files.pop(path, None)

    def settle(self, listing: dict[bytes, str]) -> None:
        """All of `files` is there now, and the client has told of it so."""
        self.listing = listing
        if self._changed:
            self._changed = False
            self._known = {**self.files, "": Known(stat.S_IFDIR | 0o755)}
            self._below = defaultdict(list)
            for path in self.files:
                above, _, name = path.rpartition("/")
                self._below[above].append(name)
            for names in self._below.values():
                names.sort()

    def fingerprint(
        self, sources: Sequence[str], ignore: Sequence[str], exclude: Sequence[str], parents: bool
    ) -> str | None:
        if self.special:
            return None
        key = (tuple(sources), tuple(ignore), tuple(exclude), parents)
        if key not in self._told:
            self._told[key] = super().fingerprint(sources, ignore, exclude, parents)
        return self._told[key]

    def read(self, path: str) -> bytes | None:
        return None

    async def fill(self) -> None:
        """They are there."""


class SyncedContexts:
    """The directories below one of ours. `sweep` it before use."""

    def __init__(self, home: Path, trees: Trees, clock: Clock) -> None:
        self._home = home
        self._trees = trees
        self._clock = clock
        self._free: list[Synced] = []  # the one used last at the end
        self._busy: list[Synced] = []

    def sweep(self) -> None:
        """What a daemon before us has kept is of no use: what was known of it is gone."""
        if self._home.is_dir():
            for left in self._home.iterdir():
                self._trees.trash(left)

    @asynccontextmanager
    async def borrowed(self, key: str) -> AsyncIterator[Synced]:
        """Give a directory for as long as one build needs it: one that had the same key before, if there is one."""
        kept = self._take(key)
        self._busy.append(kept)
        try:
            yield kept
        finally:
            self._busy.remove(kept)
            kept.used = self._clock.now()
            kept.uses += 1
            self._free.append(kept)
            self._trim()

    def _take(self, key: str) -> Synced:
        for number in range(len(self._free) - 1, -1, -1):
            if self._free[number].key == key:
                return self._free.pop(number)
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = self._home / f"{hashlib.sha256(key.encode()).hexdigest()[:12]}-{short(new_id())}"
        root.mkdir()
        root.chmod(0o755)
        return Synced(root, key, self._clock.now())

    def _trim(self) -> None:
        while len(self._free) > SPARE:
            self._trees.trash(self._free.pop(0).root)

    def all(self) -> list[tuple[Synced, bool]]:
        """Return all, and whether a build uses them."""
        return [*((kept, False) for kept in self._free), *((kept, True) for kept in self._busy)]

    def drop(self, name: str) -> None:
        """Take one away that nobody uses."""
        for kept in [kept for kept in self._free if kept.root.name == name]:
            self._free.remove(kept)
            self._trees.trash(kept.root)
