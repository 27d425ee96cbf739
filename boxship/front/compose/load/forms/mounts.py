"""`volumes` of a service in their short form: `[source:]target[:option,…]`. Pure."""

import posixpath
from typing import Any

from boxship.front.compose.load.errors import Path, Wrong

_PROPAGATION = {"rprivate", "private", "rshared", "shared", "rslave", "slave"}
_SELINUX = {"z", "Z"}
_CONSISTENCY = {"cached", "delegated", "consistent"}  # of Docker Desktop; means nothing on Linux, to docker compose too


def long_mount(value: Any, path: Path) -> Any:
    """Return the long form of one entry. Raises Wrong."""
    return parse(value, path) if isinstance(value, str) else value


def target_of(value: Any, path: Path) -> str:
    """Return where an entry of either form is mounted: what makes it the same mount in two files."""
    if isinstance(value, str):
        try:
            return str(parse(value, path)["target"])
        except Wrong:
            return value  # told when it is turned into its long form, unless variables are left in it on purpose
    return str(value.get("target")) if isinstance(value, dict) else str(value)


def parse(spec: str, path: Path = ()) -> dict[str, Any]:
    """Return the long form of `spec`. Raises Wrong in docker compose's words."""
    if not spec:
        raise Wrong("invalid empty volume spec", path)
    if len(spec) <= 2:
        return {"type": "volume", "target": spec}
    parts = _parts(spec)
    if "" in parts:
        raise Wrong(f"invalid spec: {spec}: empty section between colons", path)
    if len(parts) > 3:
        raise Wrong(f"invalid spec: {spec}: too many colons", path)
    source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    mount: dict[str, Any] = {"type": "bind" if is_path(source) else "volume"}
    if source:
        mount["source"] = source
    mount["target"] = posixpath.normpath(target).replace("//", "/")
    _options(mount, parts[2].split(",") if len(parts) == 3 else [], spec, path)
    return mount


def _parts(spec: str) -> list[str]:
    """Split at colons, but not behind the letter of a Windows drive."""
    parts = [""]
    for char in spec:
        drive = char == ":" and len(parts[-1]) == 1 and parts[-1].isalpha()
        if char == ":" and not drive:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _options(mount: dict[str, Any], options: list[str], spec: str, path: Path) -> None:
    bind: dict[str, Any] = {}
    nocopy = False
    for option in options:
        if option == "ro":
            mount["read_only"] = True
        elif option in _PROPAGATION:
            bind["propagation"] = option
        elif option in _SELINUX:
            bind["selinux"] = option
        elif option == "nocopy":
            nocopy = True
        elif option not in _CONSISTENCY | {"rw"}:
            raise Wrong(f"invalid spec: {spec}: unknown option {option}", path)
    if mount["type"] == "bind":
        mount["bind"] = {**bind, "create_host_path": True}
        if nocopy:
            mount["volume"] = {"nocopy": True}
    else:
        if bind:
            mount["bind"] = bind
        mount["volume"] = {"nocopy": True} if nocopy else {}


def is_path(source: str) -> bool:
    """Whether a source is a path of the host rather than the name of a volume."""
    windows = source.startswith("\\\\") or (len(source) > 1 and source[0].isalpha() and source[1] == ":")
    return (source[:1] in (".", "/", "~") and bool(source)) or windows
