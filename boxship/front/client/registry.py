"""A registry as calls: the distribution API and what our own server adds, with passwords or tokens as it wants them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from boxship.base.errors import Invalid, Unavailable
from boxship.front.client.api import ApiError, parse_host, target
from boxship.front.client.wire import Address, Connection, Reply, Tls

DEFAULT = "http://127.0.0.1:5000"
ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in ("oci.image.manifest.v1", "oci.image.index.v1", "docker.distribution.manifest.v2",
                 "docker.distribution.manifest.list.v2")
)  # fmt: skip
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>; *rel="?next"?')


REDIRECTS = 5


class RegistryClient:
    """One registry at `address`, `http://host:port` or `https://host`. user: "name:password", "" for nobody.

    token: what `login` was given instead of a password, "" if nothing. verify: check the registry's certificate."""

    def __init__(
        self, address: str, user: str = "", authority: str = "", *, token: str = "", verify: bool = True
    ) -> None:
        tls = Tls(authority=authority, verify=verify) if address.startswith("https://") else None
        if not address.startswith(("http://", "https://")):
            raise Invalid(f"registry {address!r} must begin with http:// or https://")
        port = urlsplit(address).port or (443 if tls else 80)
        host = parse_host(address, tls)
        self._address = host._replace(port=port)
        self._basic = "Basic " + base64.b64encode(user.encode()).decode() if user else ""
        self._token = token
        self._shown = ""

    def ping(self) -> None:
        """Raises Unavailable where nobody answers."""
        self._send("GET", "/v2/", {})

    def ask(
        self, method: str, line: str, accept: str = "", *, body: bytes | None = None, kind: str = "", also: str = ""
    ) -> tuple[Reply, bytes]:
        """Return an answer and its body; `kind` is the type of what is sent. Raises ApiError with the registry's
        sentence, Unavailable. also: a scope that the registry does not ask for although the request needs it."""
        if also and self._shown.startswith("Bearer"):
            self._shown = ""  # the last token may lack it
        headers = {name: value for name, value in (("Accept", accept), ("Content-Type", kind)) if value}
        reply, content = self._send(method, line, headers, body)
        if reply.status == 401:
            self._shown = self._answer(reply.headers.get("www-authenticate", ""), also)
            if self._shown:
                reply, content = self._send(method, line, headers, body)
        if method == "GET" and reply.status in (301, 302, 303, 307, 308):
            return _follow(reply.headers["location"], self._address)
        if reply.status >= 400:
            raise ApiError(reply.status, _sentence(content, reply.status))
        return reply, content

    def _send(self, method: str, line: str, more: Mapping[str, str], body: bytes | None = None) -> tuple[Reply, bytes]:
        headers = {"Host": f"{self._address.host}:{self._address.port}", **more}
        headers |= {"Authorization": self._shown} if self._shown else {}
        return _exchange(self._address, method, line, headers, body)

    def _answer(self, challenge: str, also: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() != "bearer":
            return self._basic
        asked = dict(_PARAMETER.findall(rest))
        realm = urlsplit(asked.get("realm", ""))
        query: dict[str, Any] = {"service": asked["service"]} if "service" in asked else {}
        scopes = [*asked.get("scope", "").split(), *also.split()]
        query |= {"scope": scopes} if scopes else {}
        address = f"{realm.scheme}://{realm.netloc}"
        service = RegistryClient(address) if self._address.tls is None else self._like(address)
        if self._token:
            form = {
                **query,
                "scope": " ".join(scopes),
                "grant_type": "refresh_token",
                "refresh_token": self._token,
                "client_id": "boxship",
            }
            sent = target("", form)[1:].encode()
            answer = service.ask("POST", realm.path, body=sent, kind="application/x-www-form-urlencoded")[1]
        else:
            service._shown = self._basic
            answer = service.ask("GET", target(realm.path, query))[1]
        found: Mapping[str, Any] = json.loads(answer)
        return f"Bearer {found.get('token') or found['access_token']}"

    def _like(self, address: str) -> "RegistryClient":
        """Return who gives the tokens: mostly the same host, with the same authority."""
        tls = self._address.tls or Tls()
        same = urlsplit(address).hostname == self._address.host
        return RegistryClient(address, authority=tls.authority if same else "", verify=tls.verify)

    def forget_upload(self, place: str) -> None:
        """End an upload that was begun at this address or path; a registry that cannot is left to its own cleaning."""
        parts = urlsplit(place)
        self._send("DELETE", f"{parts.path}?{parts.query}" if parts.query else parts.path, {})

    def repositories(self) -> Iterator[str]:
        yield from self._pages("/v2/_catalog?n=500", "repositories")

    def tags(self, repository: str) -> Iterator[str]:
        yield from self._pages(f"/v2/{quote(repository)}/tags/list?n=500", "tags")

    def _pages(self, line: str, key: str) -> Iterator[str]:
        while line:
            reply, body = self.ask("GET", line)
            yield from json.loads(body)[key] or ()
            following = _NEXT.search(reply.headers.get("link", ""))
            line = following[1] if following else ""

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, Any]]:
        """Return a manifest's digest and what it says."""
        reply, body = self.ask("GET", f"/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}", ACCEPT)
        return reply.headers.get("docker-content-digest", ""), json.loads(body)

    def remove(self, repository: str, reference: str) -> None:
        self.ask("DELETE", f"/v2/{quote(repository)}/manifests/{quote(reference, safe=':')}")

    def collect(self, *, dry: bool) -> dict[str, Any]:
        """Let the server remove what is not needed; return what it did."""
        report: dict[str, Any] = json.loads(self.ask("POST", target("/boxship/collect", {"dry": dry}))[1])
        return report


def _exchange(
    address: Address, method: str, line: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[Reply, bytes]:
    try:
        with Connection(address) as connection:
            reply = connection.request(method, line, headers=headers, body=body)
            return reply, reply.body()
    except Unavailable as error:
        raise Unavailable(f"Cannot reach the registry at {address.shown}: {error.__cause__ or error}") from error
    except ConnectionError as error:
        raise Unavailable(f"The registry at {address.shown} went away: {error}") from error


def _follow(place: str, before: Address) -> tuple[Reply, bytes]:
    """Fetch what a registry keeps elsewhere; nobody's password goes there. Raises ApiError, Unavailable."""
    for _ in range(REDIRECTS):
        parts = urlsplit(urljoin(before.shown, place))
        tls = Tls() if parts.scheme == "https" else None
        if tls and before.tls and parts.hostname == before.host:
            tls = before.tls
        host = parts.hostname or ""
        port = parts.port or (443 if tls else 80)
        before = Address(f"{parts.scheme}://{parts.netloc}", host=host, port=port, tls=tls)
        line = f"{parts.path}?{parts.query}" if parts.query else parts.path
        reply, body = _exchange(before, "GET", line, {"Host": parts.netloc})
        if reply.status not in (301, 302, 303, 307, 308):
            if reply.status >= 400:
                raise ApiError(reply.status, _sentence(body, reply.status))
            return reply, body
        place = reply.headers["location"]
    raise Unavailable(f"the registry sends from place to place: {place}")


def _sentence(body: bytes, status: int) -> str:
    try:
        first = json.loads(body)["errors"][0]
        return f"{first['message']} ({first['code']})"
    except (ValueError, KeyError, IndexError, TypeError):
        return body.decode(errors="replace").strip()[:300] or f"the registry answered {status}"
