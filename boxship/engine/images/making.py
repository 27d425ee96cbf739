"""Configurations of new images: from a bare file system (import), from a container (commit). Pure."""

from collections.abc import Sequence

import msgspec

from boxship.engine.images import changes
from boxship.engine.images.manifest import Platform
from boxship.model.container import ContainerSpec
from boxship.model.image import HistoryEntry, Image, ImageConfig

IMPORTED = "Imported from -"


class CommitWish(msgspec.Struct, frozen=True, kw_only=True):
    """What `docker commit` asks for. reference: "" leaves the image without a name."""

    reference: str = ""
    comment: str = ""
    author: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()


def imported(diff_id: str, platform: Platform, instructions: Sequence[str], message: str, now: int) -> Image:
    """Return an image of one layer. Raises Invalid for instructions that are none."""
    comment = message or IMPORTED
    return Image(
        id="",
        created=now,
        config=changes.apply(ImageConfig(), instructions),
        architecture=platform.architecture,
        variant=platform.variant,
        os=platform.os,
        comment=comment,
        layers=(diff_id,),
        history=(HistoryEntry(created=now, comment=comment),),
    )


def committed(base: Image, spec: ContainerSpec, wish: CommitWish, diff_id: str, now: int) -> Image:
    """Return `base` with one more layer and the container's settings. Raises Invalid."""
    config = changes.apply(settings(spec, base.config), wish.changes)
    step = HistoryEntry(created=now, created_by=" ".join(spec.cmd or ()), author=wish.author, comment=wish.comment)
    return msgspec.structs.replace(
        base,
        id="",
        created=now,
        config=config,
        author=wish.author,
        comment=wish.comment,
        layers=(*base.layers, diff_id),
        history=(*base.history, step),
        parent=base.id,
        tags=(),
        digests=(),
    )


def settings(spec: ContainerSpec, base: ImageConfig) -> ImageConfig:
    """Return what a container is like, as an image's settings: its own words, and the image's where it has none.
    A container that names an entry point but no command takes the image's command no longer."""
    return ImageConfig(
        user=spec.user or base.user,
        exposed_ports=tuple(sorted({*spec.exposed_ports, *base.exposed_ports})),
        env=_environment(spec.env or (), base.env),
        entrypoint=spec.entrypoint if spec.entrypoint is not None else base.entrypoint,
        cmd=spec.cmd if spec.cmd or spec.entrypoint else base.cmd,
        args_escaped=spec.args_escaped,
        volumes=tuple(sorted({*spec.volumes, *base.volumes})),
        working_dir=spec.working_dir or base.working_dir,
        labels={**base.labels, **spec.labels},
        stop_signal=spec.stop_signal or base.stop_signal,
        healthcheck=spec.healthcheck or base.healthcheck,
        on_build=spec.on_build or base.on_build,
        shell=spec.shell or base.shell,
    )


def _environment(own: Sequence[str], inherited: Sequence[str]) -> tuple[str, ...]:
    said = {entry.partition("=")[0] for entry in own}
    return (*own, *(entry for entry in inherited if entry.partition("=")[0] not in said))
