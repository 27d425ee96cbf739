"""Containers as awaitable objects."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self, Unpack

from boxship.base.errors import NotFound, PlatformError
from boxship.front.client.api import ApiError, segment
from boxship.front.client.asynchronous import CHUNK, STDOUT, AsyncClient, Session, frames
from boxship.front.python.create import Options, request
from boxship.front.python.shapes import ContainerDetails, ContainerSummary, Output, decode

Filters = Mapping[str, Sequence[str]]


class CommandFailed(PlatformError):
    """A command ended with another code than 0. `output` is what it wrote."""

    def __init__(self, text: str, output: Output) -> None:
        super().__init__(text)
        self.output = output


class Container:
    """One container, by its id. `async with` removes it at the end, running or not."""

    def __init__(self, client: AsyncClient, id: str) -> None:
        self._client = client
        self.id = id
        self._tty: bool | None = None

    def _path(self, verb: str = "") -> str:
        return f"/containers/{segment(self.id)}{verb}"

    async def inspect(self) -> ContainerDetails:
        found = decode(await self._client.call("GET", self._path("/json")), ContainerDetails)
        self._tty = found.config.tty
        return found

    async def raw(self) -> dict[str, Any]:
        """Return all that the API tells of it."""
        return decode(await self._client.call("GET", self._path("/json")), dict[str, Any])

    async def name(self) -> str:
        return (await self.inspect()).name.removeprefix("/")

    async def start(self) -> None:
        """Return once it runs; running already is no error. Raises ApiError."""
        await self._client.call("POST", self._path("/start"))

    async def stop(self, grace: int | None = None, signal: str = "") -> None:
        """Stop it; grace: seconds before KILL, None is the container's own."""
        await self._client.call("POST", self._path("/stop"), {"t": grace, "signal": signal or None})

    async def restart(self, grace: int | None = None) -> None:
        await self._client.call("POST", self._path("/restart"), {"t": grace})

    async def kill(self, signal: str = "KILL") -> None:
        await self._client.call("POST", self._path("/kill"), {"signal": signal})

    async def pause(self) -> None:
        await self._client.call("POST", self._path("/pause"))

    async def unpause(self) -> None:
        await self._client.call("POST", self._path("/unpause"))

    async def rename(self, name: str) -> None:
        await self._client.call("POST", self._path("/rename"), {"name": name})

    async def wait(self, condition: str = "not-running") -> int:
        """Return the exit code. condition: not-running, next-exit or removed."""
        answer = decode(await self._client.call("POST", self._path("/wait"), {"condition": condition}), dict[str, Any])
        if error := (answer.get("Error") or {}).get("Message"):
            raise PlatformError(error)
        return int(answer["StatusCode"])

    async def remove(self, *, force: bool = False, volumes: bool = False) -> None:
        """volumes: with its anonymous volumes. Raises NotFound-like ApiError (code 404) when it has gone."""
        await self._client.call("DELETE", self._path(), {"force": force, "v": volumes})

    async def logs(self, *, tail: int | None = None, since: float = 0, timestamps: bool = False) -> Output:
        """Return what it has written so far; the code is the exit code so far."""
        query = {"stdout": True, "stderr": True, "tail": tail, "since": since or None, "timestamps": timestamps}
        details = await self.inspect()
        async with self._client.stream("GET", self._path("/logs"), query) as answer:
            return await _gathered(answer.content.iter_any(), tty=details.config.tty, code=details.state.exit_code)

    async def follow(self, *, tail: int | None = None) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1 or 2, bytes) of standard output and error as they are written, until it ends."""
        tty = await self._terminal()
        query = {"stdout": True, "stderr": True, "follow": True, "tail": tail}
        async with self._client.stream("GET", self._path("/logs"), query) as answer:
            chunks = answer.content.iter_any()
            async for number, data in _plain(chunks) if tty else frames(chunks):
                yield number, data

    async def _terminal(self) -> bool:
        if self._tty is None:
            await self.inspect()
        return bool(self._tty)

    async def exec(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        user: str = "",
        working_dir: str = "",
        privileged: bool = False,
        check: bool = False,
    ) -> Output:
        """Run a command in it to its end. `stdin` is all that it gets to read.

        Raises ApiError; with `check` CommandFailed for any code but 0.
        """
        id = await self._new_exec(
            command, environment, {"User": user, "WorkingDir": working_dir, "Privileged": privileged}, bool(stdin)
        )
        async with await self._client.hijack(f"/exec/{id}/start", body={"Detach": False, "Tty": False}) as session:
            output, _ = await asyncio.gather(_gathered(session.raw(), tty=False), _feed(session, stdin))
        told = decode(await self._client.call("GET", f"/exec/{id}/json"), dict[str, Any])
        output = Output(code=int(told["ExitCode"] or 0), stdout=output.stdout, stderr=output.stderr)
        return _checked(command, output) if check else output

    async def interact(self, command: Sequence[str], *, tty: bool = True, user: str = "") -> Session:
        """Start a command in it and return its streams."""
        id = await self._new_exec(command, None, {"User": user, "Tty": tty}, True)
        return await self._client.hijack(f"/exec/{id}/start", body={"Detach": False, "Tty": tty})

    async def _new_exec(
        self, command: Sequence[str], environment: Mapping[str, str] | None, more: dict[str, Any], stdin: bool
    ) -> str:
        body = {
            "Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "AttachStdin": stdin,
            "Env": [f"{name}={value}" for name, value in (environment or {}).items()], **more,
        }  # fmt: skip
        made = decode(await self._client.call("POST", self._path("/exec"), body=body), dict[str, Any])
        return str(made["Id"])

    async def attach(self, *, stdin: bool = True, logs: bool = False) -> Session:
        """Return the streams of its main process; `logs` begins with what was written before."""
        query = {"stream": True, "stdout": True, "stderr": True, "stdin": stdin, "logs": logs}
        return await self._client.hijack(self._path("/attach"), query)

    async def port(self, port: str) -> tuple[str, int]:
        """Return (address, port) of the host where a container port is published. Raises NotFound."""
        name = port if "/" in port else f"{port}/tcp"
        published = (await self.inspect()).network_settings.ports or {}
        for binding in published.get(name) or ():
            address = "127.0.0.1" if binding.host_ip in ("", "0.0.0.0", "::") else binding.host_ip
            return address, int(binding.host_port)
        raise NotFound(f"port {name} of container {self.id[:12]} is not published")

    async def address(self, network: str = "") -> str:
        """Return its IPv4 address, in `network` or in any. Raises NotFound."""
        joined = (await self.inspect()).network_settings.networks or {}
        for name, endpoint in joined.items():
            if endpoint.ip_address and network in ("", name):
                return endpoint.ip_address
        raise NotFound(f"container {self.id[:12]} has no address" + (f" in network {network}" if network else ""))

    async def put(self, path: str, archive: bytes) -> None:
        """Unpack a tar archive in a directory of it."""
        await self._client.call("PUT", self._path("/archive"), {"path": path}, archive)

    async def get(self, path: str) -> bytes:
        """Return a file or directory as a tar archive."""
        return await self._client.call("GET", self._path("/archive"), {"path": path})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.remove(force=True, volumes=True)
        except ApiError as error:
            if error.code not in (404, 409):  # gone, or on its way
                raise


class Containers:
    """`engine.containers`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def named(self, reference: str) -> Container:
        """Return the container with this name or id; whether it is there shows with its first use."""
        return Container(self._client, reference)

    async def list(self, *, all: bool = False, filters: Filters | None = None) -> list[ContainerSummary]:
        query = {"all": all, "filters": dict(filters) if filters else None}
        return decode(await self._client.call("GET", "/containers/json", query), list[ContainerSummary])

    async def create(self, image: str, command: Sequence[str] | None = None, **options: Unpack[Options]) -> Container:
        """Return a new container that does not run yet. Raises Invalid, ApiError (code 404 without the image)."""
        query, body = request(image, command, options)
        made = decode(await self._client.call("POST", "/containers/create", query, body), dict[str, Any])
        return Container(self._client, made["Id"])

    async def run(self, image: str, command: Sequence[str] | None = None, **options: Unpack[Options]) -> Container:
        """Return a new container that runs in the background. What cannot start is removed. Raises as create."""
        container = await self.create(image, command, **options)
        try:
            await container.start()
        except BaseException:
            await container.__aexit__()
            raise
        return container

    async def output(self, image: str, command: Sequence[str] | None = None, **options: Unpack[Options]) -> Output:
        """Run to the end, remove, and return what was written. Raises CommandFailed for any code but 0."""
        async with await self.run(image, command, **options) as container:
            code = await container.wait()
            written = await container.logs()
        output = Output(code=code, stdout=written.stdout, stderr=written.stderr)
        return _checked(command or [image], output)

    async def prune(self) -> None:
        """Remove all that do not run."""
        await self._client.call("POST", "/containers/prune")


async def _feed(session: Session, data: bytes) -> None:
    for start in range(0, len(data), CHUNK):
        await session.write(data[start : start + CHUNK])
    if data:
        session.end_input()


async def _plain(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    async for chunk in chunks:
        yield STDOUT, chunk


async def _gathered(chunks: AsyncIterator[bytes], *, tty: bool, code: int = 0) -> Output:
    parts: dict[int, bytearray] = {}
    async for number, data in _plain(chunks) if tty else frames(chunks):
        parts.setdefault(number, bytearray()).extend(data)
    return Output(code=code, stdout=bytes(parts.get(1, b"")), stderr=bytes(parts.get(2, b"")))


def _checked(command: Sequence[str], output: Output) -> Output:
    if output.code:
        last = (output.stderr or output.stdout).decode(errors="replace").strip()[-500:]
        raise CommandFailed(f"{' '.join(command)} ended with code {output.code}: {last or 'it said nothing'}", output)
    return output
