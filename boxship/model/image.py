"""Images as the engine keeps them. Digests are "sha256:" and 64 hex digits."""

import msgspec

from boxship.model.container import HealthSpec


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an image says of its containers: the `config` object of the OCI image configuration."""

    user: str = ""
    exposed_ports: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    args_escaped: bool = False
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    labels: dict[str, str] = {}
    stop_signal: str = ""
    healthcheck: HealthSpec | None = None
    on_build: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of an image's making. created: nanoseconds since 1970."""

    created: int = 0
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class Layer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One extracted layer. diff_id: digest of the uncompressed tar; chain_id: of it and all below;
    size: bytes of the files in it; path: directory, usable as an overlay lower."""

    diff_id: str
    chain_id: str
    size: int
    path: str


class Described(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A manifest by its descriptor. size: bytes."""

    media_type: str
    digest: str
    size: int


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stated about an image. kind: the predicate's type.  raw: the in-toto statement as JSON; its subject
    is set anew wherever it goes, since digests of manifests differ from place to place.  names: of the subject, package
    URLs.  file: what it is called in a directory."""

    kind: str
    raw: bytes
    names: tuple[str, ...] = ()
    file: str = ""


class Image(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One image. id: digest of its configuration; tags: familiar references, "busybox:latest";
    digests: "name@sha256:…"; parent: id of the image it was committed or built from; size: of all layers, bytes;
    manifest: under which a registry gave or took it, None if none did."""

    id: str
    created: int
    config: ImageConfig
    architecture: str = ""
    variant: str = ""
    os: str = "linux"
    author: str = ""
    comment: str = ""
    layers: tuple[str, ...] = ()  # diff ids, lowest first
    chain: tuple[str, ...] = ()  # chain ids, lowest first
    history: tuple[HistoryEntry, ...] = ()
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    parent: str = ""
    size: int = 0
    last_tagged: int = 0
    manifest: Described | None = None
