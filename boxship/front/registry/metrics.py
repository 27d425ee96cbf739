"""Prometheus metrics of one registry server."""

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300)


class Metrics:
    """Counters of one server. Labels hold no names of repositories: there may be any number of them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "registry_http_requests", "Answered requests", ["method", "route", "code"], registry=self._registry
        )
        self._seconds = Histogram(
            "registry_http_request_duration_seconds", "Time to answer, body included", ["method", "route"],
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._running = Gauge("registry_http_requests_running", "Requests under way", registry=self._registry)
        self.received = Counter("registry_blob_received_bytes", "Bytes of uploads", registry=self._registry)
        self.sent = Counter("registry_blob_sent_bytes", "Bytes of downloads", registry=self._registry)
        self._freed = Gauge("registry_collected_bytes", "Bytes that collections freed", registry=self._registry)

    def begun(self) -> None:
        self._running.inc()

    def ended(self, method: str, route: str, code: int, seconds: float) -> None:
        self._running.dec()
        self._requests.labels(method, route, str(code)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def response(self, freed: int) -> web.Response:
        """freed: bytes that collections have freed since the start."""
        self._freed.set(freed)
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
