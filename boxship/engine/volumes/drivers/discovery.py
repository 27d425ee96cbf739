"""Where volume plugins are found: sockets, and files that name an address. Protocol v1 as Docker documents it.

Looking costs a few calls to stat(2), so nobody keeps a list that could be stale.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.volumes.drivers.api import VolumeDriver

SOCKETS = Path("/run/docker/plugins")
SPECS = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))
_SUFFIXES = (".sock", ".spec", ".json")
_NAME = re.compile(r"[a-zA-Z0-9][\w.:-]*")


class Tls(msgspec.Struct, frozen=True, rename="pascal"):
    """Files of PEM text; "" for none."""

    insecure_skip_verify: bool = False
    ca_file: str = msgspec.field(default="", name="CAFile")
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """socket: path of a Unix socket, or "". url: base of all calls, without a slash at its end."""

    url: str
    socket: str = ""
    tls: Tls | None = None


class _Described(msgspec.Struct, frozen=True, rename="pascal"):
    addr: str
    tls: Tls | None = msgspec.field(default=None, name="TLSConfig")


def address(text: str, tls: Tls | None = None) -> Address:
    """Return what `unix:///path`, `tcp://host:port` or `http[s]://…` means. Raises Invalid. Pure."""
    url = text.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return Address("http://plugin", parts.path)
    if parts.scheme not in ("tcp", "http", "https") or not parts.netloc:
        raise Invalid(f"{text.strip()!r} is no address of a plugin: use unix://, tcp://, http:// or https://")
    secure = parts.scheme == "https" or tls is not None
    return Address(f"{'https' if secure else 'http'}://{parts.netloc}{parts.path}", tls=tls)


def described(text: bytes) -> Address:
    """Return what a `.json` file says. Raises Invalid. Pure."""
    try:
        found = msgspec.json.decode(text, type=_Described)
    except msgspec.DecodeError as e:
        raise Invalid(f"not a description of a plugin: {e}") from e
    return address(found.addr, found.tls)


@dataclass(frozen=True, slots=True)
class PluginPlaces:
    """Directories to look in, a socket before a file."""

    sockets: Path = SOCKETS
    specs: tuple[Path, ...] = SPECS

    def find(self, name: str) -> Address | None:
        """Return where the plugin `name` listens, None if there is none. Raises Invalid for a file it cannot read."""
        if not _NAME.fullmatch(name):
            return None
        for socket in (self.sockets / f"{name}.sock", self.sockets / name / f"{name}.sock"):
            if socket.is_socket():
                return Address("http://plugin", str(socket))
        for directory in (self.sockets, *self.specs):
            for base in (directory, directory / name):
                if found := _file(base / name):
                    return found
        return None

    def names(self) -> set[str]:
        """Return the names under which something may be found."""
        found = set()
        for directory in (self.sockets, *self.specs):
            if directory.is_dir():
                found |= {os.path.splitext(e)[0] for e in os.listdir(directory) if e.endswith(_SUFFIXES)}
                found |= {e.name for e in os.scandir(directory) if e.is_dir() and _holds(Path(e.path))}
        return found


def _holds(directory: Path) -> bool:
    return any((directory / f"{directory.name}{suffix}").exists() for suffix in _SUFFIXES)


def _file(base: Path) -> Address | None:
    spec, json = base.with_name(f"{base.name}.spec"), base.with_name(f"{base.name}.json")
    try:
        if spec.is_file():
            return address(spec.read_text(errors="replace"))
        return described(json.read_bytes()) if json.is_file() else None
    except Invalid as e:
        raise Invalid(f"volume plugin {base.name}: {e}") from e


class Drivers(Mapping[str, VolumeDriver]):
    """Our own drivers by name, and any plugin that is there at the moment one asks. A plugin that has been used
    stays known, so that what it mounted can be given back after its socket has gone."""

    def __init__(
        self,
        own: Mapping[str, VolumeDriver],
        places: PluginPlaces,
        plugged: Callable[[str, Address], VolumeDriver],
    ) -> None:
        self._own = own
        self._places = places
        self._plugged = plugged
        self._used: dict[str, tuple[Address, VolumeDriver]] = {}

    def __getitem__(self, name: str) -> VolumeDriver:
        if name in self._own:
            return self._own[name]
        used = self._used.get(name)
        found = self._places.find(name)
        if found is None:
            if used is None:
                raise KeyError(name)
            return used[1]
        if used is None or used[0] != found:
            used = self._used[name] = (found, self._plugged(name, found))
        return used[1]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._own, *self._used, *self._places.names()})

    def __len__(self) -> int:
        return len({*self._own, *self._used, *self._places.names()})
