"""Keeps the firewall table as the networks and ports of this daemon say, whatever others do to it."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping

from boxship.base.errors import KernelError
from boxship.base.tasks import Tasks
from boxship.engine.networks import opening, rules
from boxship.engine.networks.rules import Elements
from boxship.host.api.network import Firewall

log = logging.getLogger(__name__)
SETTLE = 0.05  # seconds to let a foreign change finish before repairing


class Wall:
    """Elements belong to owners, a network or a container. Changes that arrive together go out as one transaction."""

    def __init__(self, table: str, firewall: Firewall) -> None:
        self._table = table
        self.closed = False  # whether this host forwards for us alone
        self.opened = False  # whether published ports pass the host's firewall whatever it says
        self._firewall = firewall
        self._opening = asyncio.Lock()
        self._owners: dict[str, Elements] = {}
        self._pending: list[tuple[Elements, Elements]] = []
        self._sending: asyncio.Task[None] | None = None
        self._stale: dict[int, set[int]] = {}
        self._forgetting: asyncio.Task[None] | None = None
        self._tasks = Tasks()
        self.repairs = 0
        self.on_repair: Callable[[str, str], None] = lambda fault, done: None

    async def open(self) -> None:
        """Make the table, or correct the one that is there, and watch over it from now on."""
        await self.repair()
        await self._open_others()
        self._tasks.spawn(self._watch(), "watch over the firewall")
        self._tasks.spawn(self._watch_others(), "watch over the host's firewall")

    async def open_for_published(self, on: bool) -> None:
        """Let published ports pass the host's firewall, or only if it lets them; safe to repeat."""
        if on != self.opened:
            self.opened = on
            await self.repair()
            await self._open_others()

    async def aclose(self) -> None:
        """Stop watching; the table stays."""
        await self._tasks.aclose()

    async def put(self, owner: str, elements: Elements) -> None:
        """Return when the table has the owner's elements, and no others of this owner."""
        await self._change(self.note(owner, elements), elements)

    async def put_all(self, owned: Mapping[str, Elements]) -> None:
        """The same for several owners at once: what one loses another may get, with no moment between."""
        old = rules.merge([self.note(owner, elements) for owner, elements in owned.items()])
        await self._change(old, rules.merge(owned.values()))

    async def forget_udp(self, ports: Mapping[int, Collection[int]]) -> None:
        """Let datagrams to these ports of the host, by IP version, find their way by the table as it is now."""
        await self._firewall.forget_udp(ports)

    def forget_udp_soon(self, ports: Mapping[int, Collection[int]]) -> None:
        """The same without waiting: the kernel looks through all connections of the host for it, 40 ms and more,
        which no container's start should wait for. What is asked for meanwhile is done in one look."""
        for version, numbers in ports.items():
            self._stale.setdefault(version, set()).update(numbers)
        if self._stale and (self._forgetting is None or self._forgetting.done()):
            self._forgetting = self._tasks.spawn(self._forget(), "forget stale connections")

    async def _forget(self) -> None:
        while self._stale:
            stale, self._stale = self._stale, {}
            try:
                await self.forget_udp(stale)
            except OSError as e:
                log.error("stale UDP connections were not looked for: %s", e)

    async def drop(self, owner: str) -> None:
        await self.put_all({owner: {}})

    def note(self, owner: str, elements: Elements) -> Elements:
        """Set an owner's elements without touching the table; return those it had. `repair` brings them in."""
        old = self._owners.pop(owner, {})
        if elements:
            self._owners[owner] = elements
        return old

    async def repair(self) -> None:
        """Bring the whole table to what it should be, in one transaction."""
        script = rules.whole(self._table, self.expected(), self.closed, self.opened)
        try:
            await self._firewall.run(script)
        except KernelError as e:  # a chain or set of ours was replaced by one of another kind
            log.warning("the firewall table %s is made anew: %s", self._table, e)
            await self._firewall.run(f"{rules.remove(self._table)}\n{script}")

    async def remove(self) -> None:
        """Take the table away; for tests and for the end of an installation."""
        await self._tasks.aclose()
        await let_pass(self._firewall, self._table, on=False)
        await self._firewall.run(rules.remove(self._table))

    def expected(self) -> Elements:
        return rules.merge(self._owners.values())

    def owners(self) -> Mapping[str, Elements]:
        return self._owners

    async def _change(self, old: Elements, new: Elements) -> None:
        if old == new:
            return
        self._pending.append((old, new))
        if self._sending is None or self._sending.done():
            self._sending = self._tasks.spawn(self._send(), "change the firewall")
        sending = self._sending
        await asyncio.shield(sending)

    async def _send(self) -> None:
        await asyncio.sleep(0)  # changes of the same moment come along
        while self._pending:
            batch, self._pending = self._pending, []
            changes = [change for old, new in batch for change in rules.change(old, new)]
            if not changes:
                continue
            try:
                await self._firewall.change(self._table, changes)
            except KernelError as e:  # somebody changed the table under us: it is made as it should be
                await self._mend(str(e))

    async def _watch(self) -> None:
        async for _ in self._firewall.disturbed(self._table):
            await asyncio.sleep(SETTLE)
            self.repairs += 1
            try:
                await self._mend(f"the firewall table {self._table} was changed by somebody else")
            except KernelError:
                log.exception("the firewall table %s could not be repaired", self._table)

    async def _watch_others(self) -> None:
        """A firewall that is loaded anew loses our rule in it."""
        async for _ in self._firewall.disturbed(""):
            if self.opened:
                await asyncio.sleep(SETTLE)
                await self._open_others()

    async def _open_others(self) -> None:
        async with self._opening:
            try:
                await let_pass(self._firewall, self._table, self.opened)
            except KernelError as e:
                level = logging.ERROR if self.opened else logging.INFO
                log.log(level, "the host's firewall could not be told of published ports: %s", e)

    async def _mend(self, fault: str) -> None:
        await self.repair()
        self.on_repair(fault, "the table was made as it should be")


async def let_pass(firewall: Firewall, table: str, on: bool) -> None:
    """Bring the rule that lets published ports pass into all forward chains of others, or take it away. Raises
    KernelError for a chain that should have it and cannot; one that went meanwhile has it not."""
    for chain in opening.chains(await firewall.run("list chains"), table):
        try:
            present = opening.rules(await firewall.run(f"list chain {chain}"))
            lines = opening.plan(chain, present, table, on)
            if lines:
                await firewall.run("\n".join(lines))
        except KernelError:
            if on:
                raise
