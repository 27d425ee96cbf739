"""The registry server's process. SIGTERM and SIGINT end it; what has not been answered was not done, and can be sent
again. Runs on asyncio's own loop: uvloop has no sendfile.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from boxship.app.registry import settings as tables
from boxship.app.registry.settings import Settings
from boxship.base import log as logs
from boxship.base.errors import Invalid, KernelError, PlatformError
from boxship.host.memory import few_arenas

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)
ACCESS = "boxship.registry.access"


def main(argv: Sequence[str]) -> int:
    """Run until told to end; return the exit code, 1 for settings that cannot be."""
    try:
        parsed = tables.read_flags(list(argv))
        if parsed.on("help"):
            from boxship.app.registry.reference import help_text

            print(help_text())
            return 0
        path = parsed.text("config") or os.environ.get(f"{tables.PREFIX}CONFIG", "")
        settings = tables.load(parsed, os.environ, _document(path) if path else None)
        if parsed.on("validate"):
            print("configuration OK")
            return 0
        few_arenas()
        logs.configure(settings.log_level, settings.log_format)
        asyncio.run(_run(settings))
        return 0
    except PlatformError as error:
        print(
            f"boxship registry serve: {error}\nRun 'boxship registry serve --help' for what there is.", file=sys.stderr
        )
        return 1


def _document(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as e:
        raise Invalid(f"config: cannot read {path}: {e.strerror}") from e


@contextlib.asynccontextmanager
async def embedded(config: str) -> AsyncIterator[None]:
    """Run the registry of a configuration file within a daemon. Raises Invalid, KernelError."""
    async with serve(from_file(config)) as addresses:
        log.info("registry listens on %s", ", ".join(addresses))
        yield


def from_file(config: str) -> Settings:
    """Return the settings of a file and of variables. Raises Invalid."""
    return tables.load(tables.read_flags([]), os.environ, _document(config))


async def _run(settings: Settings) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with serve(settings) as addresses:
        for address in addresses:
            log.info("registry listens on %s", address)
        await told.wait()
        log.info("registry ends")


@contextlib.asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[list[str]]:
    """Run a registry within the running loop; yields the addresses it listens on. A daemon can embed it so.

    Raises Invalid, KernelError for a root or an address that cannot be had.
    """
    from aiohttp import web

    from boxship.app.registry.wiring import build
    from boxship.front.registry.app import AccessLog

    async with contextlib.AsyncExitStack() as stack:
        app = await build(settings, stack)
        access = stack.enter_context(_access_log(settings.access_log))
        runner = web.AppRunner(
            app,
            handle_signals=False,
            access_log=access,
            access_log_class=AccessLog,
            shutdown_timeout=settings.shutdown_timeout,
            auto_decompress=False,
            read_bufsize=1 << 20,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        tls = _tls(settings)
        yield [await _listen(runner, address, tls) for address in settings.listen]


async def _listen(runner: "web.AppRunner", address: str, tls: ssl.SSLContext | None) -> str:
    from aiohttp import web

    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
        await web.SockSite(runner, sock, ssl_context=tls, backlog=1024).start()
    except OSError as e:
        sock.close()
        raise KernelError(f"listen: cannot listen on {address}: {e.strerror or e}", e.errno or 0) from e
    bound = sock.getsockname()
    return f"[{bound[0]}]:{bound[1]}" if family == socket.AF_INET6 else f"{bound[0]}:{bound[1]}"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tlscert:
        return None
    from boxship.front.rest.tls import server_context

    try:
        return server_context(settings.tlscert, settings.tlskey, settings.tlscacert or None)
    except (OSError, ssl.SSLError) as e:
        raise Invalid(f"tlscert, tlskey: {e}") from e


@contextlib.contextmanager
def _access_log(path: str) -> Iterator[logging.Logger | None]:
    if not path:
        yield None
        return
    stream: TextIO = sys.stdout if path == "-" else open(path, "a", buffering=1)  # noqa: SIM115 - closed below
    logger = logging.Logger(ACCESS, logging.INFO)
    logger.addHandler(logging.StreamHandler(stream))
    try:
        yield logger
    finally:
        if stream is not sys.stdout:
            stream.close()
