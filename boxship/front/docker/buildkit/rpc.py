"""gRPC on connections that are there already, in both roles: server for the builder's API, client of a session."""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from google.protobuf.any_pb2 import Any as Detail
from grpclib.client import Channel, Handler
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoCodec
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.server import Server

from boxship.base.errors import Conflict, Forbidden, Invalid, NotFound, PlatformError, Unauthorized, Unsupported
from boxship.front.docker.buildkit.pb.status_pb2 import Status as StatusMessage
from boxship.front.docker.buildkit.sifting import Sifting
from boxship.front.docker.buildkit.wire.faults import details_of
from boxship.front.rest.hijack import Stream

log = logging.getLogger(__name__)
logging.getLogger("grpclib").setLevel(logging.WARNING)  # clients that go are everyday
CODES = {
    NotFound: Status.NOT_FOUND,
    Conflict: Status.ALREADY_EXISTS,
    Forbidden: Status.PERMISSION_DENIED,
    Unauthorized: Status.UNAUTHENTICATED,
    Unsupported: Status.UNIMPLEMENTED,
}


class Details(StatusDetailsCodecBase):
    """Details of a failure as (type URL, bytes)."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:
        packed = [Detail(type_url=url, value=value) for url, value in details or ()]
        return StatusMessage(code=status.value, message=message or "", details=packed).SerializeToString()

    def decode(self, status: Status, message: str | None, data: bytes) -> Sequence[tuple[str, bytes]]:
        return [(detail.type_url, detail.value) for detail in StatusMessage.FromString(data).details]


def fault(error: PlatformError, *, bare: bool = False) -> GRPCError:
    """Return how an error of ours goes over the wire. bare: without a code in front of the text, as for a build that
    failed: clients print the code otherwise."""
    code = Status.UNKNOWN if bare else CODES.get(type(error), Status.UNKNOWN)
    if not bare and isinstance(error, Invalid) and code is Status.UNKNOWN:
        code = Status.INVALID_ARGUMENT
    return GRPCError(code, str(error), details_of(error))


Self = TypeVar("Self")
Call = TypeVar("Call")
Method = Callable[[Self, Call], Coroutine[Any, Any, None]]


def answers(method: Method[Self, Call]) -> Method[Self, Call]:
    """Make a method of a service answer errors of ours as such. Anything else is a bug and is logged by grpclib."""

    @functools.wraps(method)
    async def answered(self: Self, stream: Call) -> None:
        try:
            await method(self, stream)
        except PlatformError as e:
            raise fault(e) from e

    return answered


def server_protocol(services: Sequence[Any]) -> H2Protocol:
    """Return what speaks for the services on one connection."""
    server = Server(services, status_details_codec=Details())
    return server._protocol_factory()


async def serve(stream: Stream, services: Sequence[Any]) -> None:
    """Serve a connection until the client has closed it."""
    protocol = server_protocol(services)
    stream.hand_over(protocol)
    try:
        await stream.closed.wait()
    finally:
        protocol.processor.close("the connection was closed")
        await protocol.handler.wait_closed()  # type: ignore[attr-defined]


class Held(Channel):
    """The client's end of a connection that is there already. `start` it; it is over once `lost` is set."""

    def __init__(self, connect: Callable[[asyncio.Protocol], None]) -> None:
        super().__init__("session", 0, codec=ProtoCodec(), status_details_codec=Details())
        self._connect = connect
        self.sifting: Sifting | None = None

    def _protocol_factory(self) -> H2Protocol:
        return Sifting(Handler(), self._config, self._h2_config)

    async def _create_connection(self) -> H2Protocol:
        if self.sifting is not None:
            raise ConnectionResetError("the session has ended")
        self.sifting = protocol = self._protocol_factory()  # type: ignore[assignment]
        self._connect(protocol)
        return protocol

    async def start(self) -> None:
        """The other side waits for our first bytes."""
        await self.__connect__()
