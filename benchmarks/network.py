"""Measure the networks of container engines side by side: bytes, connections, changes, names.

    python -m benchmarks.network [NAME=SOCKET …] [--seconds 3] [--rounds 3] [--only wrk,between,…]

Without daemons it starts a Boxship and the dockerd in PATH, whose ports go through iptables alone, and ends them.
Needs root, `wrk` and `iperf3`; all daemons on this host. Servers and clients run in the containers' namespaces, but are
the host's own programs, the same for every daemon. Rounds in turn (A B A B …); printed: medians, each one's ratio to
the first, and the goal of the first where there is one.
"""

import argparse
import contextlib
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import daemons
from benchmarks.client import Client, free_port, wish

SECONDS = 3
SERVER = """
import socket, sys, os
s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(("", 80)); s.listen(4096); print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.recv(4096); c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok"); c.close()
"""
ASKER = """
import select, socket, struct, sys, time
seconds, rate, name = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
query = struct.pack("!HHHHHH", 0, 256, 1, 0, 0, 0)[2:] + bytes([len(name)]) + name.encode() + b"\\0\\0\\1\\0\\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.11", 53)); s.setblocking(False)
sent, took, number, began = {}, [], 0, time.perf_counter()
end = began + seconds
while (now := time.perf_counter()) < end:
    while (len(sent) < 64) if not rate else (number < (now - began) * rate):
        number += 1
        sent[number & 0xFFFF] = time.perf_counter()
        try: s.send(struct.pack("!H", number & 0xFFFF) + query)
        except BlockingIOError: break
    if not select.select([s], [], [], 0.0002 if rate else 0.05)[0] and not rate: sent.clear()
    with_answer = True
    while with_answer:
        try: answer = s.recv(512)
        except BlockingIOError: with_answer = False; continue
        began_at = sent.pop(int.from_bytes(answer[:2], "big"), None)
        if began_at and answer[7]: took.append(time.perf_counter() - began_at)
took.sort()
print(len(took) / (time.perf_counter() - began), took[len(took) // 2] * 1e3, took[int(len(took) * .99)] * 1e3)
"""


class Bench:
    """One daemon with two running containers, one of which publishes ports."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.port, self.iperf = free_port(), free_port()
        ports = {"80/tcp": self.port, "5201/tcp": self.iperf}
        bindings = {key: [{"HostPort": str(number)}] for key, number in ports.items()}
        client.call("POST", "/networks/create", {"Name": "bench"})
        self.web = client.create(["sleep", "3600"], PortBindings=bindings, NetworkMode="bench")
        self.peer = client.create(["sleep", "3600"], NetworkMode="bench")
        for container in (self.web, self.peer):
            client.start(container)
        self.name = self.inspect(self.web)["Name"].lstrip("/")
        self.address = self.inspect(self.web)["NetworkSettings"]["Networks"]["bench"]["IPAddress"]

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.call("GET", f"/containers/{container}/json")
        return found

    def inside(self, container: str, *argv: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.inspect(container)['State']['Pid']}/ns/net", *argv]

    def close(self) -> None:
        for container in (self.web, self.peer):
            self.client.remove(container)
        self.client.call("DELETE", "/networks/bench")


@contextlib.contextmanager
def serving(argv: list[str], ready: str) -> Iterator[None]:
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        while ready not in (line := server.stdout.readline()):
            if not line:
                raise RuntimeError(f"{' '.join(argv[:6])} … did not start")
        try:
            yield
        finally:
            server.kill()


def wrk(bench: Bench) -> float:
    """connections per second through a published port of the host's address"""
    with serving(bench.inside(bench.web, sys.executable, "-IS", "-c", SERVER), "ready"):
        where = f"http://{_host_address()}:{bench.port}/"
        argv = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", "Connection: close", where]
        found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    match = re.search(r"Requests/sec:\s*([\d.]+)", found)
    return float(match[1]) if match else 0.0


def between(bench: Bench) -> float:
    """Gbit/s from container to container"""
    return _iperf(bench, bench.inside(bench.peer, "iperf3", "-c", bench.address, "-p", "5201"))


def through(bench: Bench) -> float:
    """Gbit/s through a published port of the host's address"""
    return _iperf(bench, ["iperf3", "-c", _host_address(), "-p", str(bench.iperf)])


def _iperf(bench: Bench, argv: list[str]) -> float:
    with serving(bench.inside(bench.web, "iperf3", "-s", "-p", "5201", "--forceflush"), "listening"):
        found = subprocess.run([*argv, "-t", str(SECONDS), "-J"], capture_output=True, text=True, check=True).stdout
    return float(json.loads(found)["end"]["sum_received"]["bits_per_second"]) / 1e9


def create(bench: Bench) -> float:
    """ms to create a network"""
    began = time.perf_counter()
    bench.client.call("POST", "/networks/create", {"Name": "more"})
    took = time.perf_counter() - began
    bench.client.call("DELETE", "/networks/more")
    return took * 1000


