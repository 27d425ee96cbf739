"""Images of a project: which are missing, and how they come. The plan is pure; `pull` speaks with the daemon."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client.api import ApiError, Client
from boxship.front.compose.model import Project, Service
from boxship.front.compose.plan.graph import ordered
from boxship.front.compose.plan.sketch import Sketch
from boxship.front.compose.plan.steps import Build, Plan, Pull
from boxship.front.compose.progress import Board

Builder = Callable[[Client, Build, Board], str]
"""Builds an image, and returns the word for how it ended."""

ALWAYS, MISSING, NEVER, BUILD = "always", "missing", "never", "build"


def wanted(project: Project) -> tuple[str, ...]:
    services = involved(project).values()
    own = [project.image_of(service) for service in services if service.provider is None]
    return tuple(dict.fromkeys((*own, *(image for service in services for image in _before_start(service)))))


def _before_start(service: Service) -> Iterable[str]:
    """Yield the images that steps of `pre_start` name."""
    return (hook.image for hook in service.pre_start if hook.image)


def plan(project: Project, present: Mapping[str, str], *, build: bool, pull: str = "", no_build: bool = False) -> Plan:
    """Return the pulls and builds that have to come before containers. build: also of what is there. pull: policy
    that overrides the files'. Raises Invalid for a service without image."""
    sketch = Sketch()
    for name, service in _in_order(project):
        if service.provider is not None:
            continue
        if not service.image and service.build is None:
            raise Invalid(
                f'service "{name}" has neither an image nor a build context specified: invalid compose project'
            )
        _one(sketch, project, service, present, _Ask(build and not no_build, pull, no_build))
    built = {project.image_of(service) for service in project.everything.values() if service.build is not None}
    for name, service in project.services.items():
        for image in _before_start(service):
            if image not in built:
                _step(sketch, name, image, present, pull or service.pull_policy)
    return sketch.plan()


def _step(sketch: Sketch, service: str, image: str, present: Mapping[str, str], policy: str) -> None:
    """Plan the pull of an image that a step of `pre_start` names."""
    there = image in present
    if policy == NEVER and not there:
        raise PlatformError(f"No such image: {image}")
    if (not there or policy == ALWAYS) and not sketch.has(f"pull {image}"):
        cause = f"pull policy {policy}" if there else "it is not here"
        sketch.add(f"pull {image}", Pull(service, image), cause)


def _in_order(project: Project) -> Iterable[tuple[str, Service]]:
    """By name, but what others build on comes before them."""
    services = involved(project)
    needs = {name: tuple(_builds_on(project, service)) for name, service in services.items()}
    return ((name, services[name]) for name in ordered(needs))


class _Ask(NamedTuple):
    build: bool
    pull: str
    no_build: bool


def _one(sketch: Sketch, project: Project, service: Service, present: Mapping[str, str], ask: _Ask) -> None:
    image = project.image_of(service)
    there = image in present
    policy = ask.pull or service.pull_policy or MISSING
    if _pulls(service, policy, ask, there=there):
        if policy == NEVER:
            raise PlatformError(f"No such image: {image}")
        cause = f"pull policy {policy}" if there else "it is not here"
        sketch.add(f"pull {image}", Pull(service.name, image, service.build is not None), cause)
    if service.build is not None and not ask.no_build and (ask.build or policy == BUILD or not there):
        cause = "asked to build" if ask.build else "pull policy build" if policy == BUILD else "it is not here"
        after = [f"build {project.image_of(project.everything[other])}" for other in _builds_on(project, service)]
        sketch.add(f"build {image}", Build(service.name, image), cause, [key for key in after if sketch.has(key)])


def _pulls(service: Service, policy: str, ask: _Ask, *, there: bool) -> bool:
    built = service.build is not None
    if not service.image:
        return False
    if policy in (ALWAYS, "daily", "weekly") or policy.startswith("every_"):
        return not (built and ask.build)
    return not there and (not built or ask.no_build)


def involved(project: Project) -> dict[str, Service]:
    """Return the enabled services, and others whose images their builds take for contexts."""
    found: dict[str, Service] = {}
    waiting = list(project.services.values())
    while waiting:
        service = waiting.pop()
        if service.name not in found:
            found[service.name] = service
            waiting += (project.everything[other] for other in _builds_on(project, service))
    return dict(sorted(found.items()))


def _builds_on(project: Project, service: Service) -> Iterable[str]:
    contexts = service.build.additional_contexts.values() if service.build is not None else ()
    for context in contexts:
        if context.startswith("service:") and context[8:] in project.everything:
            yield context[8:]


def pull(client: Client, project: Project, action: Pull, board: Board, *, quiet: bool = False) -> str:
    """Download one image; return the word for how it ended. Raises PlatformError."""
    service = project.everything[action.service]
    name, tag = split(action.image)
    query = {"fromImage": name, "tag": tag, "platform": service.platform or None}
    try:
        from boxship.front.client.credentials import shown  # only who pulls pays

        headers = shown(project.environment, action.image)
        reply = client.stream("POST", "/images/create", query, headers=headers)
        for line in reply.lines():
            message = json.loads(line)
            if "error" in message:
                raise PlatformError(message["error"])
            if not quiet and message.get("id") and message.get("progress"):
                board.tell(f"{action.service} {message['id']}", message.get("status", ""), "going", message["progress"])
    except (ApiError, PlatformError) as error:
        if not action.buildable:
            raise
        board.tell(action.service, "Warning", "warned", str(error))
        return "Warning"
    return "Pulled"


def split(reference: str) -> tuple[str, str]:
    """Return name and tag (or digest) of a reference; latest where it has none."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        return name, digest
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")
