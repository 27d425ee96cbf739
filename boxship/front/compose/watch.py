"""`develop.watch`: look at files now and then, and sync, rebuild or restart what depends on them."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from boxship.base.errors import PlatformError
from boxship.front.client.api import Client, segment
from boxship.front.compose import context, images
from boxship.front.compose.model import Project, Service, Trigger
from boxship.front.compose.observe import containers
from boxship.front.compose.plan.steps import Hooks
from boxship.front.compose.plan.up import Wish
from boxship.front.compose.progress import Board
from boxship.front.compose.state import Observed, Seen
from boxship.front.compose.up import Images, Up

PAUSE = 0.5  # seconds between two looks; changes of one look go together
Stamp = tuple[int, int, int]  # modification time (ns), size, inode


class Changed(NamedTuple):
    """paths: of the host; those that have gone are among `gone`."""

    service: str
    trigger: Trigger
    paths: tuple[str, ...]
    gone: tuple[str, ...]


class Watch:
    def __init__(
        self,
        client: Client,
        project: Project,
        names: tuple[str, ...],
        build: images.Builder,
        say: Callable[[str], None],
        *,
        prune: bool,
    ) -> None:
        self._address, self._project, self._build, self._say, self._prune = client.address, project, build, say, prune
        self.watched = [
            (name, trigger)
            for name in names
            if (develop := project.services[name].develop) is not None
            for trigger in develop.watch
        ]
        self._before = [snapshot(self._project.services[name], trigger) for name, trigger in self.watched]

    def background(self) -> None:
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Act on changes for ever."""
        client = Client(self._address)
        for name, trigger in self.watched:
            if trigger.initial_sync and trigger.action.startswith("sync"):
                found = snapshot(self._project.services[name], trigger)
                self._act(client, Changed(name, trigger, tuple(found), ()))
        while True:
            time.sleep(PAUSE)
            for changed in self.look():
                try:
                    self._act(client, changed)
                except PlatformError as error:
                    self._say(f"{changed.service}: {error}")

    def look(self) -> list[Changed]:
        """Return what has changed since the last look."""
        found = []
        for index, (name, trigger) in enumerate(self.watched):
            now = snapshot(self._project.services[name], trigger)
            before, self._before[index] = self._before[index], now
            paths = tuple(path for path, stamp in now.items() if before.get(path) != stamp)
            gone = tuple(path for path in before if path not in now)
            if paths or gone:
                found.append(Changed(name, trigger, paths, gone))
        return found

    def _act(self, client: Client, changed: Changed) -> None:
        service = self._project.services[changed.service]
        action = changed.trigger.action
        if action == "rebuild":
            self._rebuild(client, changed.service)
            return
        seen = Observed(containers=containers(client, self._project.name)).of(changed.service)
        if action.startswith("sync"):
            self._say(f"Syncing service {changed.service!r} after {_count(changed)} changes were detected")
            for c in seen:
                sync(client, c, changed)
        for c in seen:
            if action in ("restart", "sync+restart"):
                self._say(f"Restarting service {changed.service!r}")
                client.post(f"/containers/{segment(c.id)}/restart")
            elif action == "sync+exec":
                self._execute(client, service, c, changed.trigger)

    def _rebuild(self, client: Client, name: str) -> None:
        self._say(f"Rebuilding service {name!r} after changes were detected...")
        work = Up(client, self._project, Board(mode="quiet"))
        work.build = self._build
        work.run(Wish(asked=frozenset((name,)), ignore_orphans=True), Images(build=True, pull="missing"))
        if self._prune:
            client.post("/images/prune", {"filters": {"dangling": ["true"]}})
        self._say(f"service {name!r} successfully built")

    def _execute(self, client: Client, service: Service, c: Seen, trigger: Trigger) -> None:
        import msgspec

        from boxship.front.compose import hooks

        like = msgspec.structs.replace(service, post_start=(trigger.exec,))
        action = Hooks(c.name, c.id, service=service.name, when="post_start")
        hooks.run(client, like, c.id, action, Board(mode="quiet"))


def _count(changed: Changed) -> int:
    return len(changed.paths) + len(changed.gone)


def sync(client: Client, c: Seen, changed: Changed) -> None:
    """Copy what has changed into a container, and remove what has gone."""
    trigger = changed.trigger
    if changed.gone:
        names = [inside(trigger, path) for path in changed.gone]
        body = {"Cmd": ["rm", "-rf", *names], "AttachStdout": True, "AttachStderr": True, "User": "root"}
        made = client.post(f"/containers/{segment(c.id)}/exec", body=body)["Id"]
        client.post(f"/exec/{made}/start", body={"Detach": True})
    if changed.paths:
        body_ = packed([(path, inside(trigger, path)) for path in changed.paths])
        headers = {"Content-Type": "application/x-tar"}
        client.stream("PUT", f"/containers/{segment(c.id)}/archive", {"path": "/"}, body=body_, headers=headers).body()


def packed(files: list[tuple[str, str]]) -> bytes:
    """Return a tar archive of (path here, absolute path there)."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for here, there in files:
            tar.add(here, there.lstrip("/"), recursive=False)
    return buffer.getvalue()


def inside(trigger: Trigger, path: str) -> str:
    """Return where in the container a file below the trigger's path belongs."""
    rest = os.path.relpath(path, trigger.path)
    return trigger.target if rest == "." else os.path.join(trigger.target, rest)


def snapshot(service: Service, trigger: Trigger) -> dict[str, Stamp]:
    """Return the files below a trigger's path that it does not ignore."""
    found = {}
    out = context.rules("\n".join(trigger.ignore)) + _always(service)
    only = context.rules("\n".join(trigger.include))
    for path in _files(trigger.path):
        name = os.path.relpath(path, trigger.path)
        if context.left_out(name, out) or (only and not context.left_out(name, only)):
            continue
        try:
            stat = os.stat(path)
        except OSError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _always(service: Service) -> tuple[tuple[bool, "re.Pattern[str]"], ...]:
    """What editors and version control write is nobody's change."""
    return context.rules("**/.git\n**/*.swp\n**/*~\n**/.#*\n**/4913\n**/.idea\n**/___jb_*")


def _files(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        if os.path.exists(path):
            yield path
        return
    for folder, _, names in os.walk(path):
        for name in names:
            yield os.path.join(folder, name)
