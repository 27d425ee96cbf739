"""How a service's image is built. Pure."""

from boxship.front.compose.model.base import Extended, Part
from boxship.front.compose.model.storage import FileReference


class Ulimit(Extended, frozen=True, kw_only=True):
    """single: one number for both; 0 where soft and hard are given apart."""

    single: int = 0
    soft: int = 0
    hard: int = 0


class SshKey(Part, frozen=True, kw_only=True):
    """path: of a key or a socket; "" takes the agent of whoever builds."""

    id: str = ""
    path: str = ""


class Build(Extended, frozen=True, kw_only=True):
    """args: None takes the value from the environment of whoever builds. extra_hosts: addresses by name."""

    context: str = ""
    dockerfile: str = ""
    dockerfile_inline: str = ""
    entitlements: tuple[str, ...] = ()
    args: dict[str, str | None] = {}
    provenance: str = ""
    sbom: str = ""
    ssh: tuple[SshKey, ...] = ()
    labels: dict[str, str] = {}
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    additional_contexts: dict[str, str] = {}
    pull: bool = False
    extra_hosts: dict[str, tuple[str, ...]] = {}
    isolation: str = ""
    network: str = ""
    target: str = ""
    secrets: tuple[FileReference, ...] = ()
    shm_size: int = 0
    tags: tuple[str, ...] = ()
    ulimits: dict[str, Ulimit] = {}
    platforms: tuple[str, ...] = ()
    privileged: bool = False
