"""Volumes: storage that outlives the containers that use it."""

import msgspec


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """name "" lets us choose one, which makes the volume anonymous."""

    name: str = ""
    driver: str = "local"
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


class Volume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """created: nanoseconds since 1970. mountpoint: directory on the host."""

    spec: VolumeSpec
    created: int
    mountpoint: str
    anonymous: bool = False

    @property
    def name(self) -> str:
        return self.spec.name
