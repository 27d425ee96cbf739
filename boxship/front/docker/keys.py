"""Under which key each service is found in the application. Handlers take services from here and nowhere else."""

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from boxship.base.bus import Bus
    from boxship.base.clock import Clock
    from boxship.engine.archive import Archive
    from boxship.engine.audit import Audit
    from boxship.engine.backups import Backups
    from boxship.engine.build.service import Builder
    from boxship.engine.chronicle import Chronicle
    from boxship.engine.commits import Commits
    from boxship.engine.containers import Containers
    from boxship.engine.containers.mounting import Mounting
    from boxship.engine.execs import Execs
    from boxship.engine.images import Images
    from boxship.engine.images.registry import Registries
    from boxship.engine.logs import Logs
    from boxship.engine.networks import Networks
    from boxship.engine.stats import Stats
    from boxship.engine.streams import Streams
    from boxship.engine.system import System
    from boxship.engine.top import Top
    from boxship.engine.volumes import Volumes
    from boxship.front.docker.wire.inspect import Places

BACKUPS: web.AppKey["Backups"] = web.AppKey("backups")
CONTAINERS: web.AppKey["Containers"] = web.AppKey("containers")
COMMITS: web.AppKey["Commits"] = web.AppKey("commits")
IMAGES: web.AppKey["Images"] = web.AppKey("images")
REGISTRIES: web.AppKey["Registries"] = web.AppKey("registries")
MOUNTING: web.AppKey["Mounting"] = web.AppKey("mounting")
NETWORKS: web.AppKey["Networks"] = web.AppKey("networks")
VOLUMES: web.AppKey["Volumes"] = web.AppKey("volumes")
EXECS: web.AppKey["Execs"] = web.AppKey("execs")
STREAMS: web.AppKey["Streams"] = web.AppKey("streams")
LOGS: web.AppKey["Logs"] = web.AppKey("logs")
STATS: web.AppKey["Stats"] = web.AppKey("stats")
TOP: web.AppKey["Top"] = web.AppKey("top")
ARCHIVE: web.AppKey["Archive"] = web.AppKey("archive")
SYSTEM: web.AppKey["System"] = web.AppKey("system")
BUS: web.AppKey["Bus"] = web.AppKey("bus")
CHRONICLE: web.AppKey["Chronicle"] = web.AppKey("chronicle")
CLOCK: web.AppKey["Clock"] = web.AppKey("clock")
PLACES: web.AppKey["Places"] = web.AppKey("places")
BUILDER: web.AppKey["Builder"] = web.AppKey("builder")
AUDIT: web.AppKey["Audit"] = web.AppKey("audit")
