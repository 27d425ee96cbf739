"""Compose projects as awaitable calls; planning and carrying out are front/compose's, in a thread."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Self, TypeVar

from boxship.base.errors import NotFound
from boxship.front.client.api import Client
from boxship.front.client.asynchronous import AsyncClient
from boxship.front.client.wire import Address
from boxship.front.compose import up as work
from boxship.front.compose.build import build
from boxship.front.compose.buildwords import Flags
from boxship.front.compose.load import Disk, Options, load
from boxship.front.compose.model import Project as Model
from boxship.front.compose.observe import containers, observe
from boxship.front.compose.plan import life
from boxship.front.compose.plan.steps import Build
from boxship.front.compose.plan.up import Wish
from boxship.front.compose.progress import Board
from boxship.front.python.containers import Container

T = TypeVar("T")


class Project:
    """One project, from its files. `async with` brings it up, and takes it down with its volumes at the end."""

    def __init__(
        self,
        client: AsyncClient,
        files: Sequence[str | os.PathLike[str]],
        *,
        name: str = "",
        environment: Mapping[str, str] | None = None,
        profiles: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._options = Options(files=tuple(os.fspath(file) for file in files), name=name, profiles=tuple(profiles))
        self._environment = os.environ if environment is None else environment
        self._model: Model | None = None
        self.warnings: list[str] = []

    @property
    def model(self) -> Model:
        """What the files say. Raises NotFound, Invalid."""
        if self._model is None:
            loaded = load(self._options, self._environment, Disk())
            self.warnings.extend(loaded.warnings)
            self._model = loaded.project
        return self._model

    @property
    def name(self) -> str:
        return self.model.name

    async def up(self, *services: str, wait: bool = True, build: bool = False, timeout: float = 0) -> None:
        """Bring it to what the files say. wait: until services run and are healthy, `timeout` seconds at most.

        Raises PlatformError.
        """
        await self._do(lambda client: self._up(client, services, wait=wait, build=build, timeout=timeout))

    def _up(self, client: Client, services: Sequence[str], *, wait: bool, build: bool, timeout: float) -> None:
        with Board(mode="quiet") as board:
            task = work.Up(client, self.model, board)
            task.warn = self.warnings.append
            task.build = self._build
            wish = Wish(asked=frozenset(services or self.model.services), wait=wait)
            task.run(wish, work.Images(build=build, quiet=True), timeout=timeout)

    def _build(self, client: Client, step: Build, board: Board) -> str:
        with open(os.devnull, "w") as nowhere:
            return build(client, self.model, step, nowhere, Flags(quiet=True))

    async def down(self, *, volumes: bool = False, grace: int | None = None) -> None:
        """Remove its containers and networks; volumes: these too. grace: seconds before KILL."""
        await self._do(lambda client: self._down(client, volumes=volumes, grace=grace))

    def _down(self, client: Client, *, volumes: bool, grace: int | None) -> None:
        seen = life.View(name=self.name, seen=observe(client, self.name), project=self.model)
        wish = life.Down(services=(), volumes=volumes, images="", remove_orphans=True, grace=grace)
        with Board(mode="quiet") as board:
            work.carry_out(client, self.model, seen.seen, life.down(seen, wish), board)

    async def containers(self, service: str = "") -> dict[str, Container]:
        """Return container name -> container, of one service or of all."""
        found = await self._do(lambda client: containers(client, self.name))
        return {c.name: Container(self._client, c.id) for c in found if service in ("", c.service)}

    async def container(self, service: str) -> Container:
        """Return the first container of a service. Raises NotFound."""
        found = await self.containers(service)
        if not found:
            raise NotFound(f"service {service} of project {self.name} has no container")
        return found[min(found)]

    async def _do(self, action: Callable[[Client], T]) -> T:
        return await asyncio.to_thread(action, Client(_address(self._client)))

    async def __aenter__(self) -> Self:
        try:
            await self.up()
        except BaseException:
            await self.down(volumes=True, grace=0)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down(volumes=True, grace=0)


def _address(client: AsyncClient) -> Address:
    return client.address
