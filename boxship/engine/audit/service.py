"""Looks at the host, compares, and mends what can be mended. What to find and how to mend it is decided in holdings."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from boxship.base.errors import NotFound
from boxship.engine.audit.holdings import Finding, Holdings, Remedy, compare, expected
from boxship.engine.options import EngineOptions
from boxship.host.api.cgroups import Cgroups
from boxship.host.api.runtime import Runtime
from boxship.model.status import Container

SETTLE = 0.3  # seconds between two looks: what is a difference in both is no motion


class Records(Protocol):
    """The part of the container service that an audit needs."""

    def all(self) -> list[Container]: ...

    def busy(self, container_id: str) -> bool:
        """Whether something is being done to it now."""
        ...

    def look(self, container_id: str) -> None:
        """Let its worker see the host anew."""
        ...


class Disk(Protocol):
    def mounted_under(self, prefix: str) -> Iterable[str]: ...

    def unmount(self, target: str) -> None: ...

    def trash(self, path: Path) -> None: ...


class NetworkFaults(Protocol):
    async def faults(self, repair: bool = False) -> list[str]: ...


class Audit:
    def __init__(
        self,
        options: EngineOptions,
        records: Records,
        runtime: Runtime,
        cgroups: Cgroups,
        disk: Disk,
        networks: NetworkFaults,
        steps: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """steps: ids of containers that steps of builds run in now; nobody records them."""
        self._steps = steps
        self._options = options
        self._records = records
        self._runtime = runtime
        self._cgroups = cgroups
        self._disk = disk
        self._networks = networks
        self._homes = options.data_root / "containers"
        self._hands: dict[Remedy, Callable[[str], object]] = {
            Remedy.UNMOUNT: self._unmount,
            Remedy.KILL: self._kill,
            Remedy.TRASH: lambda i: self._disk.trash(self._homes / i),
            Remedy.LOOK: records.look,
        }

    async def findings(self) -> tuple[Finding, ...]:
        """Return every difference between host and records that lasts longer than a moment."""
        first = self._containers()
        if first:
            await asyncio.sleep(SETTLE)
            again = self._containers()
            first = tuple(finding for finding in first if finding in again)
        sentences = await self._networks.faults()
        if sentences:
            await asyncio.sleep(SETTLE)
            again_there = await self._networks.faults()
            sentences = [s for s in sentences if s in again_there]
        return first + tuple(Finding(kind="network", subject="", text=s) for s in sentences)

    async def repair(self) -> tuple[Finding, ...]:
        """Mend what has a remedy; return what there was to mend or to decide."""
        found = await self.findings()
        for finding in found:
            if finding.remedy is Remedy.DELETE:
                await self._runtime.delete(finding.subject)
                self._runtime.forget(finding.subject)
            elif finding.remedy is not None:
                self._hands[finding.remedy](finding.subject)
        if any(finding.kind == "network" for finding in found):
            await self._networks.faults(repair=True)
        return found

    def _containers(self) -> tuple[Finding, ...]:
        records = self._records.all()
        known = [*(c.id for c in records if self._records.busy(c.id)), *self._steps()]
        return compare(expected(records), self.seen(), known)

    def seen(self) -> Holdings:
        """Return what the host holds for containers now."""
        present = self._runtime.present()
        mounted = (Path(path) for path in self._disk.mounted_under(str(self._homes)))
        return Holdings(
            roots=frozenset(path.parent.name for path in mounted if path.name == "merged"),
            launched=frozenset(present),
            monitored=frozenset(i for i, p in present.items() if p.conmon_pid is not None),
            cgroups=frozenset(self._cgroups.below(self._options.cgroup_parent)),
            homes=frozenset(d.name for d in self._homes.iterdir()) if self._homes.is_dir() else frozenset(),
        )

    def _unmount(self, container_id: str) -> None:
        self._disk.unmount(str(self._homes / container_id / "merged"))

    def _kill(self, container_id: str) -> None:
        path = f"{self._options.cgroup_parent}/{container_id}"
        try:
            self._cgroups.kill(path)
            self._cgroups.remove(path)
        except NotFound:
            pass
