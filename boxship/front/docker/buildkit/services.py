"""The services that a client of the builder may call on one connection."""

from typing import TYPE_CHECKING, Any

from boxship.front.docker.buildkit.control import Control
from boxship.front.docker.buildkit.door import Door
from boxship.front.docker.buildkit.gateway import LLBBridge
from boxship.front.docker.buildkit.pb import health_grpc
from boxship.front.docker.buildkit.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from boxship.front.docker.buildkit.wire.workers import Worker

if TYPE_CHECKING:
    from grpclib.server import Stream

_WELL = HealthCheckResponse(status=HealthCheckResponse.SERVING)


class Health(health_grpc.HealthBase):
    """Who is asked serves."""

    async def Check(self, stream: "Stream[HealthCheckRequest, HealthCheckResponse]") -> None:
        await stream.recv_message()
        await stream.send_message(_WELL)

    async def Watch(self, stream: "Stream[HealthCheckRequest, HealthCheckResponse]") -> None:
        await stream.recv_message()
        await stream.send_message(_WELL)


def all_of(door: Door, about: Worker) -> list[Any]:
    return [Control(door, about), LLBBridge(door, about), Health()]
