"""Who asks a registry: credentials as clients send them, and what registries want to see. Pure.

Secrets stay in these values; nothing here prints, and `repr` hides them.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from boxship.base.codec import decode
from boxship.base.errors import Invalid

_PARAMETER = re.compile(r'([a-zA-Z_]+)=(?:"([^"]*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """identity_token: an OAuth2 refresh token. registry_token: a bearer token, used as it is."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    server: str = ""

    @property
    def basic(self) -> str:
        """The value of an Authorization header, "" without a name."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


NOBODY = Credentials()


def parse_header(value: str) -> Credentials:
    """Return what X-Registry-Auth carries: base64url of JSON. What cannot be read is nobody, as dockerd has it."""
    if not value:
        return NOBODY
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        return parse_credentials(decode(text, dict[str, Any]))
    except (Invalid, binascii.Error, ValueError):
        return NOBODY


def parse_credentials(document: dict[str, Any]) -> Credentials:
    """Return Docker's AuthConfig object. Raises Invalid."""
    known = {str(key).lower(): value for key, value in document.items()}
    values = {}
    for name, field_name in _FIELDS.items():
        value = known.get(name) or ""
        if not isinstance(value, str):
            raise Invalid(f"invalid credentials: {name} must be a text")
        values[field_name] = value
    if known.get("auth") and not values["username"]:
        try:
            pair = base64.b64decode(str(known["auth"])).decode(errors="replace").rstrip("\0")
        except ValueError as e:
            raise Invalid(f"invalid credentials: auth must be name:password in base64 ({e})") from e
        values["username"], _, values["password"] = pair.partition(":")
    return Credentials(**values)


_FIELDS = {
    "username": "username",
    "password": "password",
    "identitytoken": "identity_token",
    "registrytoken": "registry_token",
    "serveraddress": "server",
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for. scheme: lower case."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(values: list[str]) -> list[Challenge]:
    """Return the challenges of WWW-Authenticate headers, those we can answer. RFC 9110, 11.6.1."""
    found = []
    for value in values:
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() in ("basic", "bearer"):
            pairs = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}
            found.append(Challenge(scheme.lower(), pairs))
    return found


def scope_of(path: str, *, push: bool) -> str:
    """Return what a token must allow: `repository:library/busybox:pull,push`."""
    return f"repository:{path}:{'pull,push' if push else 'pull'}"
