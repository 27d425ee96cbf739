"""The steps of a plan: a graph whose every node says why it is there, and prints. Pure."""

import msgspec

HEALTHY, COMPLETED, STARTED = "service_healthy", "service_completed_successfully", "service_started"
SETTLED = "running_or_healthy"  # what `up --wait` waits for
STEADY = "steady"  # healthy, or without a check up for a while


class Action(msgspec.Struct, frozen=True):
    """`about` is what progress shows, as docker compose names things: "Container p-web-1"."""

    @property
    def about(self) -> str:
        raise TypeError(type(self))

    @property
    def abouts(self) -> tuple[str, ...]:
        """All that progress shows, where it is more."""
        return (self.about,)


class OnContainer(Action, frozen=True):
    """name: of the container at the time of the step. id: "" for one that the plan itself makes."""

    name: str
    id: str = ""

    @property
    def about(self) -> str:
        return f"Container {self.name}"


class CreateNetwork(Action, frozen=True):
    """key: in the project."""

    key: str
    name: str

    @property
    def about(self) -> str:
        return f"Network {self.name}"


class RemoveNetwork(Action, frozen=True):
    id: str
    name: str

    @property
    def about(self) -> str:
        return f"Network {self.name}"


class CreateVolume(Action, frozen=True):
    key: str
    name: str

    @property
    def about(self) -> str:
        return f'Volume "{self.name}"'


class RemoveVolume(Action, frozen=True):
    name: str

    @property
    def about(self) -> str:
        return f"Volume {self.name}"


class RemoveImage(Action, frozen=True):
    name: str

    @property
    def about(self) -> str:
        return f"Image {self.name}"


class Pull(Action, frozen=True):
    """service: the first that wants the image. buildable: a failure is no harm, as it can be built."""

    service: str
    image: str
    buildable: bool = False

    @property
    def about(self) -> str:
        return self.service


class Build(Action, frozen=True):
    service: str
    image: str

    @property
    def about(self) -> str:
        return f"Service {self.service}"


class Create(OnContainer, frozen=True, kw_only=True):
    """replaces: id of the container it stands for; inherit: with its anonymous volumes.

    shared: group whose containers may publish the same host ports. published: False leaves ports for later.
    """

    service: str
    number: int
    replaces: str = ""
    inherit: bool = True
    shared: str = ""
    published: bool = True

    @property
    def about(self) -> str:
        return f"Container {self.name.removeprefix(f'{self.replaces[:12]}_') if self.replaces else self.name}"


class Revive(OnContainer, frozen=True, kw_only=True):
    """Make a container as another one's predecessor was. like: id of the one that keeps how that was.

    published: False leaves ports for later."""

    like: str
    service: str
    number: int
    published: bool = True


class Start(OnContainer, frozen=True, kw_only=True):
    service: str


class Stop(OnContainer, frozen=True, kw_only=True):
    """grace: seconds; None is the container's own."""

    service: str = ""
    grace: int | None = None


class Restart(OnContainer, frozen=True, kw_only=True):
    service: str = ""
    grace: int | None = None


class Kill(OnContainer, frozen=True, kw_only=True):
    signal: str = "SIGKILL"


class Pause(OnContainer, frozen=True):
    pass


class Unpause(OnContainer, frozen=True):
    pass


class Remove(OnContainer, frozen=True, kw_only=True):
    """volumes: its anonymous ones too."""

    volumes: bool = False
    force: bool = False


class Rename(OnContainer, frozen=True, kw_only=True):
    """name: the new one."""

    was: str


class TakePorts(OnContainer, frozen=True, kw_only=True):
    """Publish, at once and without a gap, what `source` publishes."""

    source: str


class Drain(OnContainer, frozen=True):
    """Give the container no new connections."""


class Hooks(OnContainer, frozen=True, kw_only=True):
    """Run the commands of `when`: post_start or pre_stop."""

    service: str
    when: str


class PreStart(OnContainer, frozen=True, kw_only=True):
    """Run one step of `pre_start`, in a container of its own with the mounts of this one. index: of the step."""

    service: str
    index: int


class Provide(Action, frozen=True, kw_only=True):
    """Have the program that provides a service carry out a command: up, down or stop."""

    service: str
    command: str

    @property
    def about(self) -> str:
        return f"Service {self.service}"


class Await(Action, frozen=True, kw_only=True):
    """Wait until all of `names` meet the condition. hold: how long a container must be up (ns), with a health check
    only when `always`. required: False goes on after a failure."""

    service: str
    names: tuple[str, ...]
    condition: str
    required: bool = True
    hold: int = 0
    always: bool = False

    @property
    def about(self) -> str:
        return f"Container {self.names[0]}" if len(self.names) == 1 else f"Service {self.service}"

    @property
    def abouts(self) -> tuple[str, ...]:
        return tuple(f"Container {name}" for name in self.names)


class Delay(Action, frozen=True):
    """Let `duration` pass (ns)."""

    service: str
    duration: int

    @property
    def about(self) -> str:
        return f"Service {self.service}"


class Step(msgspec.Struct, frozen=True):
    """key: names the step in its plan. after: keys of steps that must have succeeded. update: belongs to the rolling
    update of this service, whose failure has consequences."""

    key: str
    action: Action
    cause: str
    after: tuple[str, ...] = ()
    update: str = ""


class Plan(msgspec.Struct, frozen=True):
    """steps: in an order in which they could be done one after the other. right: containers that are as they should
    be, by name. warnings: for the user."""

    steps: tuple[Step, ...] = ()
    right: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def render(plan: Plan) -> str:
    """Return one line per step, `key: cause (after …)`, for dry runs and tests."""
    return "\n".join(f"{step.key}: {step.cause}{_after(step)}" for step in plan.steps)


def _after(step: Step) -> str:
    return f" (after {', '.join(step.after)})" if step.after else ""
