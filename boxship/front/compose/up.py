"""`up`: images first, then everything else, and what becomes of an update that fails."""

import time
from collections.abc import Callable, Sequence
from typing import TextIO

import msgspec

from boxship.base.errors import PlatformError
from boxship.front.client.api import Client
from boxship.front.compose import files, images, outside, prestart
from boxship.front.compose.execute import StepFailed, execute
from boxship.front.compose.hands import Hands
from boxship.front.compose.hash import service_hash
from boxship.front.compose.load.meaning import meaningless
from boxship.front.compose.load.profiles import select
from boxship.front.compose.model import Project, Service
from boxship.front.compose.observe import containers, observe
from boxship.front.compose.plan import provide, rollback, steps, up
from boxship.front.compose.progress import Board
from boxship.front.compose.state import Observed


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of images. pull: a policy for all, "" leaves the files'."""

    build: bool = False
    no_build: bool = False
    pull: str = ""
    quiet: bool = False


class Up:
    """One `up` (or `create`) of a project. `show` takes the place of doing: it is given every plan (`--dry-run`)."""

    def __init__(self, client: Client, project: Project, board: Board, show: TextIO | None = None) -> None:
        self._client, self._project, self._board, self._show = client, project, board, show
        self.build: images.Builder | None = None
        self.listener: Callable[[str, str, str], None] | None = None
        self.shower: prestart.Shower | None = None
        self.meet: dict[str, str] = {}
        self.warn: Callable[[str], None] = lambda text: None

    def run(self, wish: up.Wish, wanted: Images | None = None, *, timeout: float = 0) -> Observed:
        """Bring the project to what the files say; return what was there before. timeout: seconds to wait at most.

        Raises PlatformError."""
        self._project = outside.completed(self._project, self._client.address, self.warn, dry=self._show is not None)
        for service in self._project.services.values():
            files.check(self._project, service)
        for sentence in meaningless(self._project):
            self.warn(f"warning: {sentence}")
        self._tell_providers(wish, wanted)
        seen = self.prepare(wanted or Images())
        plan = up.plan(self._project, wish, seen, service_hash, self.meet)
        for warning in plan.warnings:
            self.warn(warning)
        for name in plan.right:
            self._board.tell(f"Container {name}", "Running", "done")
        self._carry_out(plan, seen, timeout)
        return seen

    def _tell_providers(self, wish: up.Wish, wanted: Images | None) -> None:
        """Have provided services brought up, each after the containers it needs; what is told goes to dependents."""
        for name in provide.provided(self._project) if wish.start else ():
            needed = provide.below(self._project, name)
            if needed and self._show is None:
                self._part(needed, self._project.services[name]).run(
                    msgspec.structs.replace(wish, wait=False, remove_orphans=False, ignore_orphans=True), wanted
                )
            hands = self._hands(Observed())
            try:
                self._do(provide.tell((name,), "up"), hands)
            except StepFailed as failed:
                raise _told(failed) from failed
            if name in hands.told:
                self._project, warnings = provide.injected(self._project, name, hands.told[name])
                for text in warnings:
                    self.warn(f"warning: {text}")

    def _part(self, names: Sequence[str], dependent: Service) -> "Up":
        """Return the `up` of some services that another one depends on."""
        part = Up(self._client, select(self._project, names), self._board)
        part.build, part.listener, part.shower, part.warn = self.build, self.listener, self.shower, lambda text: None
        part.meet = {o: d.condition for o, d in dependent.depends_on.items() if o in names}
        return part

    def prepare(self, wanted: Images) -> Observed:
        """Pull and build what is missing or asked for; return what is there then."""
        names = images.wanted(self._project)
        seen = observe(self._client, self._project.name, names)
        plan = images.plan(self._project, seen.images, build=wanted.build, pull=wanted.pull, no_build=wanted.no_build)
        if not plan.steps:
            return seen
        try:
            self._do(plan, self._hands(seen, quiet=wanted.quiet))
        except StepFailed as failed:
            raise _told(failed) from failed
        return observe(self._client, self._project.name, names) if self._show is None else seen

    def carry(self, plan: steps.Plan, seen: Observed) -> None:
        """Do any plan of this project. Raises PlatformError."""
        try:
            self._do(plan, self._hands(seen))
        except StepFailed as failed:
            raise _told(failed) from failed

    def _hands(self, seen: Observed, *, quiet: bool = False) -> Hands:
        hands = Hands(self._client, self._project, seen, service_hash, self._board)
        hands.build, hands.listener, hands.quiet_pull = self.build, self.listener, quiet
        hands.shower = self.shower
        return hands

    def _carry_out(self, plan: steps.Plan, seen: Observed, timeout: float) -> None:
        hands = self._hands(seen)
        began = time.time()
        if timeout:
            hands.deadline = time.monotonic() + timeout
        try:
            self._do(plan, hands)
        except StepFailed as failed:
            if failed.step.update:
                self._update_failed(failed, began)
            raise _told(failed) from failed

    def _do(self, plan: steps.Plan, hands: Hands) -> None:
        if self._show is not None:
            text = steps.render(plan)
            self._show.write(f"{text}\n" if text else "")
            return
        execute(plan, hands.act)

    def _update_failed(self, failed: StepFailed, began: float) -> None:
        """failure_action: rollback takes the update back, continue goes on at the next `up`, pause leaves all."""
        service = self._project.services[failed.step.update]
        update = service.deploy.update_config if service.deploy is not None else None
        if update is None or update.failure_action != "rollback":
            return
        seen = Observed(containers=containers(self._client, self._project.name))
        plan = rollback.undo(self._project, service.name, seen, began)
        try:
            self._do(plan, self._hands(seen))
        except StepFailed as again:
            raise PlatformError(f"{failed.cause}; and its rollback failed too: {again.cause}") from again
        raise PlatformError(f"update of {service.name} failed and was rolled back: {failed.cause}") from failed


def carry_out(
    client: Client,
    project: Project | None,
    seen: Observed,
    plan: steps.Plan,
    board: Board,
    show: TextIO | None = None,
    timeout: float = 0,
) -> None:
    """Do a plan over containers that are there. timeout: seconds to wait at most. Raises PlatformError."""
    if show is not None:
        show.write(f"{text}\n" if (text := steps.render(plan)) else "")
        return
    hands = Hands(client, project or Project(), seen, service_hash, board)
    if timeout:
        hands.deadline = time.monotonic() + timeout
    try:
        execute(plan, hands.act)
    except StepFailed as failed:
        raise _told(failed) from failed


def _told(failed: StepFailed) -> BaseException:
    """What the user is to read: our own errors as they are, anything else as it escaped."""
    cause = failed.cause
    action = failed.step.action
    if isinstance(cause, PlatformError) and isinstance(action, steps.Await):
        if type(cause).__name__ == "TooLate":
            return PlatformError("application not healthy in time")
        if action.condition == steps.HEALTHY:
            return PlatformError(f"dependency failed to start: {cause}")
    return cause
