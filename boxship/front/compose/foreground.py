"""`up` without -d: show what the containers print until all have ended, or until we are told to stop."""

import json
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from boxship.front.client.api import ApiError, Client, segment
from boxship.front.client.wire import Reply
from boxship.front.compose import labels, logs


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """services: whose output is shown. needed: whose end is ours. abort: the first end of one ends all.

    fail: the same, but only for an end with another code than 0. code_from: service whose exit code is ours.
    """

    project: str
    services: frozenset[str]
    needed: frozenset[str]
    abort: bool = False
    fail: bool = False
    code_from: str = ""


class Foreground:
    """Attached to containers as they start; knows when it is over."""

    def __init__(self, client: Client, watched: Watched, printer: logs.Printer) -> None:
        self._address = client.address
        self._watched = watched
        self._printer = printer
        self._threads: dict[str, threading.Thread] = {}
        self._names: dict[str, str] = {}
        self._alive: set[str] = set()
        self._begun = False
        self._changed = threading.Condition()
        self._events: Reply | None = None
        self.code = 0
        self.aborting = False

    def begin(self) -> None:
        """Listen to the daemon before anything is started."""
        client = Client(self._address)
        label = [f"{labels.PROJECT}={self._watched.project}", f"{labels.ONE_OFF}=False"]
        filters = {"type": ["container"], "label": label, "event": ["start", "die", "destroy"]}
        self._events = client.stream("GET", "/events", {"filters": filters})
        threading.Thread(target=self._listen, args=(self._events,), daemon=True).start()

    def attach(self, id: str, name: str, service: str) -> None:
        """Connect with a container that is about to start, or that runs."""
        shown = name.removeprefix(f"{self._watched.project}-")
        with self._changed:
            self._names[id] = shown
            if service in self._watched.needed:
                self._alive.add(id)
        if service in self._watched.services:
            self._printer.know(shown)
            thread = logs.attach(Client(self._address), id, shown, self._printer)
            with self._changed:
                self._threads[id] = thread

    def show(self, id: str, what: str) -> None:
        """Show what a step before the start of a service prints."""
        self._printer.know(what)
        logs.attach(Client(self._address), id, what, self._printer)

    def started(self) -> None:
        """Say that everything that is to start has started."""
        with self._changed:
            self._begun = True
            self._changed.notify_all()

    def wait(self) -> int:
        """Return the exit code once all needed containers have ended, or one of them where that ends all."""
        with self._changed:
            while not (self._begun and not self._alive) and not self.aborting:
                self._changed.wait(1)
        if not self.aborting:
            self.drain()
        return self.code

    def drain(self, limit: float = 5) -> None:
        """Let the last lines come."""
        end = time.monotonic() + limit
        for thread in list(self._threads.values()):
            thread.join(max(end - time.monotonic(), 0))

    def _listen(self, events: Reply) -> None:
        client = Client(self._address)
        for line in events.lines():
            event = json.loads(line)
            act: Callable[[Client, str, dict[str, Any]], None] = {
                "die": self._died,
                "start": self._restarted,
                "destroy": self._gone,
            }.get(event["Action"], self._gone)
            act(client, event["Actor"]["ID"], event["Actor"]["Attributes"])

    def _died(self, client: Client, id: str, told: dict[str, Any]) -> None:
        name = self._names.get(id)
        if name is None:
            return
        code = int(told.get("exitCode", 0))
        again = self._restarts(client, id)
        thread = self._threads.get(id)
        if thread is not None:
            thread.join(2)
        self._printer.note(name, f"exited with code {code}{' (restarting)' if again else ''}")
        if not again:
            self._ended(id, told.get(labels.SERVICE, ""), code)

    def _ended(self, id: str, service: str, code: int) -> None:
        with self._changed:
            self._alive.discard(id)
            watched = self._watched
            if watched.code_from and service == watched.code_from:
                self.code = code
            if (watched.abort or (watched.fail and code)) and not self.aborting and service in watched.needed:
                if not watched.code_from:
                    self.code = code
                self.aborting = True
            self._changed.notify_all()

    @staticmethod
    def _restarts(client: Client, id: str) -> bool:
        try:
            state = client.get(f"/containers/{segment(id)}/json")["State"]
        except ApiError:
            return False
        return bool(state.get("Restarting")) or state["Status"] in ("restarting", "running")

    def _restarted(self, client: Client, id: str, told: dict[str, Any]) -> None:
        """Connect again with a container that its restart policy brought back, or that somebody added."""
        service = told.get(labels.SERVICE, "")
        thread = self._threads.get(id)
        if id in self._names and (thread is None or thread.is_alive()):
            return
        if service in self._watched.services or service in self._watched.needed:
            self.attach(id, told.get("name", id[:12]), service)

    def _gone(self, client: Client, id: str, told: dict[str, Any]) -> None:
        with self._changed:
            self._alive.discard(id)
            self._changed.notify_all()


def chosen(services: Collection[str], only: Collection[str], never: Collection[str]) -> frozenset[str]:
    """Return the services whose output is shown."""
    return frozenset(name for name in services if (not only or name in only) and name not in never)
