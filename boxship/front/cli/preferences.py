"""What a user has written into config.json for all commands: forms of lists, detach keys, proxies for containers.

Source: docker/cli, "docker CLI configuration file properties".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from boxship.front.cli.command import Session
from boxship.front.cli.flags import Parsed
from boxship.front.client.contexts import read_config

_PROXIES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


def form(session: Session, parsed: Parsed, key: str) -> str:
    """Return --format, else what config.json has under `key`, such as psFormat; -q asks for no form."""
    given = parsed.text("format")
    if given or (parsed.knows("quiet") and parsed.on("quiet")):
        return given
    return str(read_config(session.environ).get(key) or "")


def detach_keys(session: Session, parsed: Parsed) -> str:
    """Return --detach-keys, else those of config.json, "" for the usual ones."""
    return parsed.text("detach-keys") or str(read_config(session.environ).get("detachKeys") or "")


def with_proxies(session: Session, env: Sequence[str]) -> list[str]:
    """Return a container's variables with the proxies for this daemon; what is set already stays."""
    return [*env, *proxies(read_config(session.environ), session.client.address.shown, env)]


def proxies(config: Mapping[str, Any], host: str, env: Sequence[str]) -> list[str]:
    """Return the variables to add: each in capitals and in small letters. Pure."""
    told = config.get("proxies") or {}
    chosen = told.get(host) or told.get("default") or {}
    there = {word.partition("=")[0] for word in env}
    found = [(name, chosen[key]) for key, name in _PROXIES.items() if chosen.get(key)]
    pairs = [(spelled, value) for name, value in found for spelled in (name, name.lower())]
    return [f"{name}={value}" for name, value in pairs if name not in there]
