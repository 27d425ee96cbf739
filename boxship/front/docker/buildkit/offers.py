"""What clients offer on sessions besides files: credentials, secrets, ssh agents, archives from standard input."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from grpclib.client import Stream
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from boxship.base.errors import PlatformError, Unavailable
from boxship.engine.images.registry.auth import NOBODY, Credentials
from boxship.front.docker.buildkit.pb import filesync_grpc, secrets_grpc, ssh_grpc, upload_grpc
from boxship.front.docker.buildkit.pb.filesync_pb2 import CredentialsRequest
from boxship.front.docker.buildkit.pb.secrets_pb2 import GetSecretRequest
from boxship.front.docker.buildkit.pb.ssh_pb2 import BytesMessage, CheckAgentRequest
from boxship.front.docker.buildkit.session import Session

ASK = 60.0  # seconds for an answer: a person may have to confirm it
PIECE = 32 << 10
HUB, HUB_HOST = "docker.io", "registry-1.docker.io"
UPLOADED = "http://buildkit-session/"  # where contexts are that come on standard input


def told(error: Exception, what: str) -> PlatformError:
    """Return what is to be said when a client fails at what it offered."""
    if isinstance(error, GRPCError):
        return PlatformError(f"{what}: {error.message or error.status.name.lower()}")
    return Unavailable(f"{what}: the client has gone")


async def credentials(session: Session, domain: str) -> Credentials:
    """Return NOBODY when the client knows of none."""
    if not session.offers("/moby.filesync.v1.Auth/Credentials"):
        return NOBODY
    host = HUB_HOST if domain == HUB else domain
    try:
        found = await filesync_grpc.AuthStub(session.channel).Credentials(CredentialsRequest(host=host), timeout=ASK)
    except (GRPCError, StreamTerminatedError, OSError) as e:
        raise told(e, f"credentials for {domain}") from e
    if not found.username:
        return Credentials(identity_token=found.secret) if found.secret else NOBODY
    return Credentials(username=found.username, password=found.secret)


async def secret(session: Session, id: str) -> bytes | None:
    if not session.offers("/moby.buildkit.secrets.v1.Secrets/GetSecret"):
        return None
    try:
        found = await secrets_grpc.SecretsStub(session.channel).GetSecret(GetSecretRequest(id=id), timeout=ASK)
    except GRPCError as e:
        if e.status is Status.NOT_FOUND:
            return None
        raise told(e, f"secret {id}") from e
    except (StreamTerminatedError, OSError) as e:
        raise told(e, f"secret {id}") from e
    return found.data


@asynccontextmanager
async def agent(session: Session, id: str, place: Path) -> AsyncIterator[Path | None]:
    """Give a socket in the directory `place` that speaks with the client's ssh agent; None when it offers none."""
    stub = ssh_grpc.SSHStub(session.channel)
    if not session.offers("/moby.sshforward.v1.SSH/ForwardAgent"):
        yield None
        return
    try:
        await stub.CheckAgent(CheckAgentRequest(id=id), timeout=ASK)
    except GRPCError:
        yield None
        return
    path = place / "agent.sock"
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await _forward(stub, id, reader, writer)
        finally:
            running.discard(task)
            writer.close()

    fd = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # a path through the descriptor: the real one may be longer than an address may be
        server = await asyncio.start_unix_server(connected, f"/proc/self/fd/{fd}/agent.sock")
    finally:
        os.close(fd)
    try:
        yield path
    finally:
        server.close()
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(FileNotFoundError):
            path.unlink()


async def _forward(stub: ssh_grpc.SSHStub, id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with stub.ForwardAgent.open(metadata={"buildkit.ssh.id": id}) as call:
        await call.send_request()
        asking = asyncio.create_task(_ask(reader, call))
        try:
            async for message in call:
                writer.write(message.data)
                await writer.drain()
        except (GRPCError, StreamTerminatedError, OSError):
            pass
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def _ask(reader: asyncio.StreamReader, call: "Stream[BytesMessage, BytesMessage]") -> None:
    while data := await reader.read(PIECE):
        await call.send_message(BytesMessage(data=data))
    await call.end()


async def upload(session: Session, url: str) -> AsyncIterator[bytes]:
    """Yield what the client sends from its standard input. url: begins with UPLOADED."""
    session.need("/moby.upload.v1.Upload/Pull", "an upload")
    path = "/" + url.removeprefix(UPLOADED)
    try:
        metadata = {"urlpath": path, "urlhost": "buildkit-session"}
        async with upload_grpc.UploadStub(session.channel).Pull.open(metadata=metadata) as call:
            await call.send_request(end=True)
            async for message in call:
                if message.data:
                    yield message.data
    except (GRPCError, StreamTerminatedError, OSError) as e:
        raise told(e, "the context from standard input") from e
