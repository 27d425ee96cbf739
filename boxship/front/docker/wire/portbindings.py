"""HostConfig.PortBindings of a request -> bindings with runs as ranges, in one pass. Pure.

Clients write ten thousand ports one by one; what is read here is what makes creating such a container slow or not.
"""

from typing import Any

import msgspec

from boxship.front.docker.wire import names
from boxship.model.container import PortBinding
from boxship.model.ports import RUN, Gathering, Wishes

FREE = (PortBinding(),)


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A binding spelled as Docker spells it."""

    HostPort: str
    HostIp: str = ""


_parse = names.parser(tuple[PortBinding, ...])


def parse(value: Any, where: str) -> Wishes | None:
    """Return the wish; no binding at all means one free port. Raises Invalid as the table of names does."""
    if value is None:
        return None
    if value.__class__ is not dict:
        raise names.mismatch(value, where, "map[string]string")
    gathering = Gathering()
    if len(value) >= RUN and _alike(value, gathering):
        return gathering.wishes()
    for key, bound in value.items():
        if bound.__class__ is list and len(bound) == 1 and _is_plain(entry := bound[0]):
            gathering.add(key, entry.get("HostIp", ""), entry["HostPort"])
            continue
        found = _parse(bound, where) or FREE
        if len(found) == 1:
            gathering.add(key, found[0].host_ip, found[0].host_port)
        else:
            gathering.keep(key, found)
    return gathering.wishes()


def _alike(value: dict[str, Any], gathering: Gathering) -> bool:
    """Take all at once, if each is one plain binding and all are of one kind; else take none."""
    try:
        found = msgspec.convert([*value.values()], list[tuple[_Plain]])
    except msgspec.ValidationError:
        return False
    addresses = {entry.HostIp for (entry,) in found}
    return len(addresses) == 1 and gathering.add_all(addresses.pop(), [*value], [entry.HostPort for (entry,) in found])


def _is_plain(entry: Any) -> bool:
    """Whether it is spelled as Docker spells it, so that it need not be read by the table of names."""
    if entry.__class__ is not dict or entry.get("HostPort").__class__ is not str:
        return False
    return len(entry) == 1 or (len(entry) == 2 and entry.get("HostIp").__class__ is str)
