"""What archives and registries say of images: manifests and indexes of OCI and Docker, docker-archive lists. Pure."""

import platform
import re
from typing import Any

import msgspec

from boxship.base.codec import decode
from boxship.base.errors import Invalid, NotFound
from boxship.engine.images.reference import Reference, parse
from boxship.model.image import Image

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_LIST)
NAME_ANNOTATION = "io.containerd.image.name"
TAG_ANNOTATION = "org.opencontainers.image.ref.name"

_PART = re.compile(r"[a-z0-9_.-]+")
# Names that mean the same, and variants that are what is meant without one: containerd, platforms/database.go.
_ALIASES = {
    "i386": ("386", ""), "x86_64": ("amd64", ""), "x86-64": ("amd64", ""), "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"), "armel": ("arm", "v6"),
}  # fmt: skip
_PLAIN = (("arm64", "v8"), ("arm64", "8"), ("amd64", "v1"))
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class Platform(msgspec.Struct, frozen=True, omit_defaults=True):
    architecture: str = ""
    os: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One blob by digest, its size in bytes."""

    media_type: str = ""
    digest: str
    size: int = 0
    annotations: dict[str, str] | None = None
    platform: Platform | None = None
    urls: tuple[str, ...] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One image: its configuration and layers, lowest first."""

    schema_version: int
    media_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...]


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int
    media_type: str = ""
    manifests: tuple[Descriptor, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One image of a docker-archive's manifest.json; paths in the archive."""

    config: str
    repo_tags: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None


def parse_manifest(raw: bytes) -> Manifest:
    """Raises Invalid, by name for what cannot be used: schema 1, layers that must be fetched elsewhere."""
    document = decode(raw, dict[str, Any])
    if document.get("schemaVersion") == 1:
        raise Invalid("manifests of schema version 1 are not supported: push the image anew with a current tool")
    manifest = decode(raw, Manifest)
    for layer in manifest.layers:
        if layer.urls or "foreign" in layer.media_type or "nondistributable" in layer.media_type:
            raise Invalid(f"foreign layers are not supported: {layer.digest} ({layer.media_type})")
    return manifest


def parse_index(raw: bytes) -> Index:
    return decode(raw, Index)


def parse_entries(raw: bytes) -> tuple[Entry, ...]:
    """Return the images of a docker-archive's manifest.json. Raises Invalid."""
    return decode(raw, tuple[Entry, ...])


def machine_platform(machine: str) -> Platform:
    """Return the platform of images for a kernel's machine name, x86_64."""
    return Platform(_ARCHITECTURES.get(machine, machine), "linux")


def wanted_platform(text: str) -> Platform:
    """Return the platform that a request names, this machine's without one. Raises Invalid."""
    return parse_platform(text) if text else machine_platform(platform.machine())


def parse_platform(text: str) -> Platform:
    """`linux/arm64/v8`, `arm64`. Raises Invalid."""
    parts = text.lower().split("/")
    wrong = [part for part in parts if not _PART.fullmatch(part)]
    if not 1 <= len(parts) <= 3 or wrong:
        part = wrong[0] if wrong else text
        raise Invalid(f'"{part}" is an invalid component of "{text}": platform specifier')
    if len(parts) == 1 and parts[0] in ("linux", "windows", "darwin"):
        return Platform("", parts[0])
    os, architecture, *variant = parts if len(parts) > 1 else ("linux", parts[0])
    architecture, own = _ALIASES.get(architecture, (architecture, ""))
    found = variant[0] if variant else own
    return Platform(architecture, os, "" if (architecture, found) in _PLAIN else found)


def parse_platforms(text: str) -> tuple[str, ...]:
    """Return the platforms of a list parted by commas, each once and as everybody writes it. Raises Invalid."""
    return tuple(dict.fromkeys(shown(parse_platform(each.strip())) for each in text.split(",") if each.strip()))


def shown(platform: Platform) -> str:
    """Return a platform as people write it, `linux/arm64/v8`."""
    return "/".join(filter(None, (platform.os, platform.architecture, platform.variant)))


def platform_of(image: Image) -> Platform:
    return Platform(image.architecture, image.os, image.variant)


def check_platform(image: Image, wanted: Platform, name: str) -> None:
    """Raises NotFound, in dockerd's words, for an image called `name` that is of another platform."""
    offered = platform_of(image)
    if not suits(offered, wanted):
        raise NotFound(
            f"image with reference {name} was found but its platform ({shown(offered)}) does not match the specified "
            f"platform ({shown(wanted)})"
        )


def choose(descriptors: tuple[Descriptor, ...], wanted: Platform) -> Descriptor | None:
    """Return the first entry of an index that suits a platform; attestations never do."""
    return next((d for d in descriptors if d.platform is None or suits(d.platform, wanted)), None)


def suits(offered: Platform, wanted: Platform) -> bool:
    """Tell whether what is offered is what was wanted; who wants no variant takes any."""
    if (offered.os, offered.architecture) != (wanted.os, wanted.architecture):
        return False
    return not wanted.variant or offered.variant in ("", wanted.variant)


def annotated_name(descriptor: Descriptor) -> Reference | None:
    """Return the name that an OCI layout gives an image, None where it gives none that is whole."""
    annotations = descriptor.annotations or {}
    name = annotations.get(NAME_ANNOTATION) or annotations.get(TAG_ANNOTATION, "")
    if not name or (":" not in name and "/" not in name):
        return None  # a bare tag names nothing
    try:
        return parse(name).with_default_tag()
    except Invalid:
        return None
