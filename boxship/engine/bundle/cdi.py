"""Devices by name, `vendor.com/class=name`: the Container Device Interface. Source: CDI spec 0.8.

The specs themselves are read elsewhere and come here parsed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from boxship.base.errors import Invalid
from boxship.engine.bundle.devices import bind
from boxship.model.container import DeviceRequest, HostSpec
from boxship.model.runtime import DeviceNode

Spec = Mapping[str, Any]
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def edits(spec: HostSpec, specs: Sequence[Spec]) -> list[Mapping[str, Any]]:
    """Return the `containerEdits` that the container's device requests ask for, each once, in order.
    Raises Invalid for a device that no spec knows."""
    names = [name for request in spec.device_requests or () for name in _names(request, specs)]
    if not names:
        return []
    found: list[Mapping[str, Any]] = []
    unknown = []
    for name in dict.fromkeys(names):
        chosen = _find(name, specs)
        if chosen is None:
            unknown.append(name)
        else:
            found += [edit for edit in chosen if edit and edit not in found]
    if unknown:
        raise Invalid(f"CDI device injection failed: unresolvable CDI devices {', '.join(unknown)}")
    return found


def apply(config: dict[str, Any], wanted: Iterable[Mapping[str, Any]], nodes: Mapping[str, DeviceNode]) -> None:
    """Change an OCI configuration in place. nodes: devices of the host by path, for edits that give no numbers."""
    for edit in wanted:
        config["process"]["env"] += edit.get("env") or []
        config["mounts"] += [_mount(mount) for mount in edit.get("mounts") or ()]
        for device in edit.get("deviceNodes") or ():
            _device(config, device, nodes)
        for hook in edit.get("hooks") or ():
            _hook(config, hook)


def paths(wanted: Iterable[Mapping[str, Any]]) -> list[str]:
    """Host paths of the device nodes that `wanted` gives no numbers for."""
    return [
        device.get("hostPath") or device["path"]
        for edit in wanted
        for device in edit.get("deviceNodes") or ()
        if "major" not in device
    ]


def _names(request: DeviceRequest, specs: Sequence[Spec]) -> list[str]:
    """Full device names of a request: as given (`cdi`), or for the GPUs that `--gpus` counts or names."""
    ids = list(request.device_ids or ())
    if request.driver == "cdi" or (ids and all("=" in name for name in ids)):
        return ids
    wanted = [list(kinds) for kinds in request.capabilities or ()]
    if not any("gpu" in kinds for kinds in wanted):
        raise _no_driver(request.driver, wanted)
    kind = next((s["kind"] for s in specs if str(s.get("kind", "")).endswith("/gpu")), None)
    if kind is None:
        raise _no_driver(request.driver, wanted)
    if ids:
        return [f"{kind}={name}" for name in ids]
    return [f"{kind}=all"] if request.count < 0 else [f"{kind}={n}" for n in range(request.count)]


def _no_driver(driver: str, wanted: list[list[str]]) -> Invalid:
    shown = " ".join(f"[{' '.join(kinds)}]" for kinds in wanted)
    return Invalid(f'could not select device driver "{driver}" with capabilities: [{shown}]')


def _find(name: str, specs: Sequence[Spec]) -> list[Mapping[str, Any]] | None:
    """Edits of the spec as a whole and of one device; a later spec wins."""
    kind, _, wanted = name.partition("=")
    for spec in reversed(specs):
        if spec.get("kind") != kind:
            continue
        for device in spec.get("devices") or ():
            if str(device.get("name")) == wanted:
                return [spec.get("containerEdits") or {}, device.get("containerEdits") or {}]
    return None


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "destination": mount["containerPath"],
        "source": mount["hostPath"],
        "type": mount.get("type") or "bind",
        "options": list(mount.get("options") or ("rbind", "rprivate")),
    }


def _device(config: dict[str, Any], device: Mapping[str, Any], nodes: Mapping[str, DeviceNode]) -> None:
    host_path = device.get("hostPath") or device["path"]
    node = nodes.get(host_path)
    if node is None and "major" not in device:
        raise Invalid(f"CDI device injection failed: no such device {host_path}")
    kind = device.get("type") or (node.kind if node else "c")
    major = device.get("major", node.major if node else 0)
    minor = device.get("minor", node.minor if node else 0)
    built = {"path": device["path"], "type": kind, "major": major, "minor": minor}
    for given, ours in (("fileMode", "fileMode"), ("uid", "uid"), ("gid", "gid")):
        if given in device:
            built[ours] = device[given]
    if any(space["type"] == "user" for space in config["linux"].get("namespaces") or ()):
        config["mounts"].append(bind(host_path, device["path"]))
    else:
        config["linux"]["devices"].append(built)
    access = device.get("permissions") or "rwm"
    rule = {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}
    config["linux"]["resources"]["devices"].append(rule)


def _hook(config: dict[str, Any], hook: Mapping[str, Any]) -> None:
    name = hook["hookName"]
    if name not in _HOOKS:
        raise Invalid(f"CDI device injection failed: unknown hook {name}")
    built = {key: hook[key] for key in ("path", "args", "env", "timeout") if key in hook}
    config.setdefault("hooks", {}).setdefault(name, []).append(built)
