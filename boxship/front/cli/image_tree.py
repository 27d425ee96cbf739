"""`boxship image ls --tree`: images with all their names, and below each what it holds for which platform."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from boxship.base.units import human_size
from boxship.front.cli import tables

HEAD = ("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "IN USE")
NAMELESS = "<untagged>"


def tree(images: Iterable[Mapping[str, Any]]) -> str:
    """Return the tree of what the API lists with `manifests`; content is what lies there as registries have it."""
    lines: list[tuple[str, ...]] = [HEAD]
    for image in images:
        lines += _image(image)
    return "\n".join(line.rstrip() for line in tables.aligned(lines).split("\n"))


def _image(image: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    manifests = image.get("Manifests") or []
    names = [name for name in image.get("RepoTags") or [] if name != "<none>:<none>"] or [NAMELESS]
    content = sum(manifest["Size"]["Content"] for manifest in manifests)
    used = any(_users(manifest) for manifest in manifests)
    for name in names[:-1]:
        yield (name,)
    yield _row(names[-1], image["Id"], image["Size"], content, used)
    for number, manifest in enumerate(manifests):
        branch = "└─" if number == len(manifests) - 1 else "├─"
        unpacked = (manifest.get("ImageData") or {}).get("Size", {}).get("Unpacked", 0)
        yield _row(f"{branch} {_platform(manifest)}", manifest["ID"], unpacked, manifest["Size"]["Content"],
                   bool(_users(manifest)))  # fmt: skip


def _users(manifest: Mapping[str, Any]) -> list[str]:
    return (manifest.get("ImageData") or {}).get("Containers") or []


def _platform(manifest: Mapping[str, Any]) -> str:
    platform = (manifest.get("ImageData") or {}).get("Platform") or {}
    parts = (platform.get(key) for key in ("os", "architecture", "variant"))
    return "/".join(filter(None, parts)) or str(manifest.get("Kind", "unknown"))


def _row(name: str, identifier: str, size: int, content: int, used: bool) -> tuple[str, ...]:
    shown = human_size(size, digits=3), human_size(content, digits=3)
    return name, tables.short_id(identifier), *shown, "yes" if used else ""
