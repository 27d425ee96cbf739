"""A registry as calls: the distribution API and what our own server adds, with passwords or tokens as it wants them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from boxship.base.errors import Invalid
from boxship.front.client.api import ApiError, parse_host, target
from boxship.front.client.wire import Connection, Reply, Tls

DEFAULT = "http://127.0.0.1:5000"
ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in ("oci.image.manifest.v1", "oci.image.index.v1", "docker.distribution.manifest.v2",
                 "docker.distribution.manifest.list.v2")
)  # fmt: skip
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>; *rel="?next"?')


class RegistryClient:
    """One registry at `address`, `http://host:port` or `https://host`. user: "name:password", "" for nobody."""

    def __init__(self, address: str, user: str = "", authority: str = "") -> None:
        tls = Tls(authority=authority) if address.startswith("https://") else None
        if not address.startswith(("http://", "https://")):
            raise Invalid(f"registry {address!r} must begin with http:// or https://")
        port = urlsplit(address).port or (443 if tls else 80)
        host = parse_host(address, tls)
        self._address = host._replace(port=port)
        self._basic = "Basic " + base64.b64encode(user.encode()).decode() if user else ""
        self._shown = ""

    def ask(self, method: str, line: str, accept: str = "") -> tuple[Reply, bytes]:
        """Return an answer and its body. Raises ApiError with the registry's sentence."""
        reply, body = self._send(method, line, accept)
        if reply.status == 401:
            self._shown = self._answer(reply.headers.get("www-authenticate", ""))
            if self._shown:
                reply, body = self._send(method, line, accept)
        if reply.status >= 400:
            raise ApiError(reply.status, _sentence(body, reply.status))
        return reply, body

    def _send(self, method: str, line: str, accept: str) -> tuple[Reply, bytes]:
        port = self._address.port
        headers = {"Host": f"{self._address.host}:{port}"}
        headers |= {"Accept": accept} if accept else {}
        headers |= {"Authorization": self._shown} if self._shown else {}
        with Connection(self._address) as connection:
            reply = connection.request(method, line, headers=headers)
            return reply, reply.body()

    def _answer(self, challenge: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() != "bearer":
            return self._basic
        asked = dict(_PARAMETER.findall(rest))
        realm = urlsplit(asked.get("realm", ""))
        query = {key: asked[key] for key in ("service", "scope") if key in asked}
        service = RegistryClient(f"{realm.scheme}://{realm.netloc}")
        service._shown = self._basic
        found: Mapping[str, Any] = json.loads(service.ask("GET", target(realm.path, query))[1])
        return f"Bearer {found['token']}"

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


def _sentence(body: bytes, status: int) -> str:
    try:
        first = json.loads(body)["errors"][0]
        return f"{first['message']} ({first['code']})"
    except (ValueError, KeyError, IndexError, TypeError):
        return body.decode(errors="replace").strip()[:300] or f"the registry answered {status}"
