"""Takes everything away that a daemon of these settings ever made: `boxship daemon --purge`; with `--withdraw` all but
the data root, for who uninstalls and keeps images and volumes.

Needs no running daemon and trusts no record: it kills by cgroup, unmounts by path, and deletes links by name.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from boxship.app.facts import cgroup_parent, is_own_link, network_settings
from boxship.app.settings import Settings
from boxship.base.codec import decode
from boxship.base.errors import KernelError, PlatformError
from boxship.engine.networks import rules
from boxship.engine.networks.wall import let_pass
from boxship.host import cgroups, mounts, process
from boxship.host.firewall import Nftables
from boxship.host.links import HostLinks
from boxship.host.loopback import LoopbackPrograms
from boxship.model.network import Network
from boxship.model.status import Container
from boxship.store.sqlite import SqliteStore

PATIENCE = 5.0  # seconds that monitors get to end by themselves
KILL = 9


async def purge(settings: Settings) -> None:
    """End all containers and remove every trace. May be repeated. Raises KernelError for what cannot be removed."""
    await withdraw(settings)
    _remove_tree(settings.data_root)


async def withdraw(settings: Settings) -> None:
    """End all containers and remove every trace but the data root: what a restart of the machine would leave."""
    containers, networks = await _records(Path(settings.data_root, "boxship.db"))
    await _end_processes(settings, containers)
    for root in (settings.exec_root, settings.data_root):
        mounts.unmount_under(root)
    await _remove_links(settings, networks)
    _remove_tree(settings.exec_root)


def _remove_tree(root: str) -> None:
    try:
        shutil.rmtree(root)
    except FileNotFoundError:
        pass
    except OSError as e:
        raise KernelError(f"remove {e.filename}: {e.strerror}", e.errno or 0) from e


async def _records(database: Path) -> tuple[list[Container], list[Network]]:
    """Return what the store knows; nothing when it cannot be read."""
    if not database.exists():
        return [], []
    with contextlib.suppress(PlatformError):
        store = SqliteStore(database)
        try:
            containers = [decode(entry.value, Container) for entry in (await store.list("containers/"))[0]]
            networks = [decode(entry.value, Network) for entry in (await store.list("networks/"))[0]]
            return containers, networks
        finally:
            await store.close()
    return [], []


async def _end_processes(settings: Settings, containers: list[Container]) -> None:
    """A parent that its user chose may hold others' processes: only our containers below it are ended."""
    groups, parent = cgroups.detect(), cgroup_parent(settings)
    parents = {c.id: c.spec.host.cgroup_parent or parent for c in containers}
    started = Path(settings.exec_root) / "bundles"
    parents |= {d.name: parent for d in started.iterdir() if d.name not in parents} if started.is_dir() else {}
    paths = [f"{above.rstrip('/')}/{container_id}" for container_id, above in parents.items()]
    for path in paths:
        groups.kill(path)
    end = time.monotonic() + PATIENCE
    while monitors := list(_monitors(settings.exec_root)):
        if time.monotonic() > end:
            for pid in monitors:
                process.signal(pid, KILL)
        await asyncio.sleep(0.02)
    for path in paths:
        with contextlib.suppress(PlatformError):
            groups.remove(path)
    if not list(groups.below(parent)):
        with contextlib.suppress(PlatformError):
            groups.remove(parent)


def _monitors(exec_root: str) -> Iterator[int]:
    """Yield the processes whose command line names a path below `exec_root`."""
    inside = os.fsencode(exec_root.rstrip("/") + "/")
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
                if words[0].endswith(b"conmon") and any(word.startswith(inside) for word in words):
                    yield int(name)


async def _remove_link(links: HostLinks, name: str) -> None:
    """A link may go by itself meanwhile: the other end went with its namespace."""
    try:
        await links.remove(name)
    except KernelError:
        if name in await links.seen():
            raise


async def _remove_links(settings: Settings, networks: list[Network]) -> None:
    links, firewall = HostLinks(), Nftables()
    try:
        own = {network.link for network in networks if network.link} | {settings.bridge}
        for name in await links.seen():
            if name in own or is_own_link(settings, name):
                await _remove_link(links, name)
        await let_pass(firewall, network_settings(settings).table, on=False)
        await firewall.run(rules.remove(network_settings(settings).table))
        LoopbackPrograms(cgroups.mounted().unified).remove(network_settings(settings).table)
    finally:
        await links.aclose()
        await firewall.aclose()
