"""The steps of a plan as requests to the daemon, one method each. No decisions: if you need an `if`, it is a plan's."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError, Client, segment
from boxship.front.compose import files, hooks, images, labels, prestart, previous, waits, wire
from boxship.front.compose.model import Project, Service
from boxship.front.compose.placing import place
from boxship.front.compose.plan import steps
from boxship.front.compose.plan.provide import Told
from boxship.front.compose.plan.up import resolved
from boxship.front.compose.progress import WORDS, Board
from boxship.front.compose.state import Observed, Seen

Json = dict[str, Any]
Hash = Callable[[Service], str]
PROVIDED = {"up": "Created", "down": "Removed", "stop": "Stopped"}
IN_MEMORY = "held in memory only"  # what the engine says of secrets that a boot of the machine took


class Ids:
    """Which container has which name, while names move. Safe for threads."""

    def __init__(self, seen: Observed) -> None:
        self._lock = threading.Lock()
        self._ids = {c.name: c.id for c in seen.containers}
        self._services: dict[str, dict[int, str]] = {}
        for c in seen.containers:
            if not c.one_off:
                self._services.setdefault(c.service, {})[c.number] = c.id

    def of(self, action: steps.OnContainer) -> str:
        with self._lock:
            return action.id or self._ids.get(action.name, action.name)

    def named(self, name: str) -> str:
        with self._lock:
            return self._ids.get(name, name)

    def put(self, name: str, id: str) -> None:
        with self._lock:
            self._ids[name] = id

    def made(self, service: str, number: int, name: str, id: str) -> None:
        with self._lock:
            self._ids[name] = id
            self._services.setdefault(service, {})[number] = id

    def move(self, was: str, name: str) -> None:
        with self._lock:
            if was in self._ids:
                self._ids[name] = self._ids.pop(was)

    def first(self, service: str) -> str:
        """Return the container that others mean when they name the service. Raises PlatformError without one."""
        with self._lock:
            numbers = self._services.get(service)
            if not numbers:
                raise PlatformError(f"cannot share with service {service}: container missing")
            return numbers[min(numbers)]

    def all(self, service: str) -> list[str]:
        with self._lock:
            ids = set(self._services.get(service, {}).values())
            return sorted(name for name, id in self._ids.items() if id in ids)


class Hands:
    """Carries out steps for one project; `act` may be called from many threads.

    listener: called with (container id, name, service) after a container is made or found and before it starts.
    shower: called with (container id, what it does) before a step of `pre_start` runs.
    """

    def __init__(self, client: Client, project: Project, seen: Observed, hash_of: Hash, board: Board) -> None:
        self.project, self.seen, self.board = project, seen, board
        self.ids = Ids(seen)
        self.listener: Callable[[str, str, str], None] | None = None
        self.shower: prestart.Shower | None = None
        self.deadline: float | None = None
        self.build: images.Builder | None = None
        self.quiet_pull = False
        self._address = client.address
        self._hash_of = hash_of
        self._local = threading.local()
        self._idle: list[Client] = []
        self._seen = {c.id: c for c in seen.containers}
        self.replaced: set[str] = set()
        self.told: dict[str, Told] = {}  # variables of provided services, by service

    @property
    def client(self) -> Client:
        """The connection of the step that this thread does."""
        found: Client | None = getattr(self._local, "client", None)
        if found is None:
            found = self._local.client = Client(self._address)
        return found

    def act(self, step: steps.Step) -> None:
        """Do one step, and tell about it. Connections go from step to step: a step takes less than a new one."""
        with contextlib.suppress(IndexError):
            self._local.client = self._idle.pop()
        self._act(step.action)
        self._idle.append(self.client)  # not after a failure, which may have left an answer unread

    def _act(self, action: steps.Action) -> None:
        begin, done = self._words(action)
        self._tell(action, begin)
        try:
            word = self._do(action)
        except waits.Unmet as error:
            if isinstance(action, steps.Await) and not action.required:
                self._tell(action, "Skipped", "warned", f"optional dependency {action.service!r}: {error}")
                return
            self._tell(action, "Error", "failed", str(error))
            raise
        except Exception as error:
            self._tell(action, "Error", "failed", str(error))
            raise
        self._tell(action, word or done, "done")

    def _tell(self, action: steps.Action, word: str, state: str = "going", detail: str = "") -> None:
        for about in action.abouts:
            self.board.tell(about, word, state, detail)

    def _provide(self, action: steps.Provide) -> str:
        from boxship.front.compose import providers  # only who has one pays

        environ = {**self.project.environment, "DOCKER_HOST": self._address.shown}
        told = providers.run(self.project, action, self.board, environ)
        if told is None:
            return f"Its provider has no {action.command}"
        self.told[action.service] = told
        return PROVIDED[action.command]

    def _words(self, action: steps.Action) -> tuple[str, str]:
        if isinstance(action, steps.Create) and action.replaces:
            return "Recreate", ""
        if isinstance(action, (steps.Stop, steps.Remove)) and action.id in self.replaced:
            return "", "Recreated" if isinstance(action, steps.Remove) else ""
        return WORDS.get(type(action), ("", ""))

    def _do(self, action: steps.Action) -> str:
        match action:
            case steps.OnContainer():
                return self._on_container(action)
            case steps.CreateNetwork(key):
                self._network(key)
            case steps.RemoveNetwork(id):
                return self._remove(f"/networks/{segment(id)}")
            case steps.CreateVolume(key):
                self.client.post("/volumes/create", body=wire.create_volume(self.project, key))
            case steps.RemoveVolume(name):
                return self._remove(f"/volumes/{segment(name)}", {"force": True})
            case steps.RemoveImage(name):
                return self._remove(f"/images/{segment(name)}")
            case steps.Pull():
                return images.pull(self.client, self.project, action, self.board, quiet=self.quiet_pull)
            case steps.Build():
                assert self.build is not None
                return self.build(self.client, action, self.board)
            case steps.Provide():
                return self._provide(action)
            case steps.Await():
                ids = [self.ids.named(name) for name in action.names]
                return waits.wait(self.client, action, ids, self.deadline)
            case steps.Delay(_, duration):
                time.sleep(duration / 1e9)
            case _:
                raise TypeError(type(action))
        return ""

    def _on_container(self, action: steps.OnContainer) -> str:
        match action:
            case steps.Create():
                return self._create(action)
            case steps.Revive():
                return self._revive(action)
            case steps.Start():
                return self._start(action)
            case steps.Hooks():
                hooks.run(self.client, self.project.services[action.service], self.ids.of(action), action, self.board)
            case steps.PreStart():
                self._pre_start(action)
            case steps.Drain():
                self._drain(action)
            case steps.TakePorts(name, source=source):
                self.client.post(f"/boxship{self._path(name)}/ports", body={"From": source})
                old = self.client.get(f"/containers/{segment(source)}/json")
                self._quiet(f"/containers/{segment(source)}", old["Config"].get("StopTimeout"))
            case steps.Rename(name, was=was):
                self.client.post(f"{self._path(was)}/rename", {"name": name})
                self.ids.move(was, name)
            case steps.Remove(volumes=volumes, force=force):
                with _allowed(404, 409):
                    self.client.delete(self._at(action), {"v": volumes, "force": True if force else None})
            case _:
                self._signal(action)
        return ""

    def _signal(self, action: steps.OnContainer) -> None:
        at = self._at(action)
        match action:
            case steps.Stop(grace=grace):
                with _allowed(404):
                    self.client.post(f"{at}/stop", {"t": grace})
            case steps.Restart(grace=grace):
                self.client.post(f"{at}/restart", {"t": grace})
            case steps.Kill(signal=signal):
                with _allowed(404, 409):
                    self.client.post(f"{at}/kill", {"signal": signal})
            case steps.Pause():
                self.client.post(f"{at}/pause")
            case steps.Unpause():
                self.client.post(f"{at}/unpause")
            case _:
                raise TypeError(type(action))

    def _at(self, action: steps.OnContainer) -> str:
        return f"/containers/{segment(self.ids.of(action))}"

    def _path(self, name: str) -> str:
        return f"/containers/{segment(self.ids.named(name))}"

    def _remove(self, path: str, query: Mapping[str, Any] | None = None) -> str:
        try:
            self.client.delete(path, query)
        except ApiError as error:
            if error.code in (403, 409):
                return "Resource is still in use"
            if error.code != 404:
                raise
        return ""

    def _network(self, key: str) -> None:
        body = wire.create_network(self.project, key)
        try:
            self.client.post("/networks/create", body=body)
        except ApiError as error:
            if error.code != 409:  # somebody else was faster: then it is there
                raise PlatformError(f"failed to create network {body['Name']}: {error}") from error

    def _create(self, action: steps.Create) -> str:
        if action.replaces:
            self.replaced.add(action.replaces)
        service = resolved(self.project.services[action.service], self.ids.first)
        made = wire.Made(
            number=action.number,
            image_id=self.seen.images.get(self.project.image_of(service), ""),
            config_hash=self._hash_of(service),
            labels=self._more_labels(action),
        )
        body = wire.create(self.project, service, made, self._inherited(action, service))
        if not action.published:
            body["HostConfig"].pop("PortBindings", None)
        id = self.make(service, action.name, body)
        self.ids.made(action.service, action.number, action.name, id)
        return ""

    def make(self, service: Service, name: str, body: Json) -> str:
        """Create a container with its configs and secrets; return its id."""
        platform = service.platform or self.project.environment.get("DOCKER_DEFAULT_PLATFORM", "")
        made = self.client.post("/containers/create", {"name": name, "platform": platform or None}, body)
        for warning in made.get("Warnings") or ():
            self.board.tell(service.name, "Warning", "warned", warning)
        place(self.client, self.project, service, made["Id"])
        return str(made["Id"])

    def _more_labels(self, action: steps.Create) -> dict[str, str]:
        found = {labels.SHARED: action.shared} if action.shared else {}
        if action.replaces:
            old = self.client.get(f"/containers/{segment(action.replaces)}/json")
            found |= {labels.REPLACES: action.replaces, labels.PREVIOUS: previous.keep(old)}
        return found

    def _inherited(self, action: steps.Create, service: Service) -> wire.Inherited:
        old: Seen | None = self._seen.get(action.replaces) if action.inherit else None
        return wire.Inherited(
            mounts=old.mounts if old is not None else (),
            declared=self.seen.declared.get(self.project.image_of(service), ()),
            links=self.links(service, action.number),
            profiles=files.profiles(self.project, service),
        )

    def links(self, service: Service, number: int) -> tuple[str, ...]:
        """Return HostConfig.Links of a container: `links` of the service, and `external_links`."""
        return tuple(self._links(service, number))

    def _links(self, service: Service, number: int) -> Iterator[str]:
        for entry in service.links:
            other, _, alias = entry.partition(":")
            for name in self.ids.all(other):
                own = (alias or other, f"{other}-{number}", f"{self.project.name}-{other}-{number}")
                yield from (f"{name}:{word}" for word in own)
        for entry in service.external_links:
            other, _, alias = entry.partition(":")
            yield f"{other}:{alias or other}"

    def _revive(self, action: steps.Revive) -> str:
        found = self.client.get(f"/containers/{segment(action.like)}/json")
        body = previous.recall(found["Config"]["Labels"])
        if not action.published:
            body["HostConfig"].pop("PortBindings", None)
        made = self.client.post("/containers/create", {"name": action.name}, body)
        service = self.project.services.get(action.service)
        if service is not None:
            place(self.client, self.project, service, made["Id"])
        self.ids.made(action.service, action.number, action.name, made["Id"])
        return ""

    def _start(self, action: steps.Start) -> str:
        id = self.ids.of(action)
        if self.listener is not None:
            self.listener(id, action.name, action.service)
        try:
            self.client.post(f"/containers/{segment(id)}/start")
        except ApiError as error:
            service = self.project.services.get(action.service)
            if error.code != 409 or IN_MEMORY not in str(error) or service is None:
                raise
            place(self.client, self.project, service, id)
            self.client.post(f"/containers/{segment(id)}/start")
        return ""

    def _pre_start(self, action: steps.PreStart) -> None:
        service = resolved(self.project.services[action.service], self.ids.first)
        step = prestart.Step(self.project, service, action, self.ids.of(action))
        prestart.run(self.client, step, self.board, self.shower)

    def _drain(self, action: steps.Drain) -> None:
        """Take away every published port: new connections go to others, old ones come to their end."""
        found = self.client.get(f"{self._at(action)}/json")
        ports = found["HostConfig"].get("PortBindings") or {}
        if ports:
            removed = [{"ContainerPort": port} for port in ports]
            self.client.post(f"/boxship{self._at(action)}/ports", body={"Remove": removed})
            self._quiet(self._at(action), found["Config"].get("StopTimeout"))

    def _quiet(self, at: str, grace: int | None) -> None:
        """Wait until the container has no connections any more, as long as it would have to stop at most.

        A connection may still be in the making when it is not counted yet: one look is not enough."""
        end = time.monotonic() + (10 if grace is None else max(grace, 1))
        quiet = 0
        while quiet < 2 and time.monotonic() < end:
            time.sleep(0.1)
            quiet = quiet + 1 if not self.client.get(f"/boxship{at}/connections")["Accepted"] else 0


@contextlib.contextmanager
def _allowed(*codes: int) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        if error.code not in codes:
            raise
