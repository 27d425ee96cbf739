"""`--network` and its companions to NetworkMode and EndpointsConfig. Pure."""

from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli.container.mounts import fields
from boxship.front.cli.flags import Parsed

_NAMES = {"ip": "IPv4Address", "ip6": "IPv6Address"}


def _specs(parsed: Parsed) -> list[tuple[str, dict[str, Any]]]:
    """Return (network, endpoint options) of each --network, short or long form."""
    return [_spec(word) for word in (*parsed.many("network"), *parsed.many("net"))]


def _spec(word: str) -> tuple[str, dict[str, Any]]:
    if "=" not in word:
        return word, {}
    name, endpoint = "", dict[str, Any]()
    for key, value, _ in fields(word):
        if key == "name":
            name = value
        elif key == "alias":
            endpoint.setdefault("Aliases", []).append(value)
        elif key in _NAMES:
            endpoint.setdefault("IPAMConfig", {})[_NAMES[key]] = value
        elif key == "link-local-ip":
            endpoint.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(value)
        elif key == "mac-address":
            endpoint["MacAddress"] = value
        elif key == "gw-priority":
            endpoint["GwPriority"] = int(value)
        elif key == "driver-opt":
            option, _, setting = value.partition("=")
            endpoint.setdefault("DriverOpts", {})[option] = setting
        else:
            raise Invalid(f"invalid key {key} in --network {word}")
    return name, endpoint


def mode(parsed: Parsed) -> str:
    """Return NetworkMode: the first network named, default without one."""
    specs = _specs(parsed)
    return specs[0][0] if specs else "default"


def endpoints(parsed: Parsed) -> dict[str, dict[str, Any]]:
    """Return EndpointsConfig; --ip, --network-alias and the like belong to the first network."""
    specs = _specs(parsed)
    first = _first(parsed)
    if not specs:
        return {"default": first} if first else {}
    if specs[0][0] in ("host", "none") or specs[0][0].startswith("container:"):
        if len(specs) > 1:
            raise Invalid(f"conflicting options: {specs[0][0]} cannot be joined with other networks")
        return {}
    return {name: ({**first, **endpoint} if not index else endpoint) for index, (name, endpoint) in enumerate(specs)}


def _first(parsed: Parsed) -> dict[str, Any]:
    found: dict[str, Any] = {}
    aliases = [*parsed.many("network-alias"), *parsed.many("net-alias")]
    if aliases:
        found["Aliases"] = aliases
    if parsed.many("link"):
        found["Links"] = list(parsed.many("link"))
    address = {name: parsed.text(flag) for flag, name in _NAMES.items() if parsed.text(flag)}
    if parsed.many("link-local-ip"):
        found["IPAMConfig"] = {**address, "LinkLocalIPs": list(parsed.many("link-local-ip"))}
    elif address:
        found["IPAMConfig"] = address
    if parsed.text("mac-address"):
        found["MacAddress"] = parsed.text("mac-address")
    return found
