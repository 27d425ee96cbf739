"""What builds need of the rest of the engine and of the host, and no more."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from boxship.base.clock import Clock
from boxship.engine.build.cachestore import BuildCache
from boxship.engine.events import Events
from boxship.engine.images.registry import Registries
from boxship.engine.images.service import Images
from boxship.engine.options import EngineOptions
from boxship.engine.seams import Layers, NetworkPlaces
from boxship.host.api.files import Entry, Packing, Placing, Selection, Unpacked, Unpacking
from boxship.host.api.once import Once
from boxship.host.api.runtime import Launch
from boxship.model.runtime import Identity
from boxship.model.status import Container
from boxship.store.api import Store


class Trees(Protocol):
    """The part of host.api.files.Trees that builds use."""

    async def fingerprint(self, root: Path, what: Selection, *, owned: bool) -> str: ...

    async def sources(self, root: Path, what: Selection) -> list[str]: ...

    async def place(
        self, root: Path, what: Selection, target: Path, how: Placing, *, upper: Path | None = None
    ) -> None: ...

    async def copy(self, root: Path, path: str, target: Path) -> None: ...

    def packed(self, root: Path, path: str, how: Packing) -> AsyncIterator[bytes]: ...

    async def unpack_stream(
        self, pieces: AsyncIterator[bytes], root: Path, path: str = "/", how: Unpacking = ...
    ) -> Unpacked: ...

    async def usage(self, *trees: Path) -> int: ...

    def open_in(self, root: Path, path: str) -> BinaryIO: ...

    def entry(self, root: Path, path: str, *, follow: bool = False) -> Entry: ...

    def resolve(self, root: Path, path: str, *, follow: bool = True) -> str: ...

    def remove_stub(self, root: Path, path: str) -> None: ...

    def remove(self, root: Path, path: str) -> None: ...

    def trash(self, tree: Path) -> None: ...


class Mounts(Protocol):
    """Mounting; boxship.host.mounts is one."""

    def overlay(self, target: str, lowers: Sequence[str], upper: str, work: str, options: Iterable[str] = ()) -> None:
        """`lowers`: lowest first."""
        ...

    def tmpfs(self, target: str, *, size: int | None = None, mode: int = 0o755) -> None: ...

    def bind(self, source: str, target: str, *, read_only: bool = ...) -> None: ...

    def unmount(self, target: str) -> None: ...

    def mounted_under(self, prefix: str) -> list[str]: ...


class Launcher(Protocol):
    async def prepare(self, container: Container, netns_path: str) -> Launch: ...


class Roots(Layers, Protocol):
    def merged(self, container: Container) -> Path: ...

    def upper(self, container: Container) -> Path: ...

    def mount(self, container: Container, options: Iterable[str] = ()) -> Path: ...


class Completed(Protocol):
    @property
    def code(self) -> int: ...

    @property
    def out(self) -> bytes: ...

    @property
    def err(self) -> bytes: ...


class Program(Protocol):
    """Runs a program of the host to its end; boxship.host.process.run is one."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        input: bytes = ...,
        env: Mapping[str, str] | None = ...,
        timeout: float | None = ...,
    ) -> Awaitable[Completed]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the builder works with. find: a container by name.  identity: a user of a root file system.
    platform: (os, architecture, variant) of this machine.  runs: tells by a program's first bytes whether it can run
    here, with an emulator or without.  run: for git."""

    options: EngineOptions
    clock: Clock
    events: Events
    store: Store
    cache: BuildCache
    images: Images
    registries: Registries
    networks: NetworkPlaces
    roots: Roots
    launcher: Launcher
    once: Once
    trees: Trees
    mounts: Mounts
    find: Callable[[str], Container]
    identity: Callable[[Path, str], Identity]
    platform: tuple[str, str, str]
    runs: Callable[[bytes], bool]
    run: "Program"
