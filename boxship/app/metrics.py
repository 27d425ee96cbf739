"""Prometheus metrics of the node daemon, on a listener of their own. Names are dockerd's where it has them."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from boxship import __version__
from boxship.base.errors import KernelError

_STATES = {"running": "running", "restarting": "running", "paused": "paused"}


class _Engine(Collector):
    """Counts containers when asked, so that nothing is kept up to date in vain."""

    def __init__(self, states: Callable[[], Iterable[str]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        counts = Counter(_STATES.get(state, "stopped") for state in self._states())
        gauge = GaugeMetricFamily("engine_daemon_container_states_containers", "Containers by state", labels=["state"])
        for state in ("paused", "running", "stopped"):
            gauge.add_metric([state], counts[state])
        yield gauge
        yield InfoMetricFamily("engine_daemon_engine", "The daemon", value={"version": __version__})


def exposition(states: Callable[[], Iterable[str]]) -> Callable[[], bytes]:
    """Return a function that gives the text Prometheus reads. `states` are the containers' states of the moment."""
    registry = CollectorRegistry()
    registry.register(_Engine(states))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


@contextlib.asynccontextmanager
async def serve(address: str, states: Callable[[], Iterable[str]]) -> AsyncIterator[None]:
    """Answer GET /metrics on `address`, "127.0.0.1:9323". Raises KernelError when it cannot be bound."""
    text = exposition(states)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]") or "127.0.0.1", int(port)).start()
    except (OSError, ValueError) as e:
        raise KernelError(f"metrics-addr: cannot listen on {address}: {e}") from e
    try:
        yield
    finally:
        await runner.cleanup()
