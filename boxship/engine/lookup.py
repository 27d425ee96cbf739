"""The two things that services beside the container service ask of it."""

from typing import Protocol

from boxship.model.status import Container


class Lookup(Protocol):
    def get(self, ref: str) -> Container:
        """Return the container of this name, id or unique id prefix. Raises NotFound."""
        ...

    def all(self) -> list[Container]: ...
