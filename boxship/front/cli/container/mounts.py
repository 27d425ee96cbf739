"""`--mount`, `--device`, `--gpus` and throttles: text to the API's objects. Pure."""

import os
from collections.abc import Callable
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_size

Options = dict[str, Any]


def fields(text: str) -> list[tuple[str, str, bool]]:
    """Return (key, value, had an equals sign) of comma-separated `key=value`; quotes guard commas."""
    import csv  # only who gives such an option pays for it

    parts = next(csv.reader([text], skipinitialspace=True), [])
    return [
        (key.strip().lower(), value, bool(equals)) for key, equals, value in (part.partition("=") for part in parts)
    ]


def mount(text: str) -> Options:
    """Return the API's Mount for one --mount. Raises Invalid in Docker's words."""
    found: Options = {"Type": "volume"}
    for key, value, equals in fields(text):
        _put(found, key, value, equals, text)
    if not found.get("Target"):
        raise Invalid("target is required")
    return found


def _put(found: Options, key: str, value: str, equals: bool, text: str) -> None:
    if key in ("readonly", "ro"):
        found["ReadOnly"] = _truth(key, value if equals else "true")
        return
    if key in ("volume-nocopy", "bind-nonrecursive") and not equals:
        value, equals = "true", True
    if not equals:
        raise Invalid(f"invalid field '{key}' must be a key=value pair")
    setter = _SETTERS.get(key)
    if setter is None:
        raise Invalid(f"unexpected key '{key}' in '{text}'")
    setter(found, value)


def _truth(key: str, value: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if value.lower() not in words:
        raise Invalid(f"invalid value for {key}: {value}")
    return words[value.lower()]


def _plain(name: str) -> Callable[[Options, str], None]:
    return lambda found, value: found.__setitem__(name, value)


def _below(section: str, name: str, read: Callable[[str], Any] = str) -> Callable[[Options, str], None]:
    def put(found: Options, value: str) -> None:
        found.setdefault(section, {})[name] = read(value)

    return put


def _recursive(found: Options, value: str) -> None:
    options = {"enabled": {}, "disabled": {"NonRecursive": True}, "writable": {"ReadOnlyNonRecursive": True},
               "readonly": {"ReadOnlyForceRecursive": True}}  # fmt: skip
    if value not in options:
        raise Invalid(
            f'invalid value for bind-recursive: {value} (must be "enabled", "disabled", "writable", or "readonly")'
        )
    found.setdefault("BindOptions", {}).update(options[value])


def _label(found: Options, value: str) -> None:
    key, _, label = value.partition("=")
    found.setdefault("VolumeOptions", {}).setdefault("Labels", {})[key] = label


def _driver(found: Options, value: str) -> None:
    found.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})["Name"] = value


def _driver_option(found: Options, value: str) -> None:
    key, _, option = value.partition("=")
    config = found.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})
    config.setdefault("Options", {})[key] = option


_SETTERS: dict[str, Callable[[Options, str], None]] = {
    "type": lambda found, value: found.__setitem__("Type", value.lower()),
    "source": _plain("Source"),
    "src": _plain("Source"),
    "target": _plain("Target"),
    "dst": _plain("Target"),
    "destination": _plain("Target"),
    "consistency": _plain("Consistency"),
    "bind-propagation": _below("BindOptions", "Propagation"),
    "bind-nonrecursive": _below("BindOptions", "NonRecursive", lambda v: _truth("bind-nonrecursive", v)),
    "bind-recursive": _recursive,
    "bind-create-src": _below("BindOptions", "CreateMountpoint", lambda v: _truth("bind-create-src", v)),
    "volume-nocopy": _below("VolumeOptions", "NoCopy", lambda v: _truth("volume-nocopy", v)),
    "volume-subpath": _below("VolumeOptions", "Subpath"),
    "volume-label": _label,
    "volume-driver": _driver,
    "volume-opt": _driver_option,
    "image-subpath": _below("ImageOptions", "Subpath"),
    "tmpfs-size": _below("TmpfsOptions", "SizeBytes", parse_size),
    "tmpfs-mode": _below("TmpfsOptions", "Mode", lambda v: int(v, 8)),
}


def bind(spec: str) -> str:
    """A relative source is relative to where the command runs, as in `-v ./data:/data`."""
    source, colon, rest = spec.partition(":")
    if source.startswith((".", "~")):
        return f"{os.path.abspath(os.path.expanduser(source))}{colon}{rest}"
    return spec


def device(text: str) -> Options | str:
    """Return the API's device, or the name itself for a CDI device (vendor.com/class=name)."""
    if "=" in text and "/" in text and not text.startswith("/"):
        return text
    source, *rest = text.split(":")
    target, rights = source, "rwm"
    if len(rest) == 2:
        target, rights = rest
    elif len(rest) == 1:
        target, rights = (source, rest[0]) if set(rest[0]) <= set("rwm") else (rest[0], "rwm")
    elif rest:
        raise Invalid(f"invalid device specification: {text}")
    return {"PathOnHost": source, "PathInContainer": target or source, "CgroupPermissions": rights}


def gpus(text: str) -> Options:
    """Return the API's device request for --gpus: all, a count, device=…, capabilities=…."""
    request: Options = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    for key, value, equals in fields(text):
        if not equals or key == "count":
            word = value if equals else key
            request["Count"] = -1 if word == "all" else int(word)
        elif key == "device":
            request["DeviceIDs"] = value.split(",")
        elif key == "driver":
            request["Driver"] = value
        elif key == "capabilities":
            request["Capabilities"] = [["gpu", *value.split(",")]]
        else:
            raise Invalid(f"unexpected key '{key}' in '{text}'")
    if not request["Count"] and not request["DeviceIDs"]:
        request["Count"] = 1
    return request


def throttle(text: str, read: Callable[[str], int]) -> Options:
    """Return path and rate of `--device-read-bps path:1mb`."""
    path, colon, rate = text.partition(":")
    if not colon or not path.startswith("/dev/"):
        raise Invalid(f"bad format for device path: {text} (want /dev/sda:1mb)")
    return {"Path": path, "Rate": read(rate)}
