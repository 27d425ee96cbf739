"""Kinds of values a setting can have: how each is read from flags and from the configuration file. Pure."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_size
from boxship.model.container import Ulimit


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPool:
    """Blocks for new networks: `base` is cut into subnets of `size` prefix bits."""

    base: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """An OCI runtime by name: program and arguments before its sub-command."""

    path: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to write a value.

    want:      what would be right, for error messages.  shown: what help calls the argument.
    from_text: flags' and variables' values, in order, to a value.  from_json: the file's value to a value.
    Both raise ValueError or Invalid for what is impossible.
    """

    want: str
    shown: str
    from_text: Callable[[Sequence[str]], Any]
    from_json: Callable[[Any], Any]
    is_switch: bool = False
    repeatable: bool = False


def _bool_text(words: Sequence[str]) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if words[-1].lower() not in known:
        raise ValueError(words[-1])
    return known[words[-1].lower()]


def _as(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(value)
        return value

    return check


def _last_number(words: Sequence[str]) -> int:
    return int(words[-1])


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(value)
    return tuple(value)


def _words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(words)


def _pairs_text(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError(words)
    return {key: value for key, _, value in pairs}


def _pairs_json(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError(value)
    return dict(value)


def _pool(base: str, size: int) -> AddressPool:
    network = ipaddress.ip_network(base)
    if not network.prefixlen <= size <= network.max_prefixlen:
        raise Invalid(f"size {size} does not fit into {base}")
    return AddressPool(base=str(network), size=size)


def _pools_text(words: Sequence[str]) -> tuple[AddressPool, ...]:
    pools = []
    for word in words:
        parts = dict(part.strip().split("=", 1) for part in word.split(","))
        pools.append(_pool(parts["base"], int(parts["size"])))
    return tuple(pools)


def _pools_json(value: Any) -> tuple[AddressPool, ...]:
    return tuple(_pool(entry["base"], int(entry["size"])) for entry in value)


def _runtimes_text(words: Sequence[str]) -> dict[str, RuntimeChoice]:
    return {name: RuntimeChoice(path=path) for name, path in _pairs_text(words).items()}


def _runtimes_json(value: Any) -> dict[str, RuntimeChoice]:
    return {
        name: RuntimeChoice(path=entry["path"], args=_strings(entry.get("runtimeArgs", [])))
        for name, entry in value.items()
    }


def parse_ulimit(text: str) -> Ulimit:
    """`nofile=1024:2048`, `nproc=64`; -1 is unlimited. Raises ValueError."""
    name, equals, value = text.partition("=")
    soft, _, hard = value.partition(":")
    if not (name and equals):
        raise ValueError(text)
    return Ulimit(name=name, soft=int(soft), hard=int(hard or soft))


def _ulimits_text(words: Sequence[str]) -> tuple[Ulimit, ...]:
    return tuple(parse_ulimit(word) for word in words)


def _ulimits_json(value: Any) -> tuple[Ulimit, ...]:
    entries = [(name, {k.lower(): v for k, v in entry.items()}) for name, entry in value.items()]
    return tuple(Ulimit(name=e.get("name", name), soft=e["soft"], hard=e["hard"]) for name, e in entries)


def _size_json(value: Any) -> int:
    return parse_size(value) if isinstance(value, str) else int(_as(int)(value))


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text)) if text else ""


def _cidr(text: str) -> str:
    return str(ipaddress.ip_interface(text)) if text else ""


def _last(check: Callable[[str], Any]) -> Callable[[Sequence[str]], Any]:
    return lambda words: check(words[-1])


def _from_string(check: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: check(_as(str)(value))


def choice(*words: str) -> Kind:
    """One of a few words."""

    def check(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    want = f"one of {', '.join(word or repr('') for word in words)}"
    return Kind(want=want, shown="string", from_text=_last(check), from_json=_from_string(check))


SWITCH = Kind(want="true or false", shown="", from_text=_bool_text, from_json=_as(bool), is_switch=True)
TEXT = Kind(want="a text", shown="string", from_text=_last(str), from_json=_as(str))
NUMBER = Kind(want="a whole number", shown="int", from_text=_last_number, from_json=_as(int))
SIZE = Kind(want="a size such as 64m or 1g", shown="bytes", from_text=_last(parse_size), from_json=_size_json)
ADDRESS = Kind(want="an IP address", shown="ip", from_text=_last(_address), from_json=_from_string(_address))
CIDR = Kind(want="an address range such as 172.20.0.1/16", shown="cidr", from_text=_last(_cidr),
            from_json=_from_string(_cidr))  # fmt: skip
LIST = Kind(want="a list of texts", shown="list", from_text=_words, from_json=_strings, repeatable=True)
PAIRS = Kind(want="pairs such as max-size=10m", shown="key=value", from_text=_pairs_text, from_json=_pairs_json,
             repeatable=True)  # fmt: skip
POOLS = Kind(want='base=10.10.0.0/16,size=24, in the file [{"base": "10.10.0.0/16", "size": 24}]', shown="pool",
             from_text=_pools_text, from_json=_pools_json, repeatable=True)  # fmt: skip
RUNTIMES = Kind(want='name=path, in the file {"name": {"path": "/usr/bin/crun"}}', shown="name=path",
                from_text=_runtimes_text, from_json=_runtimes_json, repeatable=True)  # fmt: skip
ULIMITS = Kind(want='name=soft:hard, in the file {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}',
               shown="ulimit", from_text=_ulimits_text, from_json=_ulimits_json, repeatable=True)  # fmt: skip
