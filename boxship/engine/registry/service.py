"""One registry: its parts put together, opened and closed."""

import contextlib

from boxship.base.clock import Clock, SystemClock
from boxship.engine.registry.catalog import Catalog
from boxship.engine.registry.collector import Collector
from boxship.engine.registry.content import Content, Parts
from boxship.engine.registry.drivers.api import Blobs
from boxship.engine.registry.drivers.directory import Directory
from boxship.engine.registry.options import Options
from boxship.engine.registry.records import Records
from boxship.engine.registry.uploads import Uploads

DATABASE = "registry.db"


class Registry:
    """content: blobs.  catalog: manifests and tags.  collector: removes what nobody needs. Must be closed."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        """Raises OSError for a root that cannot be written."""
        self.options = options
        self.clock = clock or SystemClock()
        options.root.mkdir(parents=True, exist_ok=True)
        self.records = Records(options.root / DATABASE)
        self.blobs = _driver(options)
        self.uploads = Uploads(options.root / "uploads", options.threads)
        self.parts = Parts(self.records, self.blobs, self.uploads, self.clock, options.lease, options.quotas)
        self.content = Content(self.parts)
        self.catalog = Catalog(self.records, self.clock)
        self.collector = Collector(self.parts, options)

    async def aclose(self) -> None:
        """Let writes that have begun end. Unfinished uploads stay, to be gone on with."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.records.aclose)
            stack.push_async_callback(self.blobs.aclose)
            stack.push_async_callback(self.uploads.aclose)


def _driver(options: Options) -> Blobs:
    if options.bucket is None:
        return Directory(options.root / "blobs")
    from boxship.engine.registry.drivers.s3 import S3  # an optional dependency

    return S3(options.bucket)
