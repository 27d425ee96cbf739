"""Extensions of ours, /boxship/resolver: how the name server of containers fares, and what it is asked."""

import msgspec
from aiohttp import web

from boxship.engine.networks.meter import FORWARDED, LOCAL, Asked, Latency
from boxship.front.docker.keys import NETWORKS
from boxship.front.rest import body
from boxship.front.rest.connection import cancel_when_gone

routes = web.RouteTableDef()


@routes.get("/boxship/resolver")
async def metrics(request: web.Request) -> web.Response:
    """200 {Containers, Failed, Local, Forwarded}; the last two are {Count, Latency: {P50, P90, P99, Worst}} in
    microseconds, of the latest 4096 questions each."""
    naming = request.app[NETWORKS].naming
    rings = naming.meter.rings
    kinds = {
        name: {"Count": rings[kind].count, "Latency": _latency(rings[kind].latency())}
        for name, kind in (("Local", LOCAL), ("Forwarded", FORWARDED))
    }
    return body.reply({"Containers": naming.served(), "Failed": naming.meter.failed, **kinds})


@routes.get("/boxship/resolver/log")
async def log(request: web.Request) -> web.StreamResponse:
    """200 and a line of JSON for each question while the client reads: {Container, Name, Type, By, Microseconds}."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    with request.app[NETWORKS].naming.meter.log() as asked:
        await response.prepare(request)
        cancel_when_gone(request)
        while True:
            await response.write(msgspec.json.encode(_line(await asked.get())) + b"\n")


def _latency(latency: Latency) -> dict[str, float]:
    return {"P50": latency.p50, "P90": latency.p90, "P99": latency.p99, "Worst": latency.worst}


def _line(asked: Asked) -> dict[str, str | float]:
    return {
        "Container": asked.container,
        "Name": asked.name,
        "Type": asked.type,
        "By": asked.by,
        "Microseconds": asked.took,
    }
