"""Long runs of ports kept as ranges: ten thousand published ports need not be ten thousand entries. Pure.

A range key is "8000-8999/udp" with one binding "9000-9999" of the same length, port by port. Clients never see them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from boxship.model.container import PortBinding

RUN = 16  # so many neighbours become a range; fewer are better left as they were written
Wishes = dict[str, tuple[PortBinding, ...] | None]
InForce = Mapping[str, tuple[tuple[str, int], ...]]
_Head = tuple[str, str, int]  # protocol, address, host port less container port


class Gathering:
    """Takes bindings one after the other and joins them. A thousand of them must take about a millisecond."""

    def __init__(self) -> None:
        self._found: Wishes = {}
        self._plain: dict[_Head, list[int]] = {}

    def add(self, key: str, address: str, host_port: str) -> None:
        """Take the only binding of a container port."""
        number, _, protocol = key.partition("/")
        if number.isdecimal() and host_port.isdecimal() and (outer := int(host_port)):
            inner = int(number)
            self._plain.setdefault((protocol or "tcp", address, outer - inner), []).append(inner)
        else:
            self._found[key] = (PortBinding(host_ip=address, host_port=host_port),)

    def add_all(self, address: str, keys: Sequence[str], host_ports: Sequence[str]) -> bool:
        """Take bindings to one address in one go, if all are of one protocol and as far apart; else take none."""
        protocol, inner = _plain_numbers(keys)
        _, outer = _plain_numbers(host_ports)
        shifts = {there - here for here, there in zip(inner, outer, strict=False)}
        if len(inner) != len(outer) or len(shifts) != 1 or 0 in outer:
            return False
        self._plain.setdefault((protocol or "tcp", address, shifts.pop()), []).extend(inner)
        return True

    def keep(self, key: str, bound: tuple[PortBinding, ...] | None) -> None:
        """Take bindings that are left as they are."""
        self._found[key] = bound

    def wishes(self) -> Wishes:
        found = dict(self._found)
        for (protocol, address, shift), low, high in _runs(self._plain):
            if high - low + 1 >= RUN:
                ends = PortBinding(host_ip=address, host_port=f"{low + shift}-{high + shift}")
                found[f"{low}-{high}/{protocol}"] = (ends,)
            else:
                for port in range(low, high + 1):
                    found[f"{port}/{protocol}"] = (PortBinding(host_ip=address, host_port=str(port + shift)),)
        return found


def _plain_numbers(keys: Sequence[str]) -> tuple[str, list[int]]:
    """Return protocol and numbers of keys such as "80/udp" or "80", none unless all are so and of one protocol.

    A loop over ten thousand would take ten times as long."""
    _, slash, protocol = keys[0].partition("/") if keys else ("", "", "")
    text = "\n".join((*keys, ""))
    numbers = text.replace(f"{slash}{protocol}\n", "\n")
    told = numbers.split("\n")[:-1]
    if len(told) != len(keys) or not all(told) or not numbers.replace("\n", "").isdecimal():
        return protocol, []
    return protocol, [*map(int, told)]


def gathered(bindings: Mapping[str, Sequence[PortBinding] | None]) -> Wishes:
    """Return the same wish with runs of fixed ports as ranges."""
    gathering = Gathering()
    for key, entries in bindings.items():
        if entries and len(entries) == 1:
            gathering.add(key, entries[0].host_ip, entries[0].host_port)
        else:
            gathering.keep(key, tuple(entries) if entries is not None else None)
    return gathering.wishes()


def _runs(plain: Mapping[_Head, list[int]]) -> Iterator[tuple[_Head, int, int]]:
    """Yield (head, first, last) of each run of neighbours."""
    for head, ports in sorted(plain.items()):
        ports.sort()
        low = last = ports[0]
        if ports[-1] - low == len(ports) - 1 == len(set(ports)) - 1:  # as all of many mostly are
            yield head, low, ports[-1]
            continue
        for port in ports[1:]:
            if port != last + 1:
                yield head, low, last
                low = port
            last = port
        yield head, low, last


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
    plain: dict[_Head, list[int]] = {}
    found = []
    protocol, numbers = _plain_numbers(exposed)
    if numbers:
        plain[(protocol or "tcp", "", 0)] = numbers
    for key in () if numbers else exposed:
        number, _, protocol = key.partition("/")
        if number.isdecimal():
            plain.setdefault((protocol or "tcp", "", 0), []).append(int(number))
        else:
            found.append(key)
    for (protocol, _, _), low, high in _runs(plain):
        whole = high - low + 1 >= RUN
        found += [f"{low}-{high}/{protocol}"] if whole else [f"{port}/{protocol}" for port in range(low, high + 1)]
    return tuple(found)


def _numbers(key: str) -> list[str]:
    numbers, slash, protocol = key.partition("/")
    low, dash, high = numbers.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal()):
        return [key]
    return [f"{port}{slash}{protocol}" for port in range(int(low), int(high) + 1)]
