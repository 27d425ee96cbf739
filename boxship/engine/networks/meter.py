"""How the name server fares: counts and latencies always, a log of questions while somebody reads it."""

import asyncio
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

import msgspec

from boxship.engine.networks import dns

LOCAL, FORWARDED = "local", "forwarded"
KEPT = 4096  # latencies of each kind
WAITING = 10_000  # entries that a slow reader may have before him; the rest is lost to him
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 65: "HTTPS"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One question that was answered. container: its id. took: microseconds from reading it to the answer."""

    container: str
    name: str
    type: str
    by: str
    took: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Of the latest questions, in microseconds."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    worst: float = 0.0


class Ring:
    """The latest latencies, nanoseconds."""

    def __init__(self) -> None:
        self.count = 0
        self._times = array("Q", bytes(8 * KEPT))

    def add(self, took: int) -> None:
        self._times[self.count % KEPT] = took
        self.count += 1

    def latency(self) -> Latency:
        times = sorted(self._times[: min(self.count, KEPT)])
        if not times:
            return Latency()
        p50, p90, p99 = (times[int(len(times) * share)] / 1000 for share in (0.5, 0.9, 0.99))
        return Latency(p50=p50, p90=p90, p99=p99, worst=times[-1] / 1000)


class Meter:
    """failed: questions that no server outside could answer."""

    def __init__(self) -> None:
        self.rings = {LOCAL: Ring(), FORWARDED: Ring()}
        self.failed = 0
        self._readers: set[asyncio.Queue[Asked]] = set()

    def answered(self, container: str, packet: bytes, by: str, began: int) -> None:
        took = perf_counter_ns() - began
        self.rings[by].add(took)
        if self._readers:
            self._log(container, packet, by, took / 1000)

    def _log(self, container: str, packet: bytes, by: str, took: float) -> None:
        try:
            question = dns.parse(packet)
            name, kind = question.name, TYPES.get(question.type, str(question.type))
        except dns.Malformed:
            name, kind = "", ""
        for queue in self._readers:
            if queue.qsize() < WAITING:
                queue.put_nowait(Asked(container=container, name=name, type=kind, by=by, took=took))

    @contextmanager
    def log(self) -> Iterator[asyncio.Queue[Asked]]:
        """Give a queue of the questions that are answered while the context is open."""
        queue: asyncio.Queue[Asked] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)
