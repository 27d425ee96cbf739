"""Live edit: published ports of a container added, taken away, or taken over from another, while both go on running.

The kernel sends connections that are established where they have always gone; only new ones meet the new table.
"""

import msgspec

from boxship.base.errors import Conflict, Invalid
from boxship.engine.networks import edits, endpoints
from boxship.engine.networks.attached import Members
from boxship.engine.networks.edits import PortEdit, joined
from boxship.engine.networks.held import Held
from boxship.engine.networks.places import Places
from boxship.engine.networks.ports import Published, report, wanted
from boxship.engine.networks.publishing import Publishing
from boxship.model.container import HostSpec
from boxship.model.ports import gathered, spread
from boxship.model.status import Container


class Porting:
    """Changes of one container must come one at a time; `Networks` sees to it."""

    def __init__(self, places: Places, publishing: Publishing, members: Members) -> None:
        self._places = places
        self._publishing = publishing
        self._members = members

    async def edit(self, container: Container, edit: PortEdit) -> Container:
        """Return the container's record as it is now, in force and stored. Raises Invalid for what cannot be
        published, Conflict for what is not, PortTaken with dockerd's texts; and has then changed nothing."""
        mode = endpoints.mode_of(container.spec)
        if mode == endpoints.HOST or mode.startswith(endpoints.JOIN):
            raise Invalid(f"container {container.name} has no network of its own to publish ports of")
        wanted(edit.add), wanted(edit.remove)  # both must be readable before anything happens
        edit = msgspec.structs.replace(edit, add=joined({}, spread(edit.add)))
        held = self._places.held(container.id)
        if held is not None:
            self._publishing.part(held)
        host = edits.named(container.spec.host, container.spec.exposed_ports)
        host = msgspec.structs.replace(host, port_bindings=spread(host.port_bindings or {}))
        in_force = held.ports if held is not None else ()
        edits.require_present(edit.remove, host.port_bindings, in_force)
        gone = edits.chosen(in_force, edit.remove)
        host = _with(host, edits.joined(edits.without(host.port_bindings, edit.remove, gone), edit.add))
        if edit.source:
            return await self._take_over(_required(held, container), host, edit, gone)
        if held is None:
            return await self._save(container, host)
        came = self._reserve(held, edit, gone)
        kept = (*(p for p in held.ports if p not in gone), *came)
        await self._publishing.change(held, kept, _record(container, host))
        await self._places.adjust(held)
        return await self._save(container, host, kept)

    async def _take_over(self, held: Held, host: HostSpec, edit: PortEdit, gone: tuple[Published, ...]) -> Container:
        source = self._members.find(edit.source)
        giving = _required(self._places.held(source.id), source)
        if giving is held:
            raise Invalid(f"container {source.name} has its own ports already")
        self._publishing.part(giving)
        taken = self._publishing.transferable(held, giving.ports)
        self._publishing.transfer(giving, held, taken)
        try:
            came = self._reserve(held, edit, gone)
        except Exception:
            self._publishing.transfer(held, giving, taken)
            raise
        kept = (*(p for p in held.ports if p not in gone), *taken, *came)
        host = _with(host, edits.joined(edits.moved(taken), spread(host.port_bindings or {})))
        bare = msgspec.structs.replace(source.spec.host, publish_all_ports=False, port_bindings={})
        record = _record(held.container, host)
        await self._publishing.move((giving, _record(source, bare)), (held, record), kept)
        for each in (giving, held):
            await self._places.adjust(each)
        saved = await self._save(record, host, kept)
        await self._save(source, bare, ())
        return saved

    def _reserve(self, held: Held, edit: PortEdit, gone: tuple[Published, ...]) -> tuple[Published, ...]:
        """Give back what goes, and get what comes; on failure neither has happened."""
        self._publishing.forgo(gone)
        try:
            return self._publishing.reserve(held, wanted(edit.add))
        except Exception:
            self._publishing.reclaim(held, gone)
            raise

    async def _save(
        self, container: Container, host: HostSpec, ports: tuple[Published, ...] | None = None
    ) -> Container:
        now = self._members.find(container.id)
        status = now.status if ports is None else msgspec.structs.replace(now.status, ports=report(ports))
        return await self._members.save(msgspec.structs.replace(_record(now, host), status=status))


def _required(held: Held | None, container: Container) -> Held:
    if held is None:
        raise Conflict(f"container {container.name} is not running")
    return held


def _record(container: Container, host: HostSpec) -> Container:
    return msgspec.structs.replace(container, spec=msgspec.structs.replace(container.spec, host=host))


def _with(host: HostSpec, bindings: edits.Bindings) -> HostSpec:
    return msgspec.structs.replace(host, port_bindings=gathered(bindings))
