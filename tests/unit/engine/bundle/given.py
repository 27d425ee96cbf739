"""Containers, hosts and surroundings for tables of cases; each differs from the usual in what a case names."""

from typing import Any

from boxship.engine.bundle import capabilities
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.runtime import CONTROLS, HostFacts, Surroundings
from boxship.model.status import Container, MountPoint

ID = "a1" * 32


def container(
    *args: str, host: HostSpec | None = None, mounts: tuple[MountPoint, ...] = (), path: str = "sh", **spec: Any
) -> Container:
    asked = ContainerSpec(image="busybox", hostname="box", host=host or HostSpec(), **spec)
    return Container(
        id=ID, name="web", created=1, image_id="sha256:0", group=ID, spec=asked, mounts=mounts, path=path, args=args
    )


def facts(*, without: tuple[str, ...] = (), lacking: tuple[str, ...] = (), **more: Any) -> HostFacts:
    """without: capabilities the host withholds.  lacking: controls it has not."""
    held = tuple(name for name in capabilities.ALL if name not in without)
    usual = {"capabilities": held, "controls": CONTROLS - set(lacking), "init_path": "/usr/bin/tini-static"}
    return HostFacts(**{**usual, **more})


def around(**more: Any) -> Surroundings:
    return Surroundings(**{"rootfs": "/root", "cgroup": f"/boxship/{ID}", "hostname": "box", "netns": "/ns/1", **more})
