"""Steps of `pre_start`: each in a container of its own, which goes when it has ended well, and stays otherwise."""

from collections.abc import Callable
from typing import NamedTuple

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError, Client, segment
from boxship.front.compose.logs import last_lines
from boxship.front.compose.model import Project, Service
from boxship.front.compose.placing import place
from boxship.front.compose.plan.steps import PreStart
from boxship.front.compose.progress import Board
from boxship.front.compose.wire.prestart import pre_start

SHOWN = 10  # last lines of a step that failed
Shower = Callable[[str, str], None]


class PreStartFailed(PlatformError):
    """A step ended with another code than 0."""


class Step(NamedTuple):
    """service: names containers, no more services. id: of the container that is to start."""

    project: Project
    service: Service
    action: PreStart
    id: str

    @property
    def what(self) -> str:
        return f'service "{self.service.name}" pre_start[{self.action.index}]'


def run(client: Client, step: Step, board: Board, shower: Shower | None = None) -> None:
    """Run one step to its end. Raises PreStartFailed, ApiError."""
    made = _started(client, step, shower)
    board.tell(step.action.about, f"Preparing {step.action.index + 1}/{len(step.service.pre_start)}")
    at = f"/containers/{segment(made)}"
    code = client.post(f"{at}/wait")["StatusCode"]
    if code:
        said = "\n".join(last_lines(client, made, SHOWN))
        kept = f"its container {made[:12]} is kept: look with `docker logs {made[:12]}`"
        raise PreStartFailed(f"{step.what} exited with code {code} ({kept}){f': {said}' if said else ''}")
    try:
        client.delete(at, {"v": True})
    except ApiError as error:
        board.tell(step.action.about, "Warning", "warned", str(error))


def _started(client: Client, step: Step, shower: Shower | None) -> str:
    """Return the id of the step's container; one that cannot start is taken away."""
    project, service = step.project, step.service
    platform = service.platform or project.environment.get("DOCKER_DEFAULT_PLATFORM", "") or None
    body = pre_start(project, service, service.pre_start[step.action.index], step.id)
    made = str(client.post("/containers/create", {"platform": platform}, body)["Id"])
    try:
        place(client, project, service, made)
        if shower is not None:
            shower(made, f"{service.name} pre_start[{step.action.index}]")
        client.post(f"/containers/{segment(made)}/start")
    except (PlatformError, OSError):
        client.delete(f"/containers/{segment(made)}", {"force": True, "v": True})
        raise
    return made
