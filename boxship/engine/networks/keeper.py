"""Holds the kernel against the records all the time: hears what changes, looks, and mends what differs.

Changes come as events; a slow round catches what no event told. Looking costs nothing while nothing changes.
"""

import asyncio
import itertools
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, assert_never

from boxship.base.errors import PlatformError
from boxship.base.tasks import Tasks
from boxship.engine.networks import audit
from boxship.engine.networks.audit import Bridge, Fault, PinFault, PlugFault, ResolverFault
from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.drivers import Driver
from boxship.engine.networks.held import Held
from boxship.engine.networks.naming import Naming
from boxship.engine.networks.places import Places
from boxship.host.api.network import HostNet, HostSeen, Stir
from boxship.model.network import Network

log = logging.getLogger(__name__)
SETTLE = 0.05  # seconds to let a change finish before looking
PAUSE = 0.25  # between two looks while changes go on
VISIT = 2.0  # between two looks into some container without being told: they take turns
ROUND = 15  # visits between two looks at the host without being told
LOOKS = 4  # in a row, while what is mended shows more
Tell = Callable[[Network | None, str, str, str], None]


class Ground(NamedTuple):
    """What the keeper works on. daemon: its name at the host's [::1].  forwards: whether the host is to route.
    tell: hears of each repair: the network, the container's id or "", what was wrong, what was done."""

    catalogue: Catalogue
    drivers: Mapping[str, Driver]
    places: Places
    naming: Naming
    host: HostNet
    prefix: str
    daemon: str
    forwards: Callable[[], bool]
    locks: Mapping[str, asyncio.Lock]
    making: asyncio.Lock
    tell: Tell


