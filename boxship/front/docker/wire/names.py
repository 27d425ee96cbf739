"""One table for all of Docker's JSON: our structs have its field names in snake case, so both ways are generic. Pure.

`parser(Struct)` gives a function from decoded JSON to the struct, with Go's laxness: names in any case, unknown names
ignored, null is the default. `renderer(Struct)` gives the way back: every field, unless `OMITTED` says that Go leaves
it out when empty.
"""

import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from boxship.base.errors import Invalid
from boxship.model import container as model

Parse = Callable[[Any, str], Any]
Render = Callable[[Any], Any]

_NAMES = {
    "auxiliary_addresses": "AuxiliaryAddresses",
    "blkio_device_read_iops": "BlkioDeviceReadIOps",
    "blkio_device_write_iops": "BlkioDeviceWriteIOps",
    "container_id_file": "ContainerIDFile",
    "device_ids": "DeviceIDs",
    "ipv4_address": "IPv4Address",
    "ipv6_address": "IPv6Address",
    "kernel_memory_tcp": "KernelMemoryTCP",
    "link_local_ips": "LinkLocalIPs",
    "uts_mode": "UTSMode",
}

# Left out by Go when empty. ALL is every field of the struct.
ALL = frozenset({"*"})
OMITTED: Mapping[type, frozenset[str]] = {
    model.HealthSpec: ALL,
    model.MountSpec: ALL,
    model.BindOptions: ALL,
    model.VolumeOptions: ALL,
    model.DriverConfig: ALL,
    model.TmpfsOptions: ALL,
    model.ImageOptions: ALL,
    model.HostSpec: frozenset(
        {"annotations", "storage_opt", "tmpfs", "sysctls", "runtime", "mounts", "init", "kernel_memory_tcp"}
    ),
}

_GO = {str: "string", int: "int64", bool: "bool"}
_ZERO: Mapping[Any, Any] = {str: "", int: 0, bool: False}


class Field(NamedTuple):
    """plain: the type whose values need no reading, if there is one."""

    name: str
    docker: str
    parse: Parse
    render: Render
    omit: Callable[[Any], bool] | None
    plain: type | None


def docker_name(field: str) -> str:
    """Return Docker's spelling of one of our field names."""
    return _NAMES.get(field) or "".join(part[:1].upper() + part[1:] for part in field.split("_"))


@cache
def fields(kind: type[msgspec.Struct]) -> tuple[Field, ...]:
    omitted = OMITTED.get(kind, frozenset())
    return tuple(
        Field(
            name,
            docker_name(name),
            parser(hint),
            renderer(hint),
            _emptiness(hint) if name in omitted or omitted is ALL else None,
            _not_none(hint) if _not_none(hint) in _GO else None,
        )
        for name, hint in typing.get_type_hints(kind).items()
    )


def _emptiness(hint: Any) -> Callable[[Any], bool]:
    """Go omits nil pointers and empty strings, numbers, lists and maps; a pointer to zero stays."""
    inner = _not_none(hint)
    if inner is not hint and inner in _GO:
        return lambda value: value is None
    return lambda value: value is None or value is False or (value.__class__ in (int, str, tuple, dict) and not value)


