"""Root file systems of containers: the image's layers below, the container's own directory on top."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from boxship.engine.options import EngineOptions
from boxship.engine.remap import UNMAPPED, Remap
from boxship.model.status import Container

PARTS = ("upper", "work", "merged", "log")
# What starting a container would make in its root, were it not there: dockerd has the same on top of every image.
INIT_DIRECTORIES = ("dev/pts", "dev/shm", "proc", "sys", "etc")
INIT_FILES = (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf")


class Mounts(Protocol):
    """Mounting; boxship.host.mounts is one."""

    def overlay(
        self,
        target: str,
        lowers: Sequence[str],
        upper: str,
        work: str,
        options: Iterable[str] = (),
        *,
        owner: tuple[int, int] | None = None,
    ) -> None:
        """`lowers`: lowest first. owner: whom files are made for at first, where ids are mapped; None is us."""
        ...

    def unmount(self, target: str) -> None:
        """Nothing happens if it is not mounted."""
        ...

    def mounted_under(self, prefix: str) -> Collection[str]: ...

    def tmpfs(
        self, target: str, *, size: int | None = None, mode: int = 0o755, options: Iterable[str] = ()
    ) -> None: ...


class Trees(Protocol):
    """The part of boxship.host.api.files.Trees that is needed here."""

    def trash(self, tree: Path) -> None:
        """Make a tree disappear at once; its space comes back later. Nothing happens if there is none."""
        ...

    async def usage(self, *trees: Path) -> int: ...


class Belongings(Protocol):
    """What a container has beside its root; boxship.engine.secretfiles.SecretFiles is one."""

    def discard(self, container_id: str) -> None: ...

    def sweep(self, known: Collection[str]) -> None: ...


class Rootfs:
    """A root stays mounted while the container runs, and while somebody looks into it."""

    def __init__(
        self,
        options: EngineOptions,
        mounts: Mounts,
        trees: Trees,
        remap: Remap = UNMAPPED,
        belongings: Belongings | None = None,
    ) -> None:
        self._belongings = belongings
        self._options = options
        self._remap = remap
        self._mounts = mounts
        self._trees = trees
        self._mounted: set[str] | None = None
        self._running: set[str] = set()
        self._visits: Counter[str] = Counter()

    def merged(self, container: Container) -> Path:
        """Where the root is, while it is mounted."""
        return self._options.container_dir(container.id) / "merged"

    def upper(self, container: Container) -> Path:
        """What the container has written itself."""
        return self._options.container_dir(container.id) / "upper"

    def lowers(self, container: Container) -> tuple[str, ...]:
        """What lies below `upper`, lowest first: the image, and on it the mount points that every container has, so
        that making them does not count as the container's own change."""
        return (*container.layers, self._init_layer())

    def _init_layer(self) -> str:
        layer = self._options.data_root / "init"
        if not (layer / "etc/mtab").is_symlink():  # the last thing made
            for name in INIT_DIRECTORIES:
                (layer / name).mkdir(mode=0o755, parents=True, exist_ok=True)
            for name in INIT_FILES:
                (layer / name).touch(0o755)
            (layer / "etc/mtab").symlink_to("/proc/mounts")
        return str(layer)

    def lay_out(self, container: Container) -> None:
        home = self._options.container_dir(container.id)
        for part in PARTS:
            (home / part).mkdir(parents=True, exist_ok=True)

    def mount(self, container: Container, options: Iterable[str] = ()) -> Path:
        """options: further ones of the overlay, where it is not mounted yet."""
        self._running.add(container.id)
        self._share_memory(container)
        return self._ensure(container, options)

    def unmount(self, container: Container) -> None:
        self._running.discard(container.id)
        self._drop(str(shared_memory(self._options, container)))
        if not self._visits[container.id]:
            self._drop(str(self.merged(container)))

    def _share_memory(self, container: Container) -> None:
        """A container that lends its ipc namespace has its /dev/shm on the host, where borrowers find it."""
        target = shared_memory(self._options, container)
        if container.spec.host.ipc_mode == "shareable" and str(target) not in self._known():
            target.mkdir(parents=True, exist_ok=True)
            owner = self._remap.root(container.spec.host)
            options = (f"uid={owner[0]}", f"gid={owner[1]}") if owner else ()
            self._mounts.tmpfs(str(target), size=container.spec.host.shm_size, mode=0o1777, options=options)
            self._known().add(str(target))

    def is_mounted(self, container: Container) -> bool:
        return str(self.merged(container)) in self._known()

    @asynccontextmanager
    async def mounted(self, container: Container) -> AsyncIterator[Path]:
        """Look into the root of a container, which may be stopped."""
        self._visits[container.id] += 1
        try:
            yield self._ensure(container)
        finally:
            self._visits[container.id] -= 1
            if not self._visits[container.id]:
                del self._visits[container.id]
                if container.id not in self._running:
                    self._drop(str(self.merged(container)))

    def discard(self, container: Container) -> None:
        self._running.discard(container.id)
        self._drop(str(shared_memory(self._options, container)))
        self._drop(str(self.merged(container)))
        if self._belongings is not None:
            self._belongings.discard(container.id)
        self._trees.trash(self._options.container_dir(container.id))

    def sweep(self, known: Collection[str]) -> None:
        """Also notes which of the known ones run on, and are not to be unmounted by a visitor."""
        home = self._options.data_root / "containers"
        for target in [path for path in self._known() if Path(path).parent.name not in known]:
            self._mounts.unmount(target)
            self._known().discard(target)
        self._running |= {Path(path).parent.name for path in self._known()}
        for directory in home.iterdir() if home.is_dir() else ():
            if directory.name not in known:
                self._trees.trash(directory)
        if self._belongings is not None:
            self._belongings.sweep(known)

    async def usage(self, container: Container) -> int:
        return await self._trees.usage(self.upper(container))

    def _known(self) -> set[str]:
        """What is mounted for containers; the kernel is asked once, later we know by ourselves."""
        if self._mounted is None:
            self._mounted = set(self._mounts.mounted_under(str(self._options.data_root / "containers")))
        return self._mounted

    def _ensure(self, container: Container, options: Iterable[str] = ()) -> Path:
        merged = self.merged(container)
        if str(merged) not in self._known():
            self.lay_out(container)
            host, home = container.spec.host, merged.parent
            lowers = self._remap.all_seen(host, self.lowers(container))
            upper, work = self._remap.all_seen(host, (str(self.upper(container)), str(home / "work")))
            self._mounts.overlay(str(merged), lowers, upper, work, options, owner=self._remap.root(host))
            self._known().add(str(merged))
        return merged

    def _drop(self, target: str) -> None:
        if target in self._known():
            self._mounts.unmount(target)
            self._known().discard(target)


def shared_memory(options: EngineOptions, container: Container) -> Path:
    """Where the /dev/shm of a container that lends it is on the host."""
    return options.container_dir(container.id) / "shm"
