"""Counts, latencies and the log of the name server."""

from time import perf_counter_ns

from boxship.engine.networks import dns
from boxship.engine.networks.meter import FORWARDED, KEPT, LOCAL, Latency, Meter, Ring


def test_latencies_are_of_the_latest_questions() -> None:
    ring = Ring()
    assert ring.latency() == Latency()
    for took in range(1, 101):
        ring.add(took * 1000)
    assert ring.latency() == Latency(p50=51, p90=91, p99=100, worst=100)
    for _ in range(KEPT):
        ring.add(2000)
    assert (ring.latency().worst, ring.count) == (2, KEPT + 100)


def test_questions_are_counted_by_who_answered() -> None:
    meter = Meter()
    for by in (LOCAL, LOCAL, FORWARDED):
        meter.answered("c", dns.query("web", dns.A), by, perf_counter_ns())
    assert {by: ring.count for by, ring in meter.rings.items()} == {LOCAL: 2, FORWARDED: 1}


def test_the_log_is_written_while_somebody_reads() -> None:
    meter = Meter()
    meter.answered("c", dns.query("before", dns.A), LOCAL, perf_counter_ns())
    with meter.log() as asked:
        meter.answered("c", dns.query("web", dns.AAAA), LOCAL, perf_counter_ns())
        meter.answered("d", b"nonsense", FORWARDED, perf_counter_ns())
    meter.answered("c", dns.query("after", dns.A), LOCAL, perf_counter_ns())
    found = [asked.get_nowait() for _ in range(asked.qsize())]
    assert [(a.container, a.name, a.type, a.by) for a in found] == [
        ("c", "web", "AAAA", "local"),
        ("d", "", "", "forwarded"),
    ]
    assert all(a.took >= 0 for a in found)
