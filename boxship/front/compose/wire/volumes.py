"""Volumes of the project, and what containers mount. Pure."""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from boxship.front.compose import labels
from boxship.front.compose.model import FileReference, Mount, Project, Service

Json = dict[str, Any]
SECRETS = "/run/secrets/"


def create_volume(project: Project, key: str) -> Json:
    """Return the body of POST /volumes/create."""
    volume = project.volumes[key]
    return {
        "Name": volume.name,
        "Driver": volume.driver,
        "DriverOpts": dict(volume.driver_opts),
        "Labels": labels.of_volume(project, key),
    }


def mounts(
    project: Project, service: Service, inherited: Iterable[Mapping[str, Any]], declared: Iterable[str]
) -> tuple[list[str], list[Json]]:
    """Return Binds and Mounts. inherited: mounts of the container that is replaced; declared: the image's volumes.

    Anonymous volumes go over to the new container. A bind whose source may be made is among Binds: only these make it.
    """
    found: dict[str, tuple[str, Json]] = {}
    own = {posixpath.normpath(mount.target): mount for mount in service.volumes}
    for old in inherited:
        target = posixpath.normpath(old["Destination"])
        named = own.get(target)
        if old.get("Type") != "tmpfs" and (target in declared or (named is not None and not named.source)):
            found[target] = ("", _taken_over(old, target))
    for target, mount in own.items():
        if target not in found:
            found[target] = _mount(project, mount, target)
    for target, source in _files(project, service):
        if target not in found:
            found[target] = ("", {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True})
    ordered = [found[target] for target in sorted(found)]
    return [bind for bind, _ in ordered if bind], [body for bind, body in ordered if not bind]


def _taken_over(old: Mapping[str, Any], target: str) -> Json:
    source = old.get("Name") if old.get("Type") == "volume" else old.get("Source")
    return {"Type": old["Type"], "Source": source, "Target": target, "ReadOnly": not old.get("RW", True)}


def _mount(project: Project, mount: Mount, target: str) -> tuple[str, Json]:
    if mount.type == "bind" and mount.bind is not None and mount.bind.create_host_path:
        return _bind(mount), {}
    source = mount.source
    if mount.type == "volume" and source in project.volumes:
        source = project.volumes[source].name
    body: Json = {"Type": mount.type, "Source": source, "Target": target, "ReadOnly": mount.read_only}
    if mount.consistency:
        body["Consistency"] = mount.consistency
    return "", {**body, **_options(mount)}


def _bind(mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.bind is not None:
        options += [word for word in (mount.bind.selinux, mount.bind.propagation) if word]
    if mount.volume is not None and mount.volume.nocopy:
        options.append("nocopy")
    return f"{mount.source}:{mount.target}:{','.join(options)}"


def _options(mount: Mount) -> Json:
    if mount.type == "bind" and mount.bind is not None:
        recursive = mount.bind.recursive
        options: Json = {"Propagation": mount.bind.propagation}
        if recursive == "disabled":
            options["NonRecursive"] = True
        elif recursive in ("writable", "readonly"):
            options["ReadOnlyNonRecursive" if recursive == "writable" else "ReadOnlyForceRecursive"] = True
        return {"BindOptions": options}
    if mount.type == "volume" and mount.volume is not None:
        told = {"NoCopy": mount.volume.nocopy, "Subpath": mount.volume.subpath, "Labels": dict(mount.volume.labels)}
        return {"VolumeOptions": {key: value for key, value in told.items() if value}}
    if mount.type == "tmpfs" and mount.tmpfs is not None:
        return {"TmpfsOptions": {"SizeBytes": mount.tmpfs.size, "Mode": mount.tmpfs.mode}}
    if mount.type == "image" and mount.image is not None:
        return {"ImageOptions": {"Subpath": mount.image.subpath}}
    return {}


def _files(project: Project, service: Service) -> list[tuple[str, str]]:
    """Return (target, host path) of the secrets and configs that are files and wanted just as they are."""
    found = []
    for reference in service.secrets:
        path = project.secrets[reference.source].file
        if path and as_it_is(reference):
            found.append((target_of(reference, SECRETS), path))
    for reference in service.configs:
        path = project.configs[reference.source].file
        if path and as_it_is(reference):
            found.append((target_of(reference, "/"), path))
    return found


def as_it_is(reference: FileReference) -> bool:
    """Whether a file can be mounted: owner and mode are the file's own."""
    return not reference.uid and not reference.gid and reference.mode is None


def target_of(reference: FileReference, folder: str) -> str:
    """Return where in the container it is. folder: of relative targets, /run/secrets/ or /."""
    return posixpath.normpath(posixpath.join(folder, reference.target or reference.source))
