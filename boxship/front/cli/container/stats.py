"""`stats`: one sample or a live table of what containers use."""

import contextlib
import json
import threading
import time
from typing import Any

from boxship.base.errors import PlatformError
from boxship.base.units import human_size
from boxship.front.cli import preferences, tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import path
from boxship.front.cli.flags import Parsed, switch
from boxship.front.cli.inspect import FORMAT
from boxship.front.cli.live import picture

COLUMNS = {
    "ID": "CONTAINER ID", "Name": "NAME", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemPerc": "MEM %",
    "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
}  # fmt: skip


def stats(session: Session, parsed: Parsed) -> None:
    board = _Board(session, list(parsed.args), parsed)
    if parsed.on("no-stream"):
        board.once()
    else:
        board.live()


class _Board:
    def __init__(self, session: Session, refs: list[str], parsed: Parsed) -> None:
        self._session = session
        self._form = preferences.form(session, parsed, "statsFormat")
        self._all = parsed.on("all")
        self._named = refs
        self._refs = refs or self._listed()
        self._followed: set[str] = set()
        self._whole = parsed.on("no-trunc")
        self._newest: dict[str, dict[str, Any]] = {}

    def once(self) -> None:
        """Ask for all at once: each answer takes the second between two samples."""
        failures: list[PlatformError] = []

        def ask(ref: str) -> None:
            try:
                reply = self._session.client.stream("GET", f"{path(ref)}/stats", {"stream": "false"})
                self._newest[ref] = json.loads(reply.body())
            except PlatformError as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(ref,)) for ref in self._refs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        self._print()

    def _listed(self) -> list[str]:
        listed = self._session.client.get("/containers/json", {"all": self._all}) or []
        return [str(entry["Id"]) for entry in listed]

    def live(self) -> None:
        """Draw every second; without names, containers come and go as they start and end."""
        for ref in self._named:
            self._session.client.get(f"{path(ref)}/json")  # a name that does not exist is told at once
        with picture(self._session.out) as drawn:
            while True:
                self._follow_new()
                time.sleep(1)
                drawn.draw(self._text())
                if not self._named:
                    self._refs = self._listed()
                elif not any(thread.name == "stats" for thread in threading.enumerate()):
                    return

    def _follow_new(self) -> None:
        for ref in self._refs:
            if ref not in self._followed:
                self._followed.add(ref)
                threading.Thread(target=self._follow, args=(ref,), name="stats", daemon=True).start()

    def _follow(self, ref: str) -> None:
        with contextlib.suppress(PlatformError, OSError, ValueError):  # it ended, or the daemon did
            for line in self._session.client.stream("GET", f"{path(ref)}/stats", {"stream": "true"}).lines():
                self._newest[ref] = json.loads(line)
        self._newest.pop(ref, None)
        self._followed.discard(ref)

    def _text(self) -> str:
        rows = [row(self._newest[ref], ref, whole=self._whole) for ref in self._refs if ref in self._newest]
        return tables.listing(rows, COLUMNS, self._form, more={"Container": "CONTAINER"})

    def _print(self) -> None:
        self._session.say(self._text())


def row(sample: dict[str, Any], ref: str = "", *, whole: bool = False) -> dict[str, str]:
    """Return one line of the table for one sample of the API."""
    memory = sample.get("memory_stats") or {}
    limit, used = memory.get("limit", 0), _used(memory)
    networks = (sample.get("networks") or {}).values()
    identifier = sample.get("id", "")
    return {
        "ID": identifier if whole else tables.short_id(identifier),
        "Container": ref if ref and ref != identifier else tables.short_id(identifier),
        "Name": sample.get("name", "").removeprefix("/"),
        "CPUPerc": f"{cpu_percent(sample):.2f}%",
        "MemUsage": f"{human_size(used, 1024)} / {human_size(limit, 1024)}",
        "MemPerc": f"{100 * used / limit if limit else 0:.2f}%",
        "NetIO": " / ".join(human_size(sum(n[way] for n in networks), digits=3) for way in ("rx_bytes", "tx_bytes")),
        "BlockIO": " / ".join(human_size(_moved(sample, kind), digits=3) for kind in ("read", "write")),
        "PIDs": str((sample.get("pids_stats") or {}).get("current", 0)),
    }


def cpu_percent(sample: dict[str, Any]) -> float:
    """Return CPU time between the sample and the one before, in percent of one CPU."""
    now, before = sample.get("cpu_stats") or {}, sample.get("precpu_stats") or {}
    total = now.get("cpu_usage", {}).get("total_usage", 0) - before.get("cpu_usage", {}).get("total_usage", 0)
    system = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    return 100 * total / system * (now.get("online_cpus") or 1) if total > 0 and system > 0 else 0.0


def _used(memory: dict[str, Any]) -> int:
    """Page cache that the kernel would give back does not count: inactive_file, of v1 its total."""
    stats, usage = memory.get("stats") or {}, int(memory.get("usage", 0))
    cache = int(stats.get("total_inactive_file", stats.get("inactive_file", 0)))
    return usage - cache if cache < usage else usage


def _moved(sample: dict[str, Any], kind: str) -> int:
    entries = (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    return sum(entry["value"] for entry in entries if entry["op"].lower() == kind)


COMMANDS = {
    "stats": Command(
        "[OPTIONS] [CONTAINER...]",
        stats,
        (
            switch("all", "a", "Show stopped ones too"),
            FORMAT._replace(short=""),
            switch("no-stream", "", "Show one sample and end"),
            switch("no-trunc", "", "Show all of it"),
        ),
    )
}
