"""What an image says and what its user says, made one. Pure; rules are dockerd's."""

from collections.abc import Iterable

from msgspec.structs import replace

from boxship.base.errors import Invalid
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.image import ImageConfig


def merge(spec: ContainerSpec, image: ImageConfig) -> ContainerSpec:
    """Return `spec` completed by `image`: the user's word counts, the image fills in what was left open.

    An entry point of [""] takes the image's away. Raises Invalid when there is no command in the end."""
    entrypoint, cmd = spec.entrypoint, spec.cmd
    if not entrypoint:
        cmd = cmd or image.cmd
        entrypoint = image.entrypoint if entrypoint is None else entrypoint
    if entrypoint == ("",):
        entrypoint = None
    if not entrypoint and not cmd:
        raise Invalid("no command specified")
    return replace(
        spec,
        entrypoint=entrypoint,
        cmd=cmd,
        user=spec.user or image.user,
        working_dir=spec.working_dir or image.working_dir,
        stop_signal=spec.stop_signal or image.stop_signal,
        shell=spec.shell or image.shell,
        env=_environment(spec.env or (), image.env),
        labels={**image.labels, **spec.labels},
        exposed_ports=_union(spec.exposed_ports, image.exposed_ports),
        volumes=_union(spec.volumes, image.volumes),
        healthcheck=_health(spec.healthcheck, image.healthcheck),
    )


def command(spec: ContainerSpec) -> tuple[str, tuple[str, ...]]:
    """Return program and arguments of a merged spec."""
    words = (*(spec.entrypoint or ()), *(spec.cmd or ()))
    return words[0], words[1:]


def _environment(asked: tuple[str, ...], image: tuple[str, ...]) -> tuple[str, ...]:
    """The user's variables, then those of the image that the user did not name."""
    named = {entry.partition("=")[0] for entry in asked}
    return (*asked, *(entry for entry in image if entry.partition("=")[0] not in named))


def _union(asked: Iterable[str], image: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*asked, *image)))


def _health(asked: HealthSpec | None, image: HealthSpec | None) -> HealthSpec | None:
    if asked is None or image is None:
        return asked or image
    return HealthSpec(
        test=asked.test or image.test,
        interval=asked.interval or image.interval,
        timeout=asked.timeout or image.timeout,
        start_period=asked.start_period or image.start_period,
        start_interval=asked.start_interval or image.start_interval,
        retries=asked.retries or image.retries,
    )
