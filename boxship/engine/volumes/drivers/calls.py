"""Calls to a plugin: JSON over HTTP, on a Unix socket or TCP. Protocol v1 as Docker documents it."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from boxship.base import trust
from boxship.base.errors import PlatformError
from boxship.engine.volumes.drivers.discovery import Address, Tls

MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
_TIMEOUT = 120  # seconds: a plugin may be mounting over a network
_LONGEST = 4 << 20  # bytes of an answer


class PluginFailed(PlatformError):
    """The plugin refused, or could not be asked."""


class PluginCalls:
    """One plugin; connections live as long as a call, so a plugin may restart at any time."""

    def __init__(self, name: str, address: Address) -> None:
        self._name = name
        self._address = address
        self._implements: frozenset[str] | None = None

    async def volume(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call `VolumeDriver.<method>` and return its answer. Raises PluginFailed with the plugin's own words."""
        if self._implements is None:
            answer = await self._post("Plugin.Activate", {})
            self._implements = frozenset(map(str, answer.get("Implements") or ()))
        if "VolumeDriver" not in self._implements:
            self._implements = None  # another program may listen there next time
            fault = "Plugin does not implement the requested driver"
            raise PluginFailed(f"error looking up volume plugin {self._name}: {fault}")
        return await self._post(f"VolumeDriver.{method}", body)

    async def _post(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self._session() as session, session.post(f"{self._address.url}/{call}", json=body) as reply:
                status, raw = reply.status, await _read(reply)
        except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as e:
            reason = str(e) or "no answer in time"
            raise PluginFailed(f"{call}: cannot reach volume plugin {self._name}: {reason}") from e
        answer = _decoded(raw)
        fault = str((answer or {}).get("Err") or "")
        if not fault and (status != 200 or answer is None):
            fault = raw.decode(errors="replace").strip() or f"answered {status}"
        if fault or answer is None:
            raise PluginFailed(f"{call}: {fault}")
        return answer

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        address = self._address
        connector: aiohttp.BaseConnector
        if address.socket:
            connector = aiohttp.UnixConnector(path=address.socket)
        else:
            connector = aiohttp.TCPConnector(ssl=_context(address.tls) if address.tls else trust.system())
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:
            yield session


async def _read(reply: aiohttp.ClientResponse) -> bytes:
    raw = b""
    async for chunk in reply.content.iter_any():
        raw += chunk
        if len(raw) > _LONGEST:
            raise aiohttp.ClientPayloadError(f"its answer is longer than {_LONGEST} bytes")
    return raw


def _decoded(raw: bytes) -> dict[str, Any] | None:
    """Return the object in an answer, {} for an empty one, None for anything else."""
    if not raw.strip():
        return {}
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _context(tls: Tls) -> ssl.SSLContext:
    context = trust.context(tls.ca_file or None)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    return context
