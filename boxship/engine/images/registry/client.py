"""Speak the OCI distribution protocol to one registry: authenticate, fetch, resume. Decides nothing about images.

Source: OCI distribution-spec 1.1; token protocol: distribution/distribution, docs/spec/auth.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp

from boxship.base import trust
from boxship.base.codec import decode
from boxship.base.errors import Forbidden, Invalid, NotFound, PlatformError, Unauthorized, Unavailable
from boxship.engine.images.registry import limits
from boxship.engine.images.registry.auth import Challenge, Credentials, parse_challenges
from boxship.engine.images.registry.hosts import Endpoint
from boxship.engine.images.registry.proxies import proxy_for

CHUNK = 1 << 18
ATTEMPTS = 5
FIRST_PAUSE = 0.5  # seconds before the second attempt; doubles
CLIENT = "boxship"  # what we are called in OAuth2
DOCUMENT_LIMIT = 16 << 20  # bytes of a manifest or configuration
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
Body = bytes | AsyncIterator[bytes] | None


class Unreachable(Unavailable):
    """No answer at all: another address of the same registry may be tried."""

    status = 500


class Limited(Unavailable):
    """The registry has answered too often; the text says when it may be asked again."""

    status = 429


class Expired(Unauthorized):
    """What we showed was good until now; we have something new, but the body is half gone: begin the request anew."""


class Client:
    """One registry, one repository's rights, one user. Must be closed."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials, scope: str, certificates: tuple[str, ...]) -> None:
        self.endpoint = endpoint
        self._credentials = credentials
        self._scope = scope
        self._certificates = certificates
        self._authorization = f"Bearer {credentials.registry_token}" if credentials.registry_token else ""
        self._http: aiohttp.ClientSession | None = None
        self.attempts = ATTEMPTS
        self.offline = False  # ask for a refresh token, too
        self.refresh_token = ""  # as a token service gave it

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def check(self) -> None:
        """Ask whether this speaks the protocol and lets us in. Raises Unreachable, Unauthorized."""
        async with await self.ask("GET", "/v2/") as response:
            if response.status >= 400:
                raise fault(response.status, await said(response), f"{self.endpoint.base}/v2/")

    async def ask(
        self, method: str, path: str, *, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        """Return the answer, whatever its status, once we have shown who we are. `path` may be a whole address.
        Raises Unreachable, Expired."""
        url = urljoin(self.endpoint.base + "/", path.lstrip("/")) if "://" not in path else path
        response = await self._patiently(method, url, body, headers)
        if response.status != 401 or self._credentials.registry_token:
            return response
        challenges = parse_challenges(response.headers.getall("WWW-Authenticate", []))
        response.release()
        self._authorization = await self._answer(challenges)
        if body is not None and not isinstance(body, bytes):
            raise Expired("authentication ran out in the middle of an upload")
        return await self._send(method, url, body, headers)

    async def _patiently(
        self, method: str, url: str, body: Body, headers: Mapping[str, str] | None
    ) -> aiohttp.ClientResponse:
        """Questions that a registry is too busy for are asked again, unless it wants us to wait for long."""
        for attempt in range(self.attempts - 1):
            response = await self._send(method, url, body, headers)
            pause = limits.pause(response.status, response.headers, FIRST_PAUSE * 2**attempt)
            if method not in ("GET", "HEAD") or pause is None:
                return response
            response.release()
            await asyncio.sleep(pause)
        return await self._send(method, url, body, headers)

    async def _send(
        self, method: str, url: str, body: Body, headers: Mapping[str, str] | None
    ) -> aiohttp.ClientResponse:
        shown = dict(headers or {})
        if self._authorization and url.startswith(self.endpoint.base):
            shown["Authorization"] = self._authorization
        try:
            return await self._session().request(method, url, data=body, headers=shown, proxy=_proxy(url))
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unreachable(f'{method.capitalize()} "{url}": {_reason(e)}') from e

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(ssl=self._tls(), limit=16)
            self._http = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, auto_decompress=False)
        return self._http

    def _tls(self) -> ssl.SSLContext | bool:
        if not self.endpoint.base.startswith("https:"):
            return self.endpoint.verify
        own = [place for d in self._certificates if (place := Path(d) / self.endpoint.host).is_dir()]
        if self.endpoint.verify and not own:
            return trust.system()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.endpoint.verify:
            context.load_default_certs()
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for place in own:
            _trust(context, place)
        return context

    async def _answer(self, challenges: list[Challenge]) -> str:
        """Return the Authorization header that a registry wants. Raises Unauthorized."""
        for challenge in challenges:
            if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
                return f"Bearer {await self._token(challenge.parameters)}"
            if challenge.scheme == "basic" and self._credentials.basic:
                return self._credentials.basic
        raise Unauthorized("no basic auth credentials")

    async def _token(self, asked: dict[str, str]) -> str:
        query = {"service": asked.get("service", ""), "scope": asked.get("scope") or self._scope}
        query = {key: value for key, value in query.items() if value}
        try:
            found = await self._token_answer(asked["realm"], query)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unreachable(f'Get "{asked["realm"]}": {_reason(e)}') from e
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str):
            raise Unauthorized("authorization server did not include a token in the response")
        if isinstance(found.get("refresh_token"), str):
            self.refresh_token = found["refresh_token"]
        return token

    async def _token_answer(self, realm: str, query: dict[str, str]) -> dict[str, Any]:
        """Ask by GET, as distribution has it, or by OAuth2's POST where we hold a refresh token, or where GET is not
        known. Raises Unauthorized."""
        known = self._credentials
        if not known.identity_token:
            shown = {"Authorization": known.basic} if known.basic else {}
            asked = query | ({"account": known.username} if known.username else {})
            asked |= {"offline_token": "true", "client_id": CLIENT} if self.offline else {}
            async with self._session().get(realm, params=asked, headers=shown, proxy=_proxy(realm)) as response:
                if response.status not in (404, 405) or not known.username:
                    return await _granted(response, realm)
        async with self._session().post(realm, data={**query, **self._grant()}, proxy=_proxy(realm)) as response:
            return await _granted(response, realm)

    def _grant(self) -> dict[str, str]:
        """Return the form that shows who we are. RFC 6749, 4.3 and 6."""
        known = self._credentials
        if known.identity_token:
            return {"grant_type": "refresh_token", "refresh_token": known.identity_token, "client_id": CLIENT}
        kind = {"access_type": "offline" if self.offline else "online", "client_id": CLIENT}
        return {"grant_type": "password", "username": known.username, "password": known.password, **kind}

    async def document(self, path: str, accept: str = "") -> tuple[bytes, str, str]:
        """Return a small body, its media type and the digest the registry claims. Raises NotFound, Unauthorized."""
        async with await self.ask("GET", path, headers={"Accept": accept} if accept else None) as response:
            if response.status >= 400:
                raise fault(response.status, await said(response), path)
            if int(response.headers.get("Content-Length") or 0) > DOCUMENT_LIMIT:
                raise Invalid(f"{path}: too large for a manifest or configuration")
            body = await _limited(response)
            kind = response.headers.get("Content-Type", "").partition(";")[0]
            return body, kind, response.headers.get("Docker-Content-Digest", "")

    async def exists(self, path: str) -> bool:
        async with await self.ask("HEAD", path) as response:
            return response.status == 200

    async def blob(self, path: str, size: int, note: Callable[[int], None]) -> AsyncIterator[bytes]:
        """Yield a blob's bytes; a broken connection is resumed where it broke, up to `attempts` times without progress.
        `note` gets the bytes that have come so far."""
        done, failures = 0, 0
        while True:
            before = done
            try:
                async for piece in self._blob_from(path, done):
                    done += len(piece)
                    note(done)
                    yield piece
                if done >= size:
                    return
                raise Unreachable(f"{path}: the connection ended after {done} of {size} bytes")
            except (Unreachable, aiohttp.ClientError, TimeoutError, OSError) as e:
                failures = 1 if done > before else failures + 1
                if failures >= self.attempts:
                    raise PlatformError(f"download of {path} failed: {_reason(e)}") from e
                await asyncio.sleep(FIRST_PAUSE * 2 ** (failures - 1))

    async def _blob_from(self, path: str, start: int) -> AsyncIterator[bytes]:
        headers = {"Range": f"bytes={start}-"} if start else None
        async with await self.ask("GET", path, headers=headers) as response:
            if response.status >= 400:
                raise fault(response.status, await said(response), path)
            skip = start if start and response.status != 206 else 0  # a registry that knows no ranges
            async for piece in response.content.iter_chunked(CHUNK):
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:] if skip else piece
                skip = 0


