"""Manifests in registries: read, written, and what they need given from one repository to another."""

import ipaddress
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from boxship.base.errors import Invalid, NotFound, PlatformError, Unavailable
from boxship.front.client.api import ApiError, target
from boxship.front.client.credentials import Keyring, server_of
from boxship.front.client.manifests.lists import KEYS, OCI_LIST, SCHEMA2_LIST, Entry, described
from boxship.front.client.manifests.names import HUB, Named
from boxship.front.client.registry import ACCEPT, RegistryClient

CERTIFICATES = "/etc/docker/certs.d"
Json = dict[str, Any]


class Remote:
    """All registries, as one user of Docker's config.json. insecure: trust any certificate, and speak plainly."""

    def __init__(self, environ: Mapping[str, str], *, insecure: bool) -> None:
        self._environ, self._insecure = environ, insecure
        self._known: dict[str, RegistryClient] = {}

    def image(self, name: Named) -> Entry:
        """Return the manifest of one image. Raises NotFound, Invalid for a list, ApiError, Unavailable."""
        kind, raw = self._get(name)
        if kind in (SCHEMA2_LIST, OCI_LIST):
            raise Invalid(f"{name} is a manifest list")
        return self._entry(name, kind, raw)

    def either(self, name: Named) -> Entry | list[Entry]:
        """Return the manifest of one image, or those of all in a list. Raises as `image`."""
        kind, raw = self._get(name)
        if kind not in (SCHEMA2_LIST, OCI_LIST):
            return self._entry(name, kind, raw)
        return [self._of_list(name, part) for part in json.loads(raw)["manifests"]]

    def _of_list(self, name: Named, part: Json) -> Entry:
        ref = name._replace(digest=part["digest"])
        return described(ref, *self._get(ref), part.get("platform") or {})

    def _entry(self, name: Named, kind: str, raw: bytes) -> Entry:
        """The platform of an image that stands alone is told by its configuration."""
        platform: Json = {}
        if kind in KEYS:
            digest = json.loads(raw)["config"]["digest"]
            _, body = self._of(name).ask("GET", f"/v2/{quote(name.path)}/blobs/{digest}")
            platform = json.loads(body)
        return described(name, kind, raw, platform)

    def _get(self, name: Named) -> tuple[str, bytes]:
        try:
            reply, raw = self._of(name).ask("GET", _path(name), ACCEPT)
        except ApiError as error:
            if error.code != 404:
                raise
            raise NotFound(f"no such manifest: {name}") from error
        return reply.headers.get("content-type", "").partition(";")[0].strip(), raw

    def put(self, name: Named, kind: str, raw: bytes) -> str:
        """Store a manifest under a tag or its digest; return the digest that the registry tells."""
        reply, _ = self._of(name).ask("PUT", _path(name), body=raw, kind=kind)
        return reply.headers.get("docker-content-digest", "")

    def mount(self, digest: str, source: Named, name: Named) -> None:
        """Let a repository have what another of the same registry holds. Raises PlatformError where it does not."""
        line = target(f"/v2/{quote(name.path)}/blobs/uploads/", {"mount": digest, "from": source.path})
        reply, _ = self._of(name).ask("POST", line, body=b"", also=f"repository:{source.path}:pull")
        if reply.status == 201:
            return
        if place := reply.headers.get("location"):  # the registry has begun an upload instead
            self._of(name).forget_upload(place)
        raise PlatformError(f"error mounting {source.name}@{digest} to {name}: push the image into {name.name} first")

    def _of(self, name: Named) -> RegistryClient:
        if name.domain not in self._known:
            self._known[name.domain] = self._reached(name)
        return self._known[name.domain]

    def _reached(self, name: Named) -> RegistryClient:
        """Docker's rule: TLS first; plain HTTP and any certificate for who asks for it, and on this machine."""
        lax = self._insecure or _is_here(name.domain)
        auth = Keyring(self._environ).find(server_of(f"{name.domain}/{name.path}"))
        user = f"{auth['username']}:{auth['password']}" if auth.get("password") else ""
        host = "registry-1.docker.io" if name.domain == HUB else name.domain
        token, authority = auth.get("identitytoken", ""), _authority(name.domain)
        secure = RegistryClient(f"https://{host}", user, authority, token=token, verify=not lax)
        try:
            secure.ping()
        except Unavailable:
            if not lax:
                raise
            plain = RegistryClient(f"http://{host}", user, token=token)
            plain.ping()
            return plain
        return secure


def _path(name: Named) -> str:
    return f"/v2/{quote(name.path)}/manifests/{quote(name.reference, safe=':')}"


def _is_here(domain: str) -> bool:
    host = domain.rpartition(":")[0] if not domain.endswith("]") and ":" in domain else domain
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _authority(domain: str) -> str:
    """Return the authority that the machine's owner trusts for a registry, "" for those of the system."""
    folder = os.path.join(CERTIFICATES, domain)
    try:
        return next((os.path.join(folder, file) for file in sorted(os.listdir(folder)) if file.endswith(".crt")), "")
    except OSError:
        return ""
