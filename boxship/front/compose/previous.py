"""How a container was made, kept in a label of the one that replaces it: what `rollback` goes back to. Pure."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from boxship.base.errors import NotFound
from boxship.front.compose import labels

Json = dict[str, Any]
# what an inspected container says of itself that its making did not
_NOT_MADE = ("ConsoleSize", "ContainerIDFile", "Hostname")


def keep(found: Mapping[str, Any]) -> str:
    """Return the text for the label, made from an inspected container."""
    text = json.dumps(body(found), separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode()


def recall(own: Mapping[str, str]) -> Json:
    """Return the body of the create request that is kept in labels. Raises NotFound when there is none."""
    kept = own.get(labels.PREVIOUS, "")
    if not kept:
        raise NotFound("it has no predecessor to go back to")
    found: Json = json.loads(zlib.decompress(base64.b64decode(kept)))
    return found


def body(found: Mapping[str, Any]) -> Json:
    """Return the create request that makes a container like an inspected one, of the image it has now."""
    config = {key: value for key, value in found["Config"].items() if value}
    if config.get("Hostname") == found["Id"][:12]:
        del config["Hostname"]
    kept = {key: value for key, value in config.get("Labels", {}).items() if key not in _OURS}
    host = {key: value for key, value in found["HostConfig"].items() if value and key not in _NOT_MADE}
    return {
        **config,
        "Image": found["Image"],
        "Labels": kept,
        "HostConfig": {**host, **_anonymous(found, host)},
        "NetworkingConfig": {"EndpointsConfig": _endpoints(found)},
    }


_OURS = (labels.PREVIOUS, labels.REPLACES)


def _anonymous(found: Mapping[str, Any], host: Mapping[str, Any]) -> Json:
    """Name the volumes that the engine made for the container, so that the next one has them too."""
    named = {mount.get("Target") for mount in host.get("Mounts", ())}
    named |= {bind.split(":")[1] for bind in host.get("Binds", ()) if ":" in bind}
    more = [
        {"Type": "volume", "Source": mount["Name"], "Target": mount["Destination"], "ReadOnly": not mount["RW"]}
        for mount in found.get("Mounts", ())
        if mount["Type"] == "volume" and mount["Destination"] not in named
    ]
    return {"Mounts": [*host.get("Mounts", ()), *more]} if more else {}


def _endpoints(found: Mapping[str, Any]) -> Json:
    own = found["Id"][:12]
    result: Json = {}
    for name, endpoint in (found["NetworkSettings"].get("Networks") or {}).items():
        aliases = [alias for alias in endpoint.get("Aliases") or () if alias != own]
        told = {key: endpoint.get(key) for key in ("IPAMConfig", "Links", "DriverOpts", "GwPriority")}
        result[name] = {"Aliases": aliases, **{key: value for key, value in told.items() if value}}
    return result
