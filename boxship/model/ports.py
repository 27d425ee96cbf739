"""Long runs of ports kept as ranges: ten thousand published ports need not be ten thousand entries. Pure.

A range key is "8000-8999/udp" with one binding "9000-9999" of the same length, port by port. Clients never see them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from boxship.model.container import PortBinding

RUN = 16  # so many neighbours become a range; fewer are better left as they were written
Wishes = dict[str, tuple[PortBinding, ...] | None]
InForce = Mapping[str, tuple[tuple[str, int], ...]]
_Plain = tuple[str, str, int, int]  # protocol, address, host port less container port, container port


def gathered(bindings: Mapping[str, Sequence[PortBinding] | None]) -> Wishes:
    """Return the same wish with runs of fixed ports as ranges."""
    found: Wishes = {}
    plain: list[_Plain] = []
    for key, entries in bindings.items():
        number, _, protocol = key.partition("/")
        if entries and len(entries) == 1 and number.isdecimal() and entries[0].host_port.isdecimal():
            outer = int(entries[0].host_port)
            if outer:
                plain.append((protocol or "tcp", entries[0].host_ip, outer - int(number), int(number)))
                continue
        found[key] = tuple(entries) if entries is not None else None
    for (protocol, address, shift), run in _runs(plain):
        if len(run) >= RUN:
            ends = PortBinding(host_ip=address, host_port=f"{run[0] + shift}-{run[-1] + shift}")
            found[f"{run[0]}-{run[-1]}/{protocol}"] = (ends,)
        else:
            for port in run:
                found[f"{port}/{protocol}"] = (PortBinding(host_ip=address, host_port=str(port + shift)),)
    return found


def _runs(plain: list[_Plain]) -> Iterator[tuple[tuple[str, str, int], list[int]]]:
    plain.sort()
    for head, group in groupby(plain, lambda p: p[:3]):
        run: list[int] = []
        for *_, port in group:
            if run and port != run[-1] + 1:
                yield head, run
                run = []
            run.append(port)
        yield head, run


def spread(bindings: Mapping[str, Sequence[PortBinding] | None]) -> Wishes:
    """The reverse of `gathered`."""
    found: Wishes = {}
    for key, entries in bindings.items():
        ports = _numbers(key)
        for place, port in enumerate(ports):
            bound = entries
            if len(ports) > 1 and entries:
                bound = tuple(_one_of(entry, place, len(ports)) for entry in entries)
            had = found.get(port)
            found[port] = None if bound is None else (*(had or ()), *bound)
    return found


def _one_of(entry: PortBinding, place: int, count: int) -> PortBinding:
    low, dash, high = entry.host_port.partition("-")
    if dash and int(high) - int(low) == count - 1:
        return PortBinding(host_ip=entry.host_ip, host_port=str(int(low) + place))
    return entry


def in_force(ports: InForce) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return published ports with every range written out."""
    if not any("-" in key for key in ports):
        return dict(ports)
    return {
        port: tuple((address, number + place) for address, number in bound)
        for key, bound in ports.items()
        for place, port in enumerate(_numbers(key))
    }


def named(exposed: Iterable[str]) -> tuple[str, ...]:
    """Return exposed ports with every range written out."""
    return tuple(port for key in exposed for port in _numbers(key))


def short(exposed: Sequence[str]) -> tuple[str, ...]:
    """The reverse of `named`, in another order."""
    if len(exposed) < RUN:
        return tuple(exposed)
    plain: list[_Plain] = []
    found = []
    for key in exposed:
        number, _, protocol = key.partition("/")
        if number.isdecimal():
            plain.append((protocol or "tcp", "", 0, int(number)))
        else:
            found.append(key)
    for (protocol, _, _), run in _runs(plain):
        whole = len(run) >= RUN
        found += [f"{run[0]}-{run[-1]}/{protocol}"] if whole else [f"{port}/{protocol}" for port in run]
    return tuple(found)


def _numbers(key: str) -> list[str]:
    numbers, slash, protocol = key.partition("/")
    low, dash, high = numbers.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal()):
        return [key]
    return [f"{port}{slash}{protocol}" for port in range(int(low), int(high) + 1)]
