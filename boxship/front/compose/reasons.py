"""Why a service does not run, from what files and daemon tell. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from boxship.front.client.verdict.codes import meaning, signal_of
from boxship.front.compose.model import Service
from boxship.front.compose.plan.life import View
from boxship.front.compose.plan.steps import COMPLETED, HEALTHY
from boxship.front.compose.state import Seen

Details = Mapping[str, Any]  # container id -> inspected container, None when it has gone
Lines = Callable[[str], list[str]]


def reasons(view: View, service: str, details: Details, last_lines: Lines) -> list[str]:
    """Return one line that sums up (`runs` when all is well), then what led there. last_lines: of a container's log."""
    project = view.project
    known = project.services.get(service) if project is not None else None
    if project is not None and known is None and service in project.disabled:
        profiles = ", ".join(project.disabled[service].profiles)
        return ["is not enabled", f"it belongs to the profiles {profiles}: add --profile {profiles.split(', ')[0]}"]
    there = view.seen.of(service)
    if not there:
        return ["has no container", *_without(view, known)]
    wanted = known.replicas if known is not None else len(there)
    found = [line for c in there for line in _container(view, known, c, details.get(c.id), last_lines)]
    if len(there) < wanted:
        found.append(f"{len(there)} of {wanted} containers are there: run `boxship compose up -d {service}`")
    return [f"does not run: {found[0]}", *found[1:]] if found else ["runs"]


def _without(view: View, service: Service | None) -> list[str]:
    if service is None:
        return ["no file describes it any more"]
    found = []
    if service.replicas == 0:
        found.append("it is scaled to 0")
    image = view.project.image_of(service) if view.project is not None else service.image
    if image not in view.seen.images:
        verb = "build" if service.build is not None else "pull"
        found.append(f"its image {image} is not here: run `boxship compose {verb} {service.name}`")
    found += _unmet(view, service)
    return found or [f"nobody has made one: run `boxship compose up -d {service.name}`"]


def _unmet(view: View, service: Service) -> list[str]:
    found = []
    for other, dependency in sorted(service.depends_on.items()):
        there = view.seen.of(other)
        if not there:
            found.append(f"it depends on {other}, which has no container")
        for c in there:
            if dependency.condition == COMPLETED:
                bad = "" if c.state == "exited" and c.code == 0 else f"has not completed ({_state(c)})"
            elif dependency.condition == HEALTHY:
                bad = "" if c.health == "healthy" else f"is not healthy ({_state(c)})"
            else:
                bad = "" if c.state == "running" else f"does not run ({_state(c)})"
            if bad:
                found.append(f"it depends on {other}, and {c.name} {bad}")
    return found


def _state(c: Seen) -> str:
    if c.state == "exited":
        return f"exited with code {c.code}"
    return f"{c.state}, {c.health}" if c.health else c.state


def _container(view: View, service: Service | None, c: Seen, found: Any, last_lines: Lines) -> list[str]:
    if c.state == "running" and c.health in ("", "healthy"):
        return []
    told: list[str]
    state = (found or {}).get("State", {})
    if c.state == "running":
        probes = (state.get("Health") or {}).get("Log") or []
        told = [f"{c.name} is {c.health}"]
        told += (
            [f"its last check ended with {probes[-1]['ExitCode']}: {probes[-1]['Output'].strip()}"] if probes else []
        )
        return told
    if c.state == "created":
        told = [f"{c.name} was made but never started", *([state["Error"]] if state.get("Error") else [])]
        return [*told, *(_unmet(view, service) if service is not None else ())]
    if c.state == "paused":
        return [f"{c.name} is paused: run `boxship compose unpause {c.service}`"]
    told = [f"{c.name} is {_state(c)}{_since(state)}"]
    if state.get("OOMKilled"):
        told.append("the kernel killed it: it used more memory than its limit allows")
    if c.code in (126, 127) or signal_of(c.code):
        told.append(f"{c.code}: {meaning(c.code)}")
    if state.get("Error"):
        told.append(state["Error"])
    restarts = (found or {}).get("RestartCount", 0)
    if restarts:
        told.append(f"it has been restarted {restarts} times")
    lines = last_lines(c.id)
    return [*told, *(["its last lines:", *(f"  {line}" for line in lines)] if lines else ())]


def _since(state: Mapping[str, Any]) -> str:
    when = str(state.get("FinishedAt", ""))
    return f" since {when[:19].replace('T', ' ')}" if when and not when.startswith("0001") else ""
