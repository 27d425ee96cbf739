"""Whether ports of the host are free."""

import socket

import pytest

from boxship.base.errors import KernelError
from boxship.host.ports import BoundPorts

probe = BoundPorts()


def held(kind: int, address: str = "127.0.0.1") -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    made.bind((address, 0))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_a_held_port_is_occupied(protocol: str, kind: int) -> None:
    with held(kind) as holder:
        port = holder.getsockname()[1]
        assert probe.occupied(protocol, "127.0.0.1", port)
        assert probe.occupied(protocol, "0.0.0.0", port)
        assert not probe.occupied(protocol, "127.0.0.2", port)
        assert probe.occupied_in(protocol, "0.0.0.0", port, port) == {port}
        assert probe.occupied_in(protocol, "127.0.0.1", port - 1, port + 1) >= {port}
        assert port not in probe.occupied_in(protocol, "127.0.0.2", port, port)
    assert not probe.occupied(protocol, "127.0.0.1", port)


def test_ipv6_is_apart_from_ipv4() -> None:
    with held(socket.SOCK_STREAM) as holder:
        assert not probe.occupied("tcp", "::1", holder.getsockname()[1])
    with held(socket.SOCK_STREAM, "::1") as holder:
        port = holder.getsockname()[1]
        assert probe.occupied("tcp", "::", port)
        assert probe.occupied_in("tcp", "::1", port, port) == {port}


def test_an_address_of_somebody_else() -> None:
    with pytest.raises(KernelError, match=r"failed to bind host port 192\.0\.2\.77:9/tcp: cannot assign requested"):
        probe.occupied("tcp", "192.0.2.77", 9)


def test_a_protocol_the_kernel_has_not_got_is_held_by_nobody() -> None:
    assert not probe.occupied("sctp", "127.0.0.1", 9)