def _not_none(hint: Any) -> Any:
    """Return T for T | None, else `hint` itself."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        rest = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        if len(rest) == 1:
            return rest[0]
    return hint


def folded(body: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """Return what `body` says under the names in `known`, whatever the case it writes them in, as Go reads JSON."""
    spelled = {name.lower(): name for name in known}
    found: dict[str, Any] = {}
    for key, value in body.items():
        name = spelled.get(key.lower())
        if name is not None and (key == name or name not in found):
            found[name] = value
    return found


def mismatch(value: Any, where: str, wanted: str) -> Invalid:
    names = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    found = names.get(type(value), "null")
    return Invalid(f"invalid JSON: json: cannot unmarshal {found} into Go struct field {where} of type {wanted}")


@cache
def parser(hint: Any) -> Parse:
    """Return the function from decoded JSON to a value of type `hint`; its second argument is the place, for errors."""
    inner, origin = _not_none(hint), typing.get_origin(_not_none(hint))
    if inner in _GO:
        return _scalar_parser(inner, nullable=inner is not hint)
    if origin is tuple:
        return _tuple_parser(typing.get_args(inner))
    if origin is dict:
        return _dict_parser(parser(typing.get_args(inner)[1]), nullable=inner is not hint)
    return _struct_parser(inner)


def _scalar_parser(kind: type, *, nullable: bool) -> Parse:
    zero = None if nullable else _ZERO[kind]

    def parse(value: Any, where: str) -> Any:
        if value.__class__ is kind:
            return value
        if value is None:
            return zero
        raise mismatch(value, where, _GO[kind])

    return parse


def _tuple_parser(args: tuple[Any, ...]) -> Parse:
    item = parser(args[0])
    length = None if len(args) == 2 and args[1] is ... else len(args)

    def parse(value: Any, where: str) -> Any:
        if value is None:
            return None
        if value.__class__ is not list:
            raise mismatch(value, where, "[]" + _GO.get(args[0], "object"))
        found = tuple(item(each, where) for each in value)
        return found if length is None else (found + (0,) * length)[:length]

    return parse


def _dict_parser(item: Parse, *, nullable: bool) -> Parse:
    def parse(value: Any, where: str) -> Any:
        if value is None:
            return None if nullable else {}
        if value.__class__ is not dict:
            raise mismatch(value, where, "map[string]string")
        return {key: item(each, where) for key, each in value.items()}

    return parse


def _struct_parser(kind: type[msgspec.Struct]) -> Parse:
    required = {field.name: field.required for field in msgspec.structs.fields(kind)}

    @cache
    def table() -> dict[str, Field]:
        known = {field.docker: field for field in fields(kind)}
        return known | {name.lower(): field for name, field in known.items()}

    @cache
    def zeros() -> dict[str, Any]:
        hints = typing.get_type_hints(kind)
        return {name: _ZERO[hints[name]] for name, wanted in required.items() if wanted}

    def parse(value: Any, where: str) -> Any:
        if value is None:
            return None
        if value.__class__ is not dict:
            raise mismatch(value, where, kind.__name__)
        known = table()
        found: dict[str, Any] = dict(zeros())
        for key, each in value.items():
            field = known.get(key) or known.get(key.lower())
            if field is None or each is None:
                continue
            if each.__class__ is field.plain:  # the many; a sentence about where it stands is for the others
                found[field.name] = each
            else:
                found[field.name] = field.parse(each, f"{where}.{field.docker}")
        return kind(**found)

    return parse


@cache
def renderer(hint: Any) -> Render:
    """Return the function from a value of type `hint` to what JSON can hold."""
    inner, origin = _not_none(hint), typing.get_origin(_not_none(hint))
    if inner in _GO:
        return _same
    if origin is tuple:
        item = renderer(typing.get_args(inner)[0])
        return _same if item is _same else lambda value: None if value is None else [item(each) for each in value]
    if origin is dict:
        each = renderer(typing.get_args(inner)[1])
        if each is _same:
            return _same
        return lambda value: None if value is None else {key: each(part) for key, part in value.items()}
    return _struct_renderer(inner)


def _same(value: Any) -> Any:
    return value


def _struct_renderer(kind: type[msgspec.Struct]) -> Render:
    @cache
    def plain() -> tuple[tuple[str, str, Render, Callable[[Any], bool] | None], ...]:
        return tuple((field.name, field.docker, field.render, field.omit) for field in fields(kind))

    def render(value: Any) -> Any:
        if value is None:
            return None
        found = {}
        for name, docker, show, omit in plain():
            part = getattr(value, name)
            if omit is None or not omit(part):
                found[docker] = part if show is _same else show(part)
        return found

    return render