class Keeper:
    def __init__(self, ground: Ground) -> None:
        self._g = ground
        self._tasks = Tasks()
        self._woken = asyncio.Event()
        self._outside = False  # whether the host is to be looked at
        self._inside: set[str] = set()  # containers to be looked into
        self._spaces: dict[int, set[str]] = {}  # the host's number of a namespace -> containers in it
        self._known: frozenset[str] = frozenset()  # names of links that matter

    def start(self) -> None:
        self._g.naming.on_broken = self.suspect
        self.look_at_all()
        self._tasks.spawn(self._listen(), "listen to the kernel's network")
        self._tasks.spawn(self._work(), "hold the network against the records")
        self._tasks.spawn(self._stroll(), "look at networks now and then")

    async def aclose(self) -> None:
        await self._tasks.aclose()

    async def faults(self) -> list[Fault]:
        """Return everything that differs now, leftovers among it."""
        seen, pinned = await self._look()
        found: list[Fault] = [*self._of_host(seen, pinned), *self._strays(seen, pinned)]
        for held in self._tenants():
            if held.container.group in pinned:
                found += await self._look_inside(held)
        return found

    async def mend(self, faults: Iterable[Fault]) -> None:
        """Repair what differs; what cannot be repaired is logged, and tried again at the next look."""
        for fault in faults:
            try:
                await self._mend(fault)
            except PlatformError as e:
                log.error("%s, and it could not be repaired: %s", fault.text, e)

    # hearing

    async def _listen(self) -> None:
        async for stir in self._g.host.stirs.heard():
            self.hear(stir)

    def hear(self, stir: Stir) -> None:
        """Note what is to be looked at."""
        if stir.kind == "lost":
            self.look_at_all()
        elif stir.space in self._spaces:
            for container_id in self._spaces[stir.space]:
                self.suspect(container_id)
        elif stir.space < 0 and stir.kind != "rules" and (stir.kind != "link" or stir.name in self._known):
            self._outside = True
            self._woken.set()

    def suspect(self, container_id: str) -> None:
        """Look into a container soon."""
        self._inside.add(container_id)
        self._woken.set()

    def look_at_all(self) -> None:
        self._outside = True
        self._inside |= {held.container.id for held in self._tenants()}
        self._woken.set()

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(SETTLE)
            self._woken.clear()
            outside, inside = self._outside, self._inside
            self._outside, self._inside = False, set()
            try:
                await self._check(outside, inside)
            except Exception:  # the next look may go better; without a keeper nothing does
                log.exception("the network could not be held against the records")
            await asyncio.sleep(PAUSE)

    async def _stroll(self) -> None:
        """Look at the host now and then without being told; into containers in turn."""
        for turn in itertools.count():
            await asyncio.sleep(VISIT)
            if held := self._tenants():
                self.suspect(held[turn % len(held)].container.id)
            if turn % ROUND == ROUND - 1:
                self._outside = True
                self._woken.set()

    # looking

    async def _check(self, outside: bool, inside: set[str]) -> None:
        """Look and mend until nothing differs; what is mended may show more, as links whose bridge was gone do."""
        for _ in range(LOOKS):
            faults: list[Fault] = []
            if outside:
                seen, pinned = await self._look()
                self._remember(seen)
                faults += self._of_host(seen, pinned)
            for held in self._tenants():
                if held.container.id in inside:
                    faults += await self._look_inside(held)
            if not faults:
                return
            await self.mend(faults)

    async def _look_inside(self, held: Held) -> list[Fault]:
        found: list[Fault] = list(await self._g.places.look_inside(held))
        if not found and not await self._g.naming.answers(held):
            text = f"the name server of container {held.container.name} does not answer"
            found.append(ResolverFault(held.container.id, text))
        return found

    async def _look(self) -> tuple[HostSeen, frozenset[str]]:
        return await self._g.host.links.look(), self._g.host.spaces.pinned()

    def _remember(self, seen: HostSeen) -> None:
        spaces: defaultdict[int, set[str]] = defaultdict(set)
        known = {bridge.wanted.name for bridge in self._bridges()}
        for held in self._tenants():
            for link in held.host_links():
                known.add(link)
                if link in seen.links and seen.links[link].space >= 0:
                    spaces[seen.links[link].space].add(held.container.id)
        self._spaces, self._known = dict(spaces), frozenset(known)

    def _of_host(self, seen: HostSeen, pinned: frozenset[str]) -> list[Fault]:
        tenants = [self._g.places.tenant(held) for held in self._tenants()]
        found = audit.of_host(self._bridges(), tenants, seen, pinned, self._g.forwards())
        if self._g.host.loopback.missing():
            found.append(audit.LoopbackFault("the programs that lead from [::1] to published ports are gone"))
        return found

    def _strays(self, seen: HostSeen, pinned: frozenset[str]) -> list[Fault]:
        everyone = list(self._g.places.all())
        expected = {link for held in everyone for link in held.host_links()}
        known = {held.container.group for held in everyone if held.path}
        return list(audit.strays(self._bridges(), expected, seen, pinned, known, self._g.prefix))

    def _tenants(self) -> list[Held]:
        """Containers that have a namespace and are not being changed right now."""
        locks = self._g.locks
        return [
            held
            for held in self._g.places.all()
            if held.path and not ((lock := locks.get(held.container.id)) and lock.locked())
        ]

    def _bridges(self) -> list[Bridge]:
        found = []
        for network in self._g.catalogue.all():
            wanted = self._g.drivers[network.spec.driver].bridge(network) if not network.spec.config_only else None
            if wanted is not None:
                found.append(Bridge(network, wanted))
        return found

    # mending

    async def _mend(self, fault: Fault) -> None:
        match fault:
            case audit.BridgeFault(network=network):
                async with self._g.making:
                    if self._g.catalogue.known(network.id) is None:
                        return
                    await self._g.drivers[network.spec.driver].make(network)
                self._g.tell(network, "", fault.text, "the bridge was made as it should be")
            case audit.RouteFault(network=network, subnet=subnet, source=source):
                await self._g.host.links.route(network.link, subnet, source)
                self._g.tell(network, "", fault.text, "the route was added")
            case audit.EntryFault(network=network, entry=entry):
                await self._g.host.links.forget(entry)
                self._g.tell(network, "", fault.text, "the entry was deleted")
            case audit.ForwardFault():
                self._g.host.links.forward(False)
                self._g.tell(None, "", fault.text, "forwarding was turned on again")
            case audit.LoopbackFault():
                self._g.host.loopback.open(self._g.daemon)
                self._g.tell(None, "", fault.text, "they were loaded again")
            case audit.StrayFault(link=link, group=group):
                if group:
                    await self._g.host.spaces.close(group)
                if link:
                    await self._g.host.links.remove(link)
            case PinFault() | PlugFault() | ResolverFault():
                await self._mend_container(fault)
            case _:
                assert_never(fault)

    async def _mend_container(self, fault: PinFault | PlugFault | ResolverFault) -> None:
        async with self._g.locks[fault.container]:
            held = self._g.places.held(fault.container)
            if held is None or not await self._is_still(fault, held):
                return
            if isinstance(fault, ResolverFault):
                await self._g.naming.revive(held)
                done = "it was started again"
            else:
                done = await self._g.places.mend(held, fault)
        network = held.seats[fault.network].network if isinstance(fault, PlugFault) else None
        self._g.tell(network, fault.container, fault.text, done)

    async def _is_still(self, fault: PinFault | PlugFault | ResolverFault, held: Held) -> bool:
        """Whether it is so now that nobody else changes the container; it may be about to end."""
        if isinstance(fault, PinFault):
            return held.container.group not in self._g.host.spaces.pinned()
        if isinstance(fault, ResolverFault):
            return not await self._g.naming.answers(held)
        seen = await self._g.host.links.look()
        ends = audit.of_host((), [self._g.places.tenant(held)], seen, {held.container.id}, False)
        found = [*ends, *await self._g.places.look_inside(held)]
        return any(isinstance(f, PlugFault) and f.network == fault.network for f in found)
