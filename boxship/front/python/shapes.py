"""What the daemon answers, as far as programs commonly ask for it. Unknown keys are passed over; `raw` has all."""

from typing import Any, TypeVar

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Base: attributes are the API's keys in Python's spelling."""


T = TypeVar("T")


def decode(content: bytes, kind: type[T]) -> T:
    """Return JSON as `kind`. Raises msgspec.ValidationError, naming the key, for an answer of another shape."""
    return msgspec.json.decode(content, type=kind)


class State(Shape, frozen=True, kw_only=True):
    """status: created, running, paused, restarting, removing, exited or dead. times: RFC 3339."""

    status: str
    running: bool = False
    paused: bool = False
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    started_at: str = ""
    finished_at: str = ""
    health: dict[str, Any] | None = None


class PortBinding(Shape, frozen=True, kw_only=True):
    host_ip: str = msgspec.field(default="", name="HostIp")
    host_port: str = ""


class Endpoint(Shape, frozen=True, kw_only=True):
    """A container's end in one network."""

    network_id: str = msgspec.field(default="", name="NetworkID")
    ip_address: str = msgspec.field(default="", name="IPAddress")
    gateway: str = ""
    mac_address: str = ""
    aliases: tuple[str, ...] | None = None


class NetworkSettings(Shape, frozen=True, kw_only=True):
    ports: dict[str, tuple[PortBinding, ...] | None] | None = None
    networks: dict[str, Endpoint] | None = None


class Config(Shape, frozen=True, kw_only=True):
    image: str = ""
    env: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None
    user: str = ""
    working_dir: str = ""
    tty: bool = False


class ContainerDetails(Shape, frozen=True, kw_only=True):
    """name: with the slash before it that the API gives."""

    id: str
    name: str
    image: str = ""
    created: str = ""
    restart_count: int = 0
    state: State
    config: Config
    network_settings: NetworkSettings


class ContainerSummary(Shape, frozen=True, kw_only=True):
    """created: seconds since 1970."""

    id: str
    names: tuple[str, ...] | None = None
    image: str = ""
    image_id: str = msgspec.field(default="", name="ImageID")
    command: str = ""
    created: int = 0
    state: str = ""
    status: str = ""
    labels: dict[str, str] | None = None


class ImageSummary(Shape, frozen=True, kw_only=True):
    """size: bytes. created: seconds since 1970."""

    id: str
    repo_tags: tuple[str, ...] | None = None
    repo_digests: tuple[str, ...] | None = None
    created: int = 0
    size: int = 0
    labels: dict[str, str] | None = None


class ImageDetails(Shape, frozen=True, kw_only=True):
    """size: bytes."""

    id: str
    repo_tags: tuple[str, ...] | None = None
    repo_digests: tuple[str, ...] | None = None
    created: str = ""
    size: int = 0
    architecture: str = ""
    os: str = ""
    config: Config | None = None


class NetworkDetails(Shape, frozen=True, kw_only=True):
    id: str
    name: str
    driver: str = ""
    scope: str = ""
    internal: bool = False
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None


class VolumeDetails(Shape, frozen=True, kw_only=True):
    name: str
    driver: str = ""
    mountpoint: str = ""
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None


class Actor(Shape, frozen=True, kw_only=True):
    id: str = msgspec.field(default="", name="ID")
    attributes: dict[str, str] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """time: nanoseconds since 1970."""

    type: str = msgspec.field(name="Type")
    action: str = msgspec.field(name="Action")
    actor: Actor = msgspec.field(name="Actor")
    time: int = msgspec.field(default=0, name="timeNano")


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a process wrote and how it ended. On a terminal everything is in stdout."""

    code: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text, without the last line end."""
        return self.stdout.decode(errors="replace").removesuffix("\n")
