"""Files of old formats as files of today's. Pure; changes the tree it is given.

Version 1 had services at the top, no networks and no named volumes of the project; 2.x and 3.x say `version`, which
means nothing any more, since their keys are all understood.
"""

from typing import Any

from boxship.front.compose.load.errors import Wrong
from boxship.front.compose.load.forms.mounts import is_path

_TOP = {"version", "name", "include", "services", "networks", "volumes", "secrets", "configs", "models"}


def modern(tree: Any) -> dict[str, Any]:
    """Return the tree of one file in today's format. Raises Wrong if it is no mapping at all."""
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise Wrong("Top-level object must be a mapping")
    if isinstance(tree.get("version"), int | float):
        tree["version"] = str(tree["version"])
    return _from_first(tree) if _is_first(tree) else tree


def _is_first(tree: dict[str, Any]) -> bool:
    """Whether this is version 1: nothing but mappings that each say what to run."""
    services = {key: value for key, value in tree.items() if not key.startswith("x-")}
    if not services or _TOP & services.keys():
        return False
    return all(isinstance(value, dict) and value.keys() & {"image", "build", "extends"} for value in services.values())


def _from_first(tree: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in tree.items() if key.startswith("x-")}
    services = {key: value for key, value in tree.items() if key not in own}
    volumes: dict[str, Any] = {}
    for service in services.values():
        _service(service, set(services))
        volumes.update({name: {"name": name} for name in _named_volumes(service)})
    return {**own, "services": services, **({"volumes": volumes} if volumes else {})}


def _service(service: dict[str, Any], names: set[str]) -> None:
    if "dockerfile" in service:
        service["build"] = {"context": service.get("build", "."), "dockerfile": service.pop("dockerfile")}
    logging = {"driver": service.pop("log_driver", None), "options": service.pop("log_opt", None)}
    if any(logging.values()):
        service["logging"] = {key: value for key, value in logging.items() if value}
    network = str(service.pop("net", "bridge"))
    if network.startswith("container:") and network.removeprefix("container:") in names:
        network = f"service:{network.removeprefix('container:')}"
    service.setdefault("network_mode", network)
    service["volumes_from"] = [_source(str(entry), names) for entry in service.get("volumes_from") or ()]
    if not service["volumes_from"]:
        del service["volumes_from"]


def _source(entry: str, names: set[str]) -> str:
    """Version 1 told services and containers apart by looking for a service of that name."""
    return entry if entry.split(":")[0] in names or entry.startswith("container:") else f"container:{entry}"


def _named_volumes(service: dict[str, Any]) -> list[str]:
    entries = (str(entry).split(":") for entry in service.get("volumes") or ())
    return [parts[0] for parts in entries if len(parts) > 1 and not is_path(parts[0])]