def _proxy(url: str) -> str | None:
    return proxy_for(url, os.environ)


async def _granted(response: aiohttp.ClientResponse, realm: str) -> dict[str, Any]:
    if response.status >= 400:
        raise fault(401, await said(response), realm)
    return decode(await response.read(), dict[str, Any])


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in response.content.iter_chunked(CHUNK):
        body += piece
        if len(body) > DOCUMENT_LIMIT:
            raise Invalid(f"{response.url.path}: too large for a manifest or configuration")
    return body


async def said(response: aiohttp.ClientResponse) -> str:
    """Return what a registry says went wrong, `code: message`."""
    text = _words((await response.content.read(1 << 16)).decode(errors="replace"))
    return limits.explained(text, response.headers) if response.status == 429 else text


def _words(text: str) -> str:
    try:
        document = decode(text, dict[str, Any])
    except Invalid:
        return text.strip()[:300]
    found = [e for e in document.get("errors") or () if isinstance(e, dict)]
    shown = [f"{str(e.get('code', '')).lower().replace('_', ' ')}: {e.get('message', '')}" for e in found]
    return "; ".join(shown) or str(document.get("message") or document.get("details") or "")


def fault(status: int, text: str, subject: str) -> PlatformError:
    """Return the error for an answer's status; `text` is what the registry said."""
    if status == 404:
        return NotFound(text or f"{subject}: not found")
    if status == 401:
        return Unauthorized(text or "unauthorized: authentication required")
    if status == 403:
        return Forbidden(text or "denied: requested access to the resource is denied")
    if status == 429:
        return Limited(f"toomanyrequests: {text}")
    return PlatformError(f"received unexpected HTTP status: {status} {text}".rstrip())


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the registry did not answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {error.host}: no such host"
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        number = error.os_error.errno
        said = os.strerror(number).lower() if number else str(error.os_error)
        return f"dial tcp {error.host}:{error.port}: connect: {said}"
    return str(error) or type(error).__name__


def _trust(context: ssl.SSLContext, directory: Path) -> None:
    """Own authorities and client certificates of one host, named as in /etc/docker/certs.d."""
    for file in sorted(directory.iterdir()):
        if file.suffix == ".crt":
            context.load_verify_locations(str(file))
        elif file.suffix == ".cert":
            key = file.with_suffix(".key")
            if not key.exists():
                raise Invalid(f"missing key {key.name} for client certificate {file.name}")
            context.load_cert_chain(str(file), str(key))