def remove(bench: Bench) -> float:
    """ms to remove a network"""
    bench.client.call("POST", "/networks/create", {"Name": "more"})
    began = time.perf_counter()
    bench.client.call("DELETE", "/networks/more")
    return (time.perf_counter() - began) * 1000


def connect(bench: Bench) -> float:
    """ms to connect a running container to one more network"""
    return _plug(bench)[0]


def disconnect(bench: Bench) -> float:
    """ms to disconnect it"""
    return _plug(bench)[1]


def _plug(bench: Bench) -> tuple[float, float]:
    bench.client.call("POST", "/networks/create", {"Name": "more"})
    began = time.perf_counter()
    bench.client.call("POST", "/networks/more/connect", {"Container": bench.peer})
    connected = time.perf_counter()
    bench.client.call("POST", "/networks/more/disconnect", {"Container": bench.peer})
    ended = time.perf_counter()
    bench.client.call("DELETE", "/networks/more")
    return (connected - began) * 1000, (ended - connected) * 1000


def answers(bench: Bench) -> float:
    """answers per second for a container's name, as many as can be"""
    return _asked(bench, 0)[0]


def latency(bench: Bench) -> float:
    """ms that 99 % of answers take at most, at 2000 questions a second"""
    return _asked(bench, 2000)[2]


def _asked(bench: Bench, rate: int) -> list[float]:
    argv = bench.inside(bench.peer, sys.executable, "-IS", "-c", ASKER, str(SECONDS), str(rate), bench.name)
    return [float(word) for word in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()]


def _host_address() -> str:
    """An address of this host that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("192.0.2.1", 9))
        return str(asking.getsockname()[0])


def ports(bench: Bench) -> float:
    """ms that 10,000 published UDP ports add to create and start"""
    return _published(bench, 10_000)


def few_ports(bench: Bench) -> float:
    """ms that 100 published UDP ports add to create and start"""
    return _published(bench, 100)


def _published(bench: Bench, count: int) -> float:
    first = 20_000
    bindings = {f"{port}/udp": [{"HostPort": str(port)}] for port in range(first, first + count)}
    return _started(bench, bindings) - min(_started(bench, {}) for _ in range(3))


def _started(bench: Bench, bindings: dict[str, Any]) -> float:
    wished = wish(["sleep", "3600"], PortBindings=bindings)  # what the client takes to write it is not the daemon's
    began = time.perf_counter()
    container = bench.client.created(wished)
    bench.client.start(container)
    took = (time.perf_counter() - began) * 1000
    bench.client.remove(container)
    return took


CASES: dict[str, Callable[[Bench], float]] = {
    case.__name__: case
    for case in (wrk, between, through, create, remove, connect, disconnect, answers, latency, ports, few_ports)
}
# Goals without a rival: dockerd loses most of so many questions, and takes minutes for so many ports.
OURS_ALONE = ("answers", "latency", "ports")
GOALS = {
    "wrk": "others <= 1.0", "between": "others <= 1.0", "through": "others <= 1.0", "create": "<= 15 ms",
    "remove": "<= 15 ms", "connect": "<= 10 ms", "disconnect": "<= 10 ms", "answers": ">= 15000", "latency": "<= 2 ms",
    "ports": "<= 50 ms",
}  # fmt: skip


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("daemons", nargs="*", metavar="NAME=SOCKET")
    parser.add_argument("--dockerd", default="dockerd", help="program to start where no daemons are named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--only", default=",".join(CASES))
    asked = parser.parse_args(words)
    globals()["SECONDS"] = asked.seconds
    with contextlib.ExitStack() as stack:
        named = [word.partition("=")[::2] for word in asked.daemons]
        if not named:
            named = [("boxship", stack.enter_context(daemons.boxship()))]
            named += [("dockerd", stack.enter_context(daemons.dockerd(asked.dockerd)))]
        benches = []
        for name, path in named:
            client = Client(name, path)
            client.await_answer()
            client.give_image()
            benches.append(Bench(client))
            stack.callback(benches[-1].close)
        for case in asked.only.split(","):
            print(_row(case, benches[:1] if case in OURS_ALONE else benches, asked.rounds), flush=True)


def _row(case: str, benches: list[Bench], rounds: int) -> str:
    found: list[list[float]] = [[] for _ in benches]
    for _ in range(rounds):
        for bench, values in zip(benches, found, strict=True):
            values.append(CASES[case](bench))
    medians = [statistics.median(values) for values in found]
    shown = [
        f"{bench.client.name} {value:.2f} ({value / medians[0]:.2f})"
        for bench, value in zip(benches, medians, strict=True)
    ]
    return f"{case:<11} {(CASES[case].__doc__ or ''):<70} {'  '.join(shown):<44} {GOALS.get(case, '')}".rstrip()


if __name__ == "__main__":
    main(sys.argv[1:])
