"""Whether a port of the host is free: asked by binding to it, or for many ports by reading the kernel's tables once."""

import errno
import socket
from ipaddress import ip_address

from boxship.base.errors import KernelError

KINDS = {"tcp": (socket.SOCK_STREAM, 0), "udp": (socket.SOCK_DGRAM, 0), "sctp": (socket.SOCK_STREAM, 132)}
ESTABLISHED, ARRIVING, LISTENING = "01", "03", "0A"  # TCP_LISTEN in /proc/net/tcp; a connected port may be bound again


class BoundPorts:
    """The Protocol `PortProbe`."""

    def occupied(self, protocol: str, address: str, port: int) -> bool:
        kind, number = KINDS[protocol]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, kind | socket.SOCK_CLOEXEC, number) as probe:
                if protocol == "tcp":
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
                return False
        except OSError as e:
            if e.errno == errno.EADDRNOTAVAIL:
                where = f"[{address}]:{port}" if family == socket.AF_INET6 else f"{address}:{port}"
                text = f"failed to bind host port {where}/{protocol}: cannot assign requested address"
                raise KernelError(text, e.errno) from e
            # Without the protocol in the kernel nobody can hold the port, and the packets are still translated.
            return e.errno not in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EAFNOSUPPORT)

    def occupied_in(self, protocol: str, address: str, low: int, high: int) -> frozenset[int]:
        if protocol not in ("tcp", "udp"):
            return frozenset(p for p in range(low, high + 1) if self.occupied(protocol, address, p))
        wildcard = ip_address(address).is_unspecified
        version = ip_address(address).version
        return frozenset(
            port
            for holder, port in _held(protocol, version)
            if low <= port <= high and (wildcard or holder in (0, int(ip_address(address))))
        )


def _held(protocol: str, version: int) -> list[tuple[int, int]]:
    """(address as number, port) of every socket that listens, of /proc/net/tcp and its like."""
    found = []
    try:
        with open(f"/proc/net/{protocol}{'6' if version == 6 else ''}") as file:
            next(file)
            for line in file:
                fields = line.split()
                if protocol == "udp" or fields[3] == LISTENING:
                    holder, port = fields[1].split(":")
                    found.append((_number(holder), int(port, 16)))
    except FileNotFoundError:
        return []
    return found


def accepted(pid: int) -> int:
    """Return how many TCP connections the network namespace of a process has accepted and not ended, its own to
    itself left out; 0 when the process has gone."""
    listening, connected = set(), []
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{name}") as file:
                next(file, None)
                for line in file:
                    fields = line.split()
                    port = fields[1].rpartition(":")[2]
                    if fields[3] == LISTENING:
                        listening.add(port)
                    elif (
                        fields[3] in (ESTABLISHED, ARRIVING)
                        and fields[1].partition(":")[0] != fields[2].partition(":")[0]
                    ):
                        connected.append(port)
        except OSError:
            continue
    return sum(1 for port in connected if port in listening)


def _number(text: str) -> int:
    """The kernel prints each 32-bit word of an address in the machine's byte order."""
    words = [bytes.fromhex(text[n : n + 8]) for n in range(0, len(text), 8)]
    return int.from_bytes(b"".join(word[::-1] for word in words), "big")
