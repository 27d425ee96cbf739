"""JSON in and out of requests, with dockerd's rules on content types and empty bodies; archives out."""

from collections.abc import AsyncIterable, Mapping
from email.message import Message
from typing import Any

import msgspec
from aiohttp import web

from boxship.base import codec
from boxship.base.errors import Invalid

JSON = "application/json"
TAR = "application/x-tar"


async def read(request: web.Request) -> dict[str, Any]:
    """Return the object in the body; {} for an empty body or `null`. Raises Invalid otherwise, in dockerd's words."""
    _check_type(request)
    text = await request.read()
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as e:
        if not text.strip():
            raise Invalid("invalid JSON: got EOF while reading request body") from e
        raise Invalid(f"invalid JSON: {e}") from e
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"invalid JSON: json: cannot unmarshal {_kind(value)} into a value of type object")
    return value


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "bool"}.get(type(value), "number")


def _check_type(request: web.Request) -> None:
    kind = request.headers.get("Content-Type", "")
    if kind == JSON or (not kind and not request.can_read_body):
        return
    if not kind:
        raise Invalid("malformed Content-Type header (): mime: no media type")
    message = Message()
    message["Content-Type"] = kind
    if message.get_content_type() != JSON:
        raise Invalid(f"unsupported Content-Type header ({kind}): must be '{JSON}'")


def reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return `value` as JSON with a line end behind it, as Go's encoder writes it."""
    return web.Response(body=codec.encode(value) + b"\n", status=status, content_type=JSON, headers=headers)


def empty(status: int = 204) -> web.Response:
    return web.Response(status=status)


async def archive(request: web.Request, pieces: AsyncIterable[bytes]) -> web.StreamResponse:
    """Send a tar as it is made; answer 200."""
    response = web.StreamResponse(headers={"Content-Type": TAR})
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response
