"""Images as awaitable calls."""

import base64
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.client.api import segment
from boxship.front.client.asynchronous import AsyncClient, lines
from boxship.front.compose.context import archive
from boxship.front.python.shapes import ImageDetails, ImageSummary, decode

Login = tuple[str, str]


class Images:
    """`engine.images`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self, *, all: bool = False) -> list[ImageSummary]:
        return decode(await self._client.call("GET", "/images/json", {"all": all}), list[ImageSummary])

    async def inspect(self, reference: str) -> ImageDetails:
        return decode(await self._client.call("GET", f"/images/{segment(reference)}/json"), ImageDetails)

    async def pull(self, reference: str, *, login: Login | None = None, platform: str = "") -> ImageDetails:
        """Return the image once it is here. login: name and password. Raises ApiError, PlatformError."""
        async for _ in self.pulling(reference, login=login, platform=platform):
            pass
        return await self.inspect(reference)

    async def pulling(
        self, reference: str, *, login: Login | None = None, platform: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """Pull, and yield the daemon's messages of how it goes on."""
        query = {"fromImage": _tagged(reference), "platform": platform or None}
        async for message in self._messages("/images/create", query, headers=_auth(login)):
            yield message

    async def push(self, reference: str, *, login: Login | None = None) -> None:
        repository, tag = _parts(reference)
        headers = _auth(login) or {"X-Registry-Auth": base64.urlsafe_b64encode(b"{}").decode()}
        async for _ in self._messages(f"/images/{segment(repository)}/push", {"tag": tag}, headers=headers):
            pass

    async def build(
        self,
        context: str | os.PathLike[str],
        *,
        tag: str | Iterable[str] = (),
        dockerfile: str = "Dockerfile",
        arguments: Mapping[str, str] | None = None,
        target: str = "",
        cache: bool = True,
        pull: bool = False,
    ) -> str:
        """Build the directory `context`, heeding its .dockerignore; return the image's id.

        Raises PlatformError with the sentence of the step that failed.
        """
        query = {
            "t": [tag] if isinstance(tag, str) else list(tag), "dockerfile": dockerfile, "target": target or None,
            "buildargs": dict(arguments or {}), "nocache": not cache, "pull": pull, "rm": True,
        }  # fmt: skip
        body = _each(archive(os.fspath(context), dockerfile))
        found = ""
        async for message in self._messages("/build", query, body, {"Content-Type": "application/x-tar"}):
            found = (message.get("aux") or {}).get("ID") or found
        return found

    async def tag(self, reference: str, name: str) -> None:
        repository, tag = _parts(name)
        await self._client.call("POST", f"/images/{segment(reference)}/tag", {"repo": repository, "tag": tag})

    async def remove(self, reference: str, *, force: bool = False) -> None:
        await self._client.call("DELETE", f"/images/{segment(reference)}", {"force": force})

    async def load(self, archive: bytes) -> None:
        """Take in what `save` gave."""
        async for _ in self._messages("/images/load", {"quiet": True}, archive, {"Content-Type": "application/x-tar"}):
            pass

    async def save(self, *references: str) -> AsyncIterator[bytes]:
        """Yield a tar archive of images, piece by piece."""
        async with self._client.stream("GET", "/images/get", {"names": references}) as answer:
            async for chunk in answer.content.iter_any():
                yield chunk

    async def import_(self, root: bytes, name: str, *, changes: Iterable[str] = ()) -> str:
        """Make an image out of a tar of a root file system; return its id. changes: as `CMD ["sh"]`."""
        repository, tag = _parts(name)
        query = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": list(changes)}
        found = ""
        async for message in self._messages("/images/create", query, root, {"Content-Type": "application/x-tar"}):
            found = message.get("status", found)
        return found

    async def _messages(
        self, path: str, query: Mapping[str, Any], body: Any = None, headers: Mapping[str, str] = {}
    ) -> AsyncIterator[dict[str, Any]]:
        async with self._client.stream("POST", path, query, body, headers) as answer:
            async for line in lines(answer):
                message = json.loads(line)
                if "error" in message:
                    raise PlatformError((message.get("errorDetail") or {}).get("message") or message["error"])
                yield message


async def _each(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _parts(reference: str) -> tuple[str, str]:
    """Return repository and tag, `latest` where none is said."""
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")


def _tagged(reference: str) -> str:
    return reference if "@" in reference else ":".join(_parts(reference))


def _auth(login: Login | None) -> dict[str, str]:
    if login is None:
        return {}
    name, password = login
    told = json.dumps({"username": name, "password": password})
    return {"X-Registry-Auth": base64.urlsafe_b64encode(told.encode()).decode()}
