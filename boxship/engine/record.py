"""Records of containers: the working copy in memory, written through to the store before the act it announces."""

from boxship.base.codec import decode, encode
from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.model.status import Container
from boxship.store.api import Store

PREFIX = "containers/"
BOOT = "machine/boot"


class Records:
    """All containers of this node, by id and by name. Reads never wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: dict[str, Container] = {}
        self._names: dict[str, str] = {}

    async def load(self) -> None:
        """Read everything the store holds; once, at the start."""
        entries, _ = await self._store.list(PREFIX)
        for entry in entries:
            self._keep(decode(entry.value, Container))

    async def same_boot(self, boot_id: str) -> bool:
        """Whether the machine has been up since `note_boot`, by this daemon or one before it."""
        last = await self._store.get(BOOT)
        return last is not None and last.value == boot_id.encode()

    async def note_boot(self, boot_id: str) -> None:
        await self._store.put(BOOT, boot_id.encode())

    def all(self) -> list[Container]:
        return sorted(self._by_id.values(), key=lambda c: c.created)

    def of(self, container_id: str) -> Container | None:
        return self._by_id.get(container_id)

    def find(self, ref: str) -> Container:
        """Return the container with this id, this name, or this beginning of an id, in that order."""
        name = ref.removeprefix("/")
        found = self._by_id.get(ref) or self._by_id.get(self._names.get(name, ""))
        if found is not None:
            return found
        matches = [c for i, c in self._by_id.items() if ref and i.startswith(ref)]
        if len(matches) > 1:
            raise Invalid(f"multiple IDs found with provided prefix: {ref}")
        if not matches:
            raise NotFound(f"No such container: {ref}")
        return matches[0]

    def holder(self, name: str) -> str | None:
        """Return the id of the container that has `name` or has reserved it."""
        return self._names.get(name)

    def reserve(self, name: str, container_id: str) -> None:
        """Keep `name` for a container in the making. Raises Conflict when another one has it."""
        holder = self._names.setdefault(name, container_id)
        if holder != container_id:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def release(self, name: str, container_id: str) -> None:
        """Give a name back; nothing happens if the container does not hold it."""
        if self._names.get(name) == container_id:
            del self._names[name]

    async def save(self, container: Container) -> Container:
        """Make `container` the present record, in the store and for all readers."""
        await self._store.put(PREFIX + container.id, encode(container))
        self._keep(container)
        return container

    def note(self, container: Container) -> Container:
        """Let readers see `container`; the store gets it with the next `save`. For what the host can tell again."""
        self._keep(container)
        return container

    async def drop(self, container: Container) -> None:
        await self._store.delete(PREFIX + container.id)
        self._by_id.pop(container.id, None)
        self.release(container.name, container.id)

    def _keep(self, container: Container) -> None:
        old = self._by_id.get(container.id)
        if old is not None and old.name != container.name:
            self.release(old.name, container.id)
        self._by_id[container.id] = container
        self._names[container.name] = container.id
