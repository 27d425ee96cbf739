"""Fetch an archive from a web address, in pieces."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from boxship.base import trust
from boxship.base.errors import Invalid, PlatformError

CHUNK = 1 << 18
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give what an address answers with; an address without a scheme is HTTP, as dockerd takes it.
    Raises Invalid for what is no address, PlatformError when it cannot be had."""
    if "://" not in url:
        url = f"http://{url}"
    try:
        how = aiohttp.TCPConnector(ssl=trust.system())
        session = aiohttp.ClientSession(connector=how, timeout=_TIMEOUT, trust_env=True)
        async with session, session.get(url) as response:
            if response.status >= 400:
                raise PlatformError(
                    f"failed to GET {url} with status {response.status} {response.reason or ''}".rstrip()
                )
            yield response.content.iter_chunked(CHUNK)
    except aiohttp.InvalidURL as e:
        raise Invalid(f'parse "{url}": invalid URL') from e
    except (aiohttp.ClientError, TimeoutError) as e:
        raise PlatformError(f'Get "{url}": {e or type(e).__name__}') from e
