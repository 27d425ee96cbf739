"""Changes of containers that no worker needs to carry out: names, limits, terminal size, links."""

from msgspec.structs import asdict, replace

from boxship.base.errors import Conflict, NotFound, PlatformError
from boxship.engine import check, check_limits
from boxship.engine.networks.links import parse_link
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.engine.states import LIVE
from boxship.model.container import HostSpec, HostUpdate
from boxship.model.status import Container, Desired


class Changes:
    def __init__(self, records: Records, parts: Parts, cpus: int) -> None:
        self._records = records
        self._parts = parts
        self._cpus = cpus

    async def rename(self, c: Container, name: str) -> None:
        """Raises Conflict when another container has that name."""
        new = check.renaming(c.name, name)
        if c.desired is Desired.REMOVED:
            raise Conflict(f"container {c.id} is marked for removal and cannot be renamed")
        try:
            self._records.reserve(new, c.id)
        except Conflict as e:
            raise Conflict(f"Error when allocating new name: {e}") from e
        saved = await self._records.save(replace(c, name=new))
        self._parts.events.container(saved, "rename", oldName=f"/{c.name}")

    async def update(self, c: Container, update: HostUpdate) -> tuple[str, ...]:
        """Store the new limits and let a running container feel them at once. Return warnings."""
        try:
            changed = replace(c, spec=replace(c.spec, host=self._changed(c, update)))
            limits, warnings = self._parts.launcher.limits(changed)
            if c.status.state in LIVE:
                await self._parts.runtime.update(c.id, limits, c.runtime)
        except PlatformError as e:
            raise type(e)(f"Cannot update container {c.id}: {e}") from e
        current = self._records.find(c.id)
        saved = await self._records.save(replace(current, spec=changed.spec))
        self._parts.events.container(saved, "update")
        return warnings

    def _changed(self, c: Container, update: HostUpdate) -> HostSpec:
        if c.desired is Desired.REMOVED:
            raise Conflict('Container is marked for removal and cannot be "update".')
        check_limits.change(c.spec.host, update)
        host = applied(c.spec.host, update)
        check.restart_policy(host.restart_policy)
        check_limits.limits(host, self._cpus, update=True)
        return host

    def resize(self, c: Container, height: int, width: int) -> None:
        self._parts.clients.resize(c, height, width)

    async def unlink(self, ref: str) -> None:
        """Remove the link called `ref`, "/parent/alias"; both containers stay."""
        parent, _, alias = ref.strip("/").rpartition("/")
        if not parent:
            raise Conflict("Conflict, cannot remove the default link name of the container")
        try:
            c = self._records.find(parent)
        except NotFound as e:
            raise NotFound(f"Cannot get parent {parent} for link name /{parent}/{alias}") from e
        links = tuple(text for text in c.spec.host.links or () if parse_link(text).alias != alias)
        await self._records.save(replace(c, spec=replace(c.spec, host=replace(c.spec.host, links=links))))


def applied(host: HostSpec, update: HostUpdate) -> HostSpec:
    """Return `host` with what `update` says. Zero, "" and empty lists leave things as they are, as in dockerd; 0
    and -1 pids mean no limit."""
    said = {name: value for name, value in asdict(update).items() if value or (name == "pids_limit" and value == 0)}
    policy = said.get("restart_policy")
    if policy is not None and not policy.name:
        del said["restart_policy"]
    return replace(host, **said)
