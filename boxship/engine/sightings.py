"""What the host shows of each container, kept up to date by what we do and by what is reported."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from boxship.engine.lifecycle import Seen
from boxship.model.status import Container

NOTHING = Seen()


class Sightings:
    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._launched: defaultdict[str, set[str]] = defaultdict(set)  # group -> members that may run

    def of(self, container: Container) -> Seen:
        seen = self._seen.get(container.id, NOTHING)
        others = self._launched.get(container.group)
        shared = bool(others) and others != {container.id}
        return replace(seen, shared=True) if shared else seen

    def note(self, container: Container, **changes: Any) -> None:
        """Record that something is there or gone; names are those of Seen."""
        self.set(container, replace(self._seen.get(container.id, NOTHING), **changes))

    def set(self, container: Container, seen: Seen) -> None:
        self._seen[container.id] = seen
        if seen.launched:
            self._launched[container.group].add(container.id)
        else:
            self._leave(container)

    def forget(self, container: Container) -> None:
        self._seen.pop(container.id, None)
        self._leave(container)

    def _leave(self, container: Container) -> None:
        members = self._launched.get(container.group)
        if members is not None:
            members.discard(container.id)
            if not members:
                del self._launched[container.group]
