"""Cache keys: the same inputs give the same key, whatever their time stamps, names of stages or order. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

VERSION = 1  # of the way steps are carried out; a change makes all old results unknown


def key(kind: str, **inputs: Any) -> str:
    """Return the key of one step: 64 hex digits. Inputs are numbers, texts, None, and lists and objects of them."""
    told = msgspec.json.encode([VERSION, kind, _plain(inputs)])
    return hashlib.sha256(told).hexdigest()


def _plain(value: Any) -> Any:
    """Give every mapping one order, so that equal inputs are told equally."""
    if isinstance(value, Mapping):
        return {name: _plain(value[name]) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(each) for each in value)
    if isinstance(value, float):
        raise TypeError("floats have no place in a cache key")
    return value


def files(layers: Iterable[str]) -> str:
    """Return what stands for a file system in other keys: its layers, lowest first."""
    return hashlib.sha256("\n".join(layers).encode()).hexdigest()
