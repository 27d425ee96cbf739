"""Docker Engine API, /events: what happened and what happens, one JSON object each."""

import asyncio

from aiohttp import web

from boxship.base.bus import Event
from boxship.base.clock import Clock
from boxship.base.errors import Invalid
from boxship.base.units import SECOND, parse_duration, parse_rfc3339
from boxship.front.docker.keys import BUS, CLOCK
from boxship.front.docker.wire import events
from boxship.front.rest import filters, jsonstream, negotiate, versions

routes = web.RouteTableDef()


@routes.get("/events")
async def stream(request: web.Request) -> web.StreamResponse:
    """Past events since `since`, then new ones until `until`; both are moments or ages, as in logs.

    Headers go out before the first event. With neither, only what happens from now on.
    """
    asked, version = filters.of(request, events.KEYS), versions.of(request)
    clock, bus = request.app[CLOCK], request.app[BUS]
    since, until = moment(request.query.get("since", ""), clock), moment(request.query.get("until", ""), clock)
    if until is not None and until < (since or 0):
        shown = (request.query.get("since"), request.query.get("until"))
        raise Invalid(f"`since` time ({shown[0]}) cannot be after `until` time ({shown[1]})")

    def chosen(event: Event) -> bool:
        inside = (since is None or event.time >= since) and (until is None or event.time <= until)
        return inside and events.wanted(event, asked, version)

    form = negotiate.json_stream(request.headers.get("Accept", ""))
    with bus.listen() as queue:
        past = [e for e in bus.past() if chosen(e)] if since is not None or until is not None else []
        async with jsonstream.open(request, content_type=form.content_type, end=b"\n", prefix=form.prefix) as out:
            for event in past:
                await out.send(events.render(event, version))
            try:
                async with asyncio.timeout(None if until is None else max(0.0, (until - clock.now()) / SECOND)):
                    while True:
                        event = await queue.get()
                        if chosen(event):
                            await out.send(events.render(event, version))
            except TimeoutError:  # `until` has come
                pass
    return out.response


def moment(text: str, clock: Clock) -> int | None:
    """Return nanoseconds since 1970 for seconds (with decimals), RFC 3339 or an age as `10m`; None for nothing."""
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    if whole.lstrip("-").isdecimal() and (not fraction or fraction.isdecimal()):
        return int(whole) * SECOND + int(fraction[:9].ljust(9, "0") if fraction else 0)
    try:
        return clock.now() - parse_duration(text)
    except Invalid:
        return parse_rfc3339(text if "T" in text else f"{text}T00:00:00Z")
