"""From flags, variables and a configuration file to checked Settings; what is wrong is refused by name. Pure.

Flags win over variables, these over the file, that over the defaults; a key given both by flag and by file is
refused, as dockerd does, for nobody could tell which was meant.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from boxship.app.settings import DEFAULT_SOCKET, REFUSED, TABLE, Settings
from boxship.app.table import Setting, Table
from boxship.base.errors import Invalid
from boxship.front.cli.flags import Flag, Parsed, parse

EXTRA_FLAGS = (
    Flag("validate", "", "switch", "Check the settings, say what is wrong, and end", bare="true", group="Daemon"),
    Flag(
        "purge",
        "",
        "switch",
        "End all containers and remove everything a daemon with these settings ever made, data too; asks no question",
        bare="true",
        group="Daemon",
    ),
    Flag(
        "withdraw",
        "",
        "switch",
        "End all containers and remove everything but the data root: images, volumes and records stay",
        bare="true",
        group="Daemon",
    ),
    Flag("help", "h", "switch", "Show this help", bare="true", group="Daemon"),
)
_TABLE = Table(TABLE, REFUSED, "docs/settings.md")
_FLAGS = {row.flag for row in TABLE if row.flag}


class Change(NamedTuple):
    """One setting that a reload changes; `applied` tells whether it takes effect without a restart."""

    setting: Setting
    old: Any
    new: Any

    @property
    def applied(self) -> bool:
        return self.setting.reload


def flags() -> tuple[Flag, ...]:
    """The table as flags of `boxship daemon`."""
    return (*_TABLE.flags(), *EXTRA_FLAGS)


def read_flags(argv: Sequence[str]) -> Parsed:
    """Return the parsed command line of `boxship daemon`. Raises Invalid, also for dockerd's flags that we refuse."""
    for word in argv:
        name = word.removeprefix("--").partition("=")[0]
        for known in (name, f"{name}s"):
            if word.startswith("--") and known in REFUSED and name not in _FLAGS:
                raise Invalid(f"--{name} is not supported: {REFUSED[known]}")
    parsed = parse(flags(), argv)
    if parsed.args:
        raise Invalid(f'"boxship daemon" takes no arguments, but got {parsed.args[0]!r}')
    return parsed


def load(parsed: Parsed, environ: Mapping[str, str], document: str | None) -> Settings:
    """Return the settings of flags, variables and the text of the file (None when there is none).

    Raises Invalid naming the key, what is wrong with it and what would be right.
    """
    settings = Settings(**_TABLE.values(parsed, environ, document))
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse values that are impossible together. Raises Invalid."""
    if not settings.live_restore:
        raise Invalid("live-restore cannot be false: containers never end because the daemon does; leave it out")
    if settings.shutdown_timeout < 0:
        raise Invalid(f"shutdown-timeout must be 0 or more seconds, not {settings.shutdown_timeout}")
    _check_hosts(settings)
    _check_roots(settings)
    for label in settings.labels:
        if "=" not in label:
            raise Invalid(f"bad attribute format: {label} (want --label key=value)")
    for name in ("max_concurrent_downloads", "max_concurrent_uploads", "max_download_attempts"):
        if getattr(settings, name) < 1:
            raise Invalid(f"{name.replace('_', '-')} must be 1 or more, not {getattr(settings, name)}")
    if settings.bridge != "none" and len(settings.bridge) > 15:
        raise Invalid(f"bridge: {settings.bridge!r} is longer than the 15 letters that Linux permits")
    if settings.bridge == "none" and settings.bip:
        raise Invalid("bip and bridge: an address needs a bridge; leave one of them out")
    for mirror in settings.registry_mirrors:
        if not mirror.startswith(("http://", "https://")):
            raise Invalid(f"registry-mirrors: {mirror!r} must begin with https:// or http://")


def _check_hosts(settings: Settings) -> None:
    for host in settings.hosts:
        scheme, separator, rest = host.partition("://")
        if not separator or scheme not in ("unix", "tcp", "fd"):
            raise Invalid(f"host: {host!r} must begin with unix://, tcp:// or fd://")
        if scheme == "unix" and not rest.startswith("/"):
            raise Invalid(f"host: {host!r} needs an absolute path, as in {DEFAULT_SOCKET}")
        if scheme == "tcp":
            _check_tcp(host, settings)


def _check_tcp(host: str, settings: Settings) -> None:
    port = host.rpartition(":")[2]
    if host.count(":") > 1 and port.isdecimal() and int(port) > 65535:
        raise Invalid(f"host: {host!r} has no such port; ports end at 65535")
    if settings.tlsverify and not settings.tlscacert:
        raise Invalid("tlsverify needs tlscacert: the authority that signs clients' certificates")
    if settings.tls or settings.tlsverify:
        if not (settings.tlscert and settings.tlskey):
            raise Invalid("TLS needs tlscert and tlskey: our certificate and its key")
    elif not settings.allow_plain_tcp:
        raise Invalid(
            f"host: {host!r} without TLS makes everybody who reaches it root on this machine; "
            "give --tlsverify --tlscacert --tlscert --tlskey, or --allow-plain-tcp if you mean it"
        )


def _check_roots(settings: Settings) -> None:
    for name in ("data_root", "exec_root", "pidfile"):
        path = getattr(settings, name)
        if not path.startswith("/"):
            raise Invalid(f"{name.replace('_', '-')}: {path!r} must be an absolute path")
    if settings.data_root.rstrip("/") == settings.exec_root.rstrip("/"):
        raise Invalid("data-root and exec-root must differ: what is in exec-root dies with the machine")


def changes(old: Settings, new: Settings) -> tuple[Change, ...]:
    """Return what a reload finds changed, in the order of the table."""
    pairs = ((row, getattr(old, row.name), getattr(new, row.name)) for row in TABLE)
    return tuple(Change(row, was, now) for row, was, now in pairs if was != now)


def reloaded(old: Settings, new: Settings) -> Settings:
    """Return `old` with the reloadable values of `new`."""
    return dataclasses.replace(old, **{c.setting.name: c.new for c in changes(old, new) if c.applied})
