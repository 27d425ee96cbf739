"""HTTP proxies of the daemon: from its settings, dockerd's `proxies` object, or the environment. Pure."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from boxship.app.settings import Settings
from boxship.base.errors import Invalid

KEYS = ("http-proxy", "https-proxy", "no-proxy")


class Proxies(NamedTuple):
    http: str
    https: str
    bypass: str

    @property
    def environ(self) -> dict[str, str]:
        """Variables as all HTTP clients read them; both spellings, since some know only one."""
        named = zip(("http_proxy", "https_proxy", "no_proxy"), self, strict=True)
        return {spelt: value for name, value in named if value for spelt in (name, name.upper())}

    @property
    def shown(self) -> tuple[str, str, str]:
        """The same for people: passwords are not told."""
        return _masked(self.http), _masked(self.https), self.bypass


def proxies(settings: Settings, environ: Mapping[str, str]) -> Proxies:
    """Return what applies: the flag or key, then `proxies` in the file, then the variable. Raises Invalid."""
    unknown = set(settings.proxies) - set(KEYS)
    if unknown:
        raise Invalid(f"proxies: {min(unknown)} is unknown; known are {', '.join(KEYS)}")
    own = (settings.http_proxy, settings.https_proxy, settings.no_proxy)
    return Proxies(*(value or settings.proxies.get(key, "") or _variable(key, environ)
                     for key, value in zip(KEYS, own, strict=True)))  # fmt: skip


def _variable(key: str, environ: Mapping[str, str]) -> str:
    name = key.replace("-", "_")
    return environ.get(name.upper()) or environ.get(name, "")


def _masked(address: str) -> str:
    parts = urlsplit(address)
    if parts.password is None:
        return address
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:xxxxx@{host}"))
