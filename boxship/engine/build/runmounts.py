"""`RUN --mount=…`: what was asked for. Pure.

Source: Dockerfile reference, "RUN --mount".
"""

import posixpath
import re

from boxship.base.errors import Invalid
from boxship.base.units import parse_size
from boxship.engine.build.dockerfile.source import Line, nearest, wrong
from boxship.engine.build.dockerfile.values import Mount

KINDS = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARINGS = ("shared", "private", "locked")
_ALIASES = {"dst": "target", "destination": "target", "src": "source", "ro": "readonly", "rw": "readwrite"}
_FLAGS = ("readonly", "readwrite", "required")
_KNOWN = {
    "bind": {"target", "source", "from", "readonly", "readwrite"},
    "cache": {"target", "source", "from", "id", "sharing", "mode", "uid", "gid", "readonly", "readwrite"},
    "tmpfs": {"target", "size"},
    "secret": {"target", "id", "source", "env", "required", "mode", "uid", "gid"},
    "ssh": {"target", "id", "required", "mode", "uid", "gid"},
}


def parse_mount(line: Line, text: str, workdir: str) -> Mount:
    """Return one mount, its target absolute. `text` has its variables replaced. Raises DockerfileError."""
    fields = _fields(line, text)
    kind = fields.pop("type", "bind")
    if kind not in KINDS:
        raise wrong(line, f"unsupported mount type {kind!r}", part=kind, hint=nearest(kind, KINDS))
    for name in fields:
        if name not in _KNOWN[kind]:
            hint = nearest(name, _KNOWN[kind])
            raise wrong(line, f"unexpected key '{name}' for mount type '{kind}'", part=name, hint=hint)
    target = fields.get("target", "")
    if not target and kind in ("bind", "cache", "tmpfs"):
        raise wrong(line, f"a mount of type {kind} needs a target", part=text)
    try:
        return _mount(kind, fields, posixpath.normpath(posixpath.join(workdir or "/", target)) if target else "")
    except (ValueError, Invalid) as e:
        raise wrong(line, f"invalid mount: {e}", part=text) from e


def _fields(line: Line, text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in re.findall(r'(?:"[^"]*"|[^,])+', text):
        name, equals, value = part.strip().strip('"').partition("=")
        name = _ALIASES.get(name.lower(), name.lower())
        if not equals and name not in _FLAGS:
            raise wrong(line, f"invalid field '{name}' must be a key=value pair", part=part)
        fields[name] = value.strip('"') if equals else "true"
    return fields


def _mount(kind: str, fields: dict[str, str], target: str) -> Mount:
    writable = _truth(fields.get("readwrite", "")) if "readwrite" in fields else kind != "bind"
    read_only = _truth(fields["readonly"]) if "readonly" in fields else not writable
    sharing = fields.get("sharing", "shared")
    if sharing not in SHARINGS:
        raise ValueError(f"unsupported sharing value {sharing!r}")
    identity = fields.get("id", "")
    if kind == "secret":
        identity = identity or posixpath.basename(fields.get("source", "") or target)
        if not identity:
            raise ValueError("a secret needs an id or a target")
    return Mount(
        kind=kind,
        target=target,
        source=fields.get("source", ""),
        origin=fields.get("from", ""),
        id=identity or ("default" if kind == "ssh" else target),
        env=fields.get("env", ""),
        read_only=read_only,
        required=_truth(fields.get("required", "false")),
        sharing=sharing,
        mode=_number(fields, "mode", 8),
        uid=_number(fields, "uid"),
        gid=_number(fields, "gid"),
        size=parse_size(fields["size"]) if "size" in fields else 0,
    )


def _number(fields: dict[str, str], name: str, base: int = 10) -> int | None:
    if name not in fields:
        return None
    try:
        return int(fields[name], base)
    except ValueError:
        raise ValueError(f"{name}={fields[name]}: want {'an octal' if base == 8 else 'a'} number") from None


def _truth(text: str) -> bool:
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise ValueError(f"not a boolean: {text!r}")
