"""What lets us in where sources lie: secrets and ssh agents of whoever asked for the build. Nothing of it is kept, nor
on a command line.

Source: Docker's documentation, "Build secrets", Git authentication and HTTP authentication for ADD.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from boxship.engine.build.api import Sources
from boxship.engine.build.workspace import Workspace


async def http(url: str, sources: Sources | None) -> Mapping[str, str]:
    """Return the headers to ask for a file with."""
    host = urlsplit(url).hostname or ""
    whole = await _secret(sources, f"HTTP_AUTH_HEADER_{host}")
    token = "" if whole else await _secret(sources, f"HTTP_AUTH_TOKEN_{host}")
    said = whole or (f"Bearer {token}" if token else "")
    return {"Authorization": said} if said else {}


async def _secret(sources: Sources | None, *ids: str) -> str:
    """Return the first secret that there is."""
    if sources is None:
        return ""
    for id in ids:
        found = await sources.secret(id)
        if found is not None:
            return found.decode(errors="surrogateescape").strip()
    return ""


@asynccontextmanager
async def git(url: str, space: Workspace, sources: Sources | None) -> AsyncIterator[Mapping[str, str]]:
    """Give the variables that git needs for one repository."""
    if url.startswith(("http://", "https://")):
        yield await _header(url, sources)
        return
    known = space.home / "known_hosts"  # a host that is met for the first time is believed, and only in this build
    command = f"ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known}"
    env = {"GIT_SSH_COMMAND": command}
    if sources is None or not url.startswith(("ssh://", "git@")):
        yield env
        return
    async with sources.agent("default") as socket:
        yield env | ({"SSH_AUTH_SOCK": str(socket)} if socket is not None else {})


async def _header(url: str, sources: Sources | None) -> Mapping[str, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    said = await _secret(sources, f"GIT_AUTH_HEADER.{host}", "GIT_AUTH_HEADER")
    if not said:
        token = await _secret(sources, f"GIT_AUTH_TOKEN.{host}", "GIT_AUTH_TOKEN")
        said = "basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode() if token else ""
    if not said:
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {said}",
    }
