"""Images in Docker's JSON: list, inspect, history. Pure."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boxship.base.units import SECOND, ZERO_TIME, human_size, rfc3339
from boxship.engine.images.attested import Carried
from boxship.front.docker.wire import names
from boxship.front.docker.wire.config import members
from boxship.front.rest.version import Version
from boxship.model.container import HealthSpec
from boxship.model.image import Described, Image, ImageConfig

MISSING = "<missing>"
_render_health = names.renderer(HealthSpec)
# What Config showed of every image while it was a container's Config, until API 1.49.
_LEGACY = {
    "Hostname": "", "Domainname": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
    "Tty": False, "OpenStdin": False, "StdinOnce": False, "Image": "",
}  # fmt: skip


def summary(image: Image, version: Version, *, shared_size: int = -1, containers: int = -1) -> dict[str, Any]:
    """Return one entry of the list. -1: not computed."""
    tags, digests = list(image.tags), list(image.digests)
    if version < (1, 43):
        tags = tags or ["<none>:<none>"]
        digests = digests or ["<none>@<none>"]
    found = {
        "Containers": containers,
        "Created": image.created // SECOND,
        "Id": image.id,
        "Labels": image.config.labels or None,
        "ParentId": image.parent,
        "RepoDigests": digests,
        "RepoTags": tags,
        "SharedSize": shared_size,
        "Size": image.size,
    }
    return found | {"VirtualSize": image.size} if version < (1, 44) else found


def descriptor(manifest: Described) -> dict[str, Any]:
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.size}


def manifest(image: Image, known: Described, config_size: int, users: Sequence[str]) -> dict[str, Any]:
    """Return Docker's ImageManifestSummary. Content is what of the image lies here as a registry has it, manifest and
    configuration; its layers are unpacked, and can be packed again to the byte. users: ids of containers."""
    platform = {"architecture": image.architecture, "os": image.os}
    platform |= {"variant": image.variant} if image.variant else {}
    content = known.size + config_size
    return {
        "ID": known.digest,
        "Descriptor": {**descriptor(known), "platform": platform},
        "Available": True,
        "Kind": "image",
        "Size": {"Content": content, "Total": content + image.size},
        "ImageData": {"Platform": platform, "Containers": list(users), "Size": {"Unpacked": image.size}},
    }


def attestation(found: Carried, subject: Described) -> dict[str, Any]:
    """Return the ImageManifestSummary of what is stated about an image. subject: the image's manifest."""
    content = len(found.manifest) + sum(map(len, found.blobs))
    return {
        "ID": found.descriptor["digest"],
        "Descriptor": dict(found.descriptor),
        "Available": True,
        "Kind": "attestation",
        "Size": {"Content": content, "Total": content},
        "AttestationData": {"For": subject.digest},
    }


def render(image: Image, lowers: Sequence[str], document: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """Return what inspect shows. `lowers`: directories of the layers, lowest first; `document`: the configuration."""
    found: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.tags),
        "RepoDigests": list(image.digests),
        "Parent": image.parent,
        "Comment": image.comment,
        "Created": rfc3339(image.created) if image.created else None,
        "DockerVersion": document.get("docker_version", ""),
        "Author": image.author,
        "Config": config(image.config, version),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Data": _graph(lowers), "Name": "overlay2"},
        "RootFS": {"Type": "layers", "Layers": list(image.layers)},
        "Metadata": {"LastTagTime": rfc3339(image.last_tagged) if image.last_tagged else ZERO_TIME},
    }
    if found["Created"] is None:
        found["Created"] = ZERO_TIME if version < (1, 44) else ""
    if image.variant:
        found["Variant"] = image.variant
    if document.get("os.version"):
        found["OsVersion"] = document["os.version"]
    if version < (1, 44):
        found["VirtualSize"] = image.size
    # docker-compose 1 speaks the newest version it is offered and cannot replace a container without ContainerConfig
    found["ContainerConfig"] = config(ImageConfig(), version) | (document.get("container_config") or {})
    if version < (1, 45):
        found["Container"] = document.get("container", "")
    return found


def _graph(lowers: Sequence[str]) -> dict[str, str]:
    """The highest layer is shown as the upper directory, as overlay2 does for images."""
    if not lowers:
        return {}
    *rest, top = lowers
    home = posixpath.dirname(top)
    found = {"MergedDir": f"{home}/merged", "UpperDir": top, "WorkDir": f"{home}/work"}
    return {"LowerDir": ":".join(reversed(rest)), **found} if rest else found


def config(settings: ImageConfig, version: Version) -> dict[str, Any]:
    """Return the Config object: what an image may say, null where it says nothing."""
    found: dict[str, Any] = dict(_LEGACY) if version < (1, 50) else {}
    found |= {
        "User": settings.user,
        "Env": list(settings.env) or None,
        "Cmd": settings.cmd,
        "Volumes": members(settings.volumes) or None,
        "WorkingDir": settings.working_dir,
        "Entrypoint": settings.entrypoint,
        "OnBuild": settings.on_build,
        "Labels": settings.labels or None,
    }
    optional: dict[str, Any] = {
        "ExposedPorts": members(settings.exposed_ports),
        "ArgsEscaped": settings.args_escaped,
        "StopSignal": settings.stop_signal,
        "Shell": settings.shell,
        "Healthcheck": _render_health(settings.healthcheck),
    }
    return found | {key: value for key, value in optional.items() if value}


def history(image: Image, sizes: Sequence[int], find: Callable[[str], Image | None]) -> list[dict[str, Any]]:
    """Return the steps, latest first. `sizes`: bytes of the layers, lowest first; `find` gives an image by id, for
    steps that are images of their own."""
    left = list(sizes)
    steps: list[dict[str, Any]] = []
    for entry in image.history:
        size = left.pop(0) if left and not entry.empty_layer else 0
        steps.insert(0, {
            "Comment": entry.comment, "Created": max(0, entry.created // SECOND), "CreatedBy": entry.created_by,
            "Id": MISSING, "Size": size, "Tags": None,
        })  # fmt: skip
    at: Image | None = image
    for step in steps:
        if at is None:
            break
        step |= {"Id": at.id, "Tags": list(at.tags) or None}
        at = find(at.parent) if at.parent else None
    return steps


def bar(current: int, total: int) -> str:
    """Return the progress bar that clients print as it comes: 50 wide, with both sizes."""
    if total <= 0:
        return human_size(current)
    done = min(50, current * 50 // total)
    line = "=" * done + ">" + " " * (50 - done) if done < 50 else "=" * 50 + ">"
    return f"[{line}]  {human_size(current)}/{human_size(total)}"


def line(told: dict[str, Any]) -> dict[str, Any]:
    """Return a line of progress with the bar that clients print as it comes, where there are sizes."""
    detail = told.get("progressDetail")
    if not detail:
        return told
    ordered = {key: told[key] for key in told if key != "id"}  # the id comes last, as with dockerd
    ordered["progress"] = bar(detail["current"], detail["total"])
    return ordered | {"id": told["id"]} if "id" in told else ordered
