"""What happened to each container, kept longer than events are: who asks why it is as it is finds it here.

Docker's 256 events are soon pushed out by others, such as those of health checks. This holds only what changes a
container's state, some of it for each, also of containers that have gone and across restarts of the daemon. Losing
the last lines in a crash of the machine does no harm, so nothing is forced to the disk.
"""

import contextlib
from collections import deque
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.base.event import Event

EACH, CONTAINERS = 32, 2048  # events of one container, and containers
COMPACT = 4 * EACH * 256  # lines that the file may grow by before it is written anew
ACTIONS = frozenset(
    ("create", "start", "kill", "stop", "restart", "die", "oom", "pause", "unpause", "destroy", "rename", "update")
)
_HEALTH = "health_status"


class Chronicle:
    """The events of containers, in memory and in a file of JSON lines."""

    def __init__(self, path: Path | None = None) -> None:
        """path: where to keep it; None keeps it in memory only."""
        self._path = path
        self._stories: dict[str, deque[Event]] = {}
        self._written = 0
        if path is not None:
            for event in _read(path):
                self._remember(event)
        self._file = self._rewritten()

    def note(self, event: Event) -> None:
        """Keep an event if it tells of a container's state. Never fails for want of disk."""
        if event.kind != "container" or not (event.action in ACTIONS or event.action.startswith(_HEALTH)):
            return
        self._remember(event)
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.write(encode(event) + b"\n")
        self._written += 1
        if self._written > COMPACT:
            self._file.close()
            self._file = self._rewritten()

    def of(self, ref: str) -> tuple[Event, ...]:
        """Return what is known of a container by its id, the beginning of it, or its last name; oldest first."""
        if ref in self._stories:
            return tuple(self._stories[ref])
        newest_first = list(reversed(self._stories.items()))
        for _, story in newest_first:
            if story[-1].attributes.get("name") == ref:
                return tuple(story)
        return next((tuple(story) for id, story in newest_first if ref and id.startswith(ref)), ())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _remember(self, event: Event) -> None:
        story = self._stories.pop(event.id, None) or deque(maxlen=EACH)
        story.append(event)
        self._stories[event.id] = story  # the newest is last
        while len(self._stories) > CONTAINERS:
            del self._stories[next(iter(self._stories))]

    def _rewritten(self) -> RawIOBase | None:
        """Return the file, holding what is remembered and open for more; None where it cannot be written."""
        self._written = 0
        if self._path is None:
            return None
        try:
            new = self._path.with_suffix(".new")
            new.write_bytes(b"".join(encode(event) + b"\n" for story in self._stories.values() for event in story))
            new.replace(self._path)
            return self._path.open("ab", buffering=0)
        except OSError:
            return None


def _read(path: Path) -> Iterator[Event]:
    """Yield the events of a file; a line that was cut short is left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(Invalid):
            yield decode(line, Event)
