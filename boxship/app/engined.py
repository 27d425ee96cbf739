"""The node daemon's process: settings, listeners, signals. `boxship daemon` runs it in the foreground.

SIGTERM and SIGINT end the daemon and never a container; SIGHUP reads the configuration file again.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from boxship.app import listeners, loading, presence, reference
from boxship.app.listeners import Listener
from boxship.app.settings import Settings
from boxship.base import log as logs
from boxship.base.errors import Invalid, PlatformError
from boxship.base.tasks import Tasks
from boxship.front.cli.flags import Parsed
from boxship.host.memory import few_arenas

if TYPE_CHECKING:
    from boxship.app import wiring

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run until told to end; return the exit code. 1 for settings that cannot be, or a root that is taken."""
    try:
        parsed = loading.read_flags(argv)
        if parsed.on("help"):
            print(reference.help_text())
            return 0
        settings = read_settings(parsed)
        if parsed.on("validate"):
            print("configuration OK")
            return 0
        if parsed.on("purge") or parsed.on("withdraw"):
            return purge(settings, data=parsed.on("purge"))
        return run(settings, lambda: read_settings(parsed))
    except PlatformError as error:
        print(f"boxship daemon: {error}\nRun 'boxship daemon --help' for what there is.", file=sys.stderr)
        return 1


def read_settings(parsed: Parsed) -> Settings:
    """Return checked settings of flags, variables and file. Raises Invalid."""
    path = parsed.text("config-file") or os.environ.get("BOXSHIP_CONFIG_FILE", "")
    return loading.load(parsed, os.environ, _document(path) if path else None)


def _document(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError as e:
        raise Invalid(f"config-file: cannot read {path}: {e.strerror}") from e


def run(settings: Settings, again: Callable[[], Settings]) -> int:
    """Hold the roots, serve, let go. `again` reads the settings anew for SIGHUP."""
    few_arenas()
    logs.configure(settings.level, settings.log_format)
    with presence.lock(settings.data_root), presence.pidfile(settings.pidfile):
        os.makedirs(settings.exec_root, mode=0o711, exist_ok=True)
        secure = settings.tls or settings.tlsverify
        opened = listeners.open_all(settings.hosts, settings.group, secure)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(settings, opened, again))
        finally:
            for listener in opened:
                listener.forget()
                listener.sock.close()
    return 0


def purge(settings: Settings, *, data: bool) -> int:
    """Remove all traces of a daemon that does not run, with `data` its data root too. Raises Conflict while it does."""
    from boxship.app import purge as removal

    logs.configure(settings.level, settings.log_format)
    with presence.lock(settings.data_root):
        asyncio.run(removal.purge(settings) if data else removal.withdraw(settings))
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform: asyncio's own loop serves, slower
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings, opened: Sequence[Listener], again: Callable[[], Settings]) -> None:
    # heavy: not before the settings have been found good
    from boxship.app import wiring
    from boxship.front.rest.app import Server
    from boxship.front.rest.tls import server_context

    told = _end_signal()
    async with contextlib.AsyncExitStack() as stack:
        node = await wiring.build(settings)
        stack.push_async_callback(node.aclose)
        reloading = _Reloading(settings, again, node)
        stack.push_async_callback(reloading.aclose)
        server = await Server.start(node.app)
        stack.push_async_callback(lambda: server.stop(reloading.current.shutdown_timeout))
        if settings.metrics_addr:
            from boxship.app import metrics  # 5 MiB that most daemons never need

            await stack.enter_async_context(metrics.serve(settings.metrics_addr, node.states))
        if settings.registry_config:
            from boxship.app.registry import serve as registry

            await stack.enter_async_context(registry.embedded(settings.registry_config))
        authority = settings.tlscacert if settings.tlsverify else None
        secure = any(listener.secure for listener in opened)
        context = server_context(settings.tlscert, settings.tlskey, authority) if secure else None
        for listener in opened:
            await server.listen(listener.sock, context if listener.secure else None)
            log.info("API listen on %s", listener.shown)
        gc.collect()
        gc.freeze()  # what is alive now lives as long as we do: let no collection walk it again
        presence.notify("READY=1")
        log.info("Daemon has completed initialization")
        await told.wait()
        presence.notify("STOPPING=1")
        log.info("Daemon ends; containers go on")


def _end_signal() -> asyncio.Event:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told


class _Reloading:
    """Takes new settings on SIGHUP, one reload at a time. `current`: those in force."""

    def __init__(self, settings: Settings, again: Callable[[], Settings], node: "wiring.Node") -> None:
        self.current = settings
        self._again = again
        self._node = node
        self._lock = asyncio.Lock()
        self._tasks = Tasks()
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, lambda: self._tasks.spawn(self._reload(), "reload")
        )

    async def _reload(self) -> None:
        async with self._lock:
            presence.notify("RELOADING=1")
            try:
                await self._take(self._again())
            except PlatformError as error:
                log.error("reload refused, all stays as it was: %s", error)
            presence.notify("READY=1")

    async def _take(self, new: Settings) -> None:
        settled = loading.reloaded(self.current, new)
        await self._node.reload(settled)
        for change in loading.changes(self.current, new):
            fate = "is now" if change.applied else "needs a restart to become"
            log.info("%s %s %s", change.setting.key or change.setting.flag, fate, change.new)
        logs.configure(settled.level, settled.log_format)
        self.current = settled

    async def aclose(self) -> None:
        await self._tasks.aclose()
