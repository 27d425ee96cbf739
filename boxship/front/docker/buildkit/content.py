"""Stores of blobs at a client's: caches of kind local, and images in OCI layouts."""

import hashlib
from collections.abc import AsyncIterator, Callable

from grpclib.client import Stream
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from boxship.base.errors import NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.front.docker.buildkit.offers import told
from boxship.front.docker.buildkit.pb import content_grpc
from boxship.front.docker.buildkit.pb import content_pb2 as pb
from boxship.front.docker.buildkit.session import Session

READ = "/containerd.services.content.v1.Content/Read"
STORE = "buildkit-attachable-store-id"
BIGGEST = 1 << 20  # bytes of one message
Written = Callable[[dict[str, object]], None]


class ClientBlobs:
    """One store. name: as the client knows it.  top: digest of the manifest on top, if there is one.
    written: is told the descriptor of a new one."""

    def __init__(self, session: Session, name: str, top: str = "", written: Written = lambda _: None) -> None:
        session.need(READ, "its stores of blobs")
        self._stub = content_grpc.ContentStub(session.channel)
        self._store = {STORE: name}
        self._name = name
        self._top = top
        self._written = written

    def _failed(self, error: Exception, digest: str) -> PlatformError:
        if isinstance(error, GRPCError) and error.status is Status.NOT_FOUND:
            return NotFound(f"{self._name}: no blob {digest}")
        return told(error, f"{self._name}: blob {digest}")

    async def manifest(self) -> bytes:
        if not self._top:
            raise NotFound(f"{self._name}: there is no manifest")
        return b"".join([piece async for piece in self.read(self._top, 0)])

    async def read(self, digest: str, size: int) -> AsyncIterator[bytes]:
        seen = hashlib.sha256()
        try:
            async with self._stub.Read.open(metadata=self._store) as call:
                await call.send_message(pb.ReadContentRequest(digest=digest), end=True)
                async for message in call:
                    seen.update(message.data)
                    if message.data:  # an empty piece is an end to most who read
                        yield message.data
        except (GRPCError, StreamTerminatedError, OSError) as e:
            raise self._failed(e, digest) from e
        if digest != f"sha256:{seen.hexdigest()}":
            raise PlatformError(f"{self._name}: blob {digest} is not what it says")

    async def has(self, digest: str) -> bool:
        try:
            await self._stub.Info(pb.InfoRequest(digest=digest), metadata=self._store)
        except GRPCError as e:
            if e.status is Status.NOT_FOUND:
                return False
            raise self._failed(e, digest) from e
        except (StreamTerminatedError, OSError) as e:
            raise self._failed(e, digest) from e
        return True

    async def write(self, digest: str, size: int, pieces: AsyncIterator[bytes]) -> None:
        if await self.has(digest):
            return
        try:
            async with self._stub.Write.open(metadata=self._store) as call:
                begin = pb.WriteContentRequest(action=pb.STAT, ref=new_id(), total=size, expected=digest)
                await _said(call, begin)
                offset = 0
                async for piece in pieces:
                    for at in range(0, len(piece), BIGGEST):
                        data = piece[at : at + BIGGEST]
                        await _said(call, pb.WriteContentRequest(action=pb.WRITE, offset=offset, data=data))
                        offset += len(data)
                end = pb.WriteContentRequest(action=pb.COMMIT, offset=offset, total=offset, expected=digest)
                await _said(call, end, last=True)
        except (GRPCError, StreamTerminatedError, OSError) as e:
            if not (isinstance(e, GRPCError) and e.status is Status.ALREADY_EXISTS):
                raise self._failed(e, digest) from e

    async def finish(self, manifest: bytes, media_type: str) -> None:
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        await self.write(digest, len(manifest), _once(manifest))
        self._written({"mediaType": media_type, "digest": digest, "size": len(manifest)})


async def _said(
    call: "Stream[pb.WriteContentRequest, pb.WriteContentResponse]", request: pb.WriteContentRequest, last: bool = False
) -> None:
    """Send one step of a write and wait for its answer."""
    await call.send_message(request, end=last)
    if await call.recv_message() is None:
        raise StreamTerminatedError("the client ended the write")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
