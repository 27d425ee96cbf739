"""Configurations of new images: from a bare file system (import), from a container (commit). Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from boxship.engine.images import changes
from boxship.engine.images import config as image_config
from boxship.engine.images.manifest import Platform
from boxship.engine.images.reference import Reference
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.image import HistoryEntry, Image, ImageConfig
from boxship.model.status import Container

EMPTY_TAR = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # of 1024 zeros


class CommitWish(msgspec.Struct, frozen=True, kw_only=True):
    """What `docker commit` asks for. reference: None leaves the image without a name.  config: settings that
    outweigh the container's; changes come on top of them."""

    reference: Reference | None = None
    config: ImageConfig = ImageConfig()
    comment: str = ""
    author: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()


class ImportWish(msgspec.Struct, frozen=True, kw_only=True):
    """What `docker import` asks for. reference: None leaves the image without a name.  source: where from, "-"."""

    reference: Reference | None = None
    platform: Platform = Platform()
    changes: tuple[str, ...] = ()
    message: str = ""
    source: str = "-"


def check(wish: ImportWish | CommitWish) -> None:
    """Raises Invalid for instructions that are none; to be asked before any work is done."""
    changes.apply(ImageConfig(), wish.changes)


def imported(wish: ImportWish, diff_id: str, now: int) -> Image:
    """Return an image of one layer. Raises Invalid for instructions that are none."""
    comment = wish.message or f"Imported from {wish.source}"
    platform = wish.platform
    return Image(
        id="",
        created=now,
        config=changes.apply(ImageConfig(), wish.changes),
        architecture=platform.architecture,
        variant=platform.variant,
        os=platform.os,
        comment=comment,
        layers=(diff_id,),
        history=(HistoryEntry(created=now, comment=comment),),
    )


def committed(base: Image, spec: ContainerSpec, wish: CommitWish, diff_id: str, now: int) -> Image:
    """Return `base` with one more layer, if that holds anything, and the container's settings. Raises Invalid."""
    config = merge(changes.apply(wish.config, wish.changes), merge(settings(spec), base.config))
    empty = diff_id == EMPTY_TAR
    step = HistoryEntry(
        created=now,
        created_by=" ".join(spec.cmd or ()),
        author=wish.author,
        comment=wish.comment,
        empty_layer=empty,
    )
    return msgspec.structs.replace(
        base,
        id="",
        created=now,
        config=config,
        author=wish.author,
        comment=wish.comment,
        layers=base.layers if empty else (*base.layers, diff_id),
        history=(*base.history, step),
        parent=base.id,
        tags=(),
        digests=(),
    )


def origin(container: Container) -> dict[str, Any]:
    """Return what an image's configuration tells of the container it was made from."""
    spec = container.spec
    about = {"Hostname": spec.hostname, "Domainname": spec.domainname, "Tty": spec.tty, "Image": spec.image}
    return {"container": container.id, "container_config": {**about, **image_config.render_settings(settings(spec))}}


def settings(spec: ContainerSpec) -> ImageConfig:
    """Return what of a container's spec an image can hold."""
    shared = {name: getattr(spec, name) for name in ImageConfig.__struct_fields__}
    return ImageConfig(**{**shared, "env": spec.env or ()})


def merge(own: ImageConfig, below: ImageConfig) -> ImageConfig:
    """Return `own`, with what it leaves open taken from `below`. Who names an entry point but no command does not
    take the command either. Source: Docker's rules for containers from images."""
    has_entrypoint = bool(own.entrypoint)
    return ImageConfig(
        user=own.user or below.user,
        exposed_ports=tuple(sorted({*own.exposed_ports, *below.exposed_ports})),
        env=_environment(own.env, below.env),
        entrypoint=own.entrypoint if own.entrypoint is not None else below.entrypoint,
        cmd=own.cmd if own.cmd or has_entrypoint else below.cmd,
        args_escaped=own.args_escaped or below.args_escaped,
        volumes=tuple(sorted({*own.volumes, *below.volumes})),
        working_dir=own.working_dir or below.working_dir,
        labels={**below.labels, **own.labels},
        stop_signal=own.stop_signal or below.stop_signal,
        healthcheck=_health(own.healthcheck, below.healthcheck),
        on_build=own.on_build or below.on_build,
        shell=own.shell or below.shell,
    )


def _environment(own: Sequence[str], below: Sequence[str]) -> tuple[str, ...]:
    said = {entry.partition("=")[0] for entry in own}
    return (*own, *(entry for entry in below if entry.partition("=")[0] not in said))


def _health(own: HealthSpec | None, below: HealthSpec | None) -> HealthSpec | None:
    """Field by field; a test of () inherits."""
    if own is None or below is None:
        return own or below
    return HealthSpec(**{name: getattr(own, name) or getattr(below, name) for name in own.__struct_fields__})
