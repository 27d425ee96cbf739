"""One mount as the user wrote it, `-v` or `--mount`, checked and brought into one form. Pure; dockerd's sentences."""

import posixpath
from collections.abc import Callable

from boxship.base.errors import Invalid
from boxship.engine.volumes import idmaps, modes, names
from boxship.model.container import MountSpec, TmpfsOptions
from boxship.model.status import MountPoint

_TMPFS_VALUES = ("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol")
_MOUNT_FLAGS = frozenset(
    "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime "
    "nodiratime relatime norelatime strictatime nostrictatime private rprivate slave rslave shared rshared unbindable "
    "runbindable".split()
)
CONSISTENCIES = ("", "default", "consistent", "cached", "delegated")
_FLAGS = ("exec", "noexec", "suid", "nosuid", "dev", "nodev")


def parse_bind(text: str, volume_driver: str = "") -> MountPoint:
    """Return the mount point of one `-v`. A volume's source and an anonymous one's name are for others to fill in.
    Raises Invalid."""
    source, target, mode = _split(text)
    if mode and not modes.is_mode(mode):
        raise Invalid(f"invalid mode: {mode}")
    kind = "bind" if source.startswith("/") else "volume"
    try:
        destination = _destination(target)
        if kind == "volume" and modes.propagation(mode):
            raise Invalid("field BindOptions must not be specified")
    except Invalid as e:
        fault = f'invalid mount config for type "{kind}": {e}'
        raise Invalid(f"invalid volume specification: '{text}': {fault}") from e
    if kind == "bind":
        return _bind_point(source, destination, mode)
    if source:
        names.check(source)
    return _volume_point(source, destination, mode, volume_driver)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if not parts[0] or len(parts) > 3 or (len(parts) == 2 and modes.is_mode(parts[1])):
        raise Invalid(f"invalid volume specification: '{text}'")
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _bind_point(source: str, destination: str, mode: str) -> MountPoint:
    return MountPoint(
        type="bind",
        source=posixpath.normpath(source),
        destination=destination,
        mode=mode,
        rw=modes.is_writable(mode),
        propagation=modes.propagation(mode) or "rprivate",
        create_source=True,
        id_map=idmaps.of_mode(mode),
    )


def _volume_point(name: str, destination: str, mode: str, driver: str) -> MountPoint:
    return MountPoint(
        type="volume",
        name=name,
        destination=destination,
        driver=driver,
        mode=mode or "z",
        rw=modes.is_writable(mode),
        anonymous=not name,
        no_copy=not modes.copies(mode),
        id_map=idmaps.of_mode(mode),
    )


def _destination(target: str) -> str:
    if posixpath.normpath(target) == "/":
        raise Invalid("invalid specification: destination can't be '/'")
    if not target.startswith("/"):
        raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
    return posixpath.normpath(target)


def check_tmpfs(text: str) -> None:
    """Raises Invalid for an option of `--tmpfs` that tmpfs does not know."""
    for option in filter(None, text.split(",")):
        name, sign, _ = option.partition("=")
        if name not in (_TMPFS_VALUES if sign else _MOUNT_FLAGS):
            raise Invalid(f'invalid tmpfs option "{option}"')


def parse_mount(spec: MountSpec, exists: Callable[[str], bool]) -> MountPoint:
    """Return the mount point of one `--mount`. `exists` tells whether a bind's source is there. Raises Invalid."""
    reader = _READERS.get(spec.type)
    try:
        if reader is None:
            raise Invalid("mount type unknown")
        if not spec.target:
            raise Invalid("field Target must not be empty")
        if spec.consistency not in CONSISTENCIES:
            raise Invalid(f"invalid consistency: {spec.consistency}")
        point = reader(spec, _destination(spec.target))
        may_miss = spec.bind_options is not None and spec.bind_options.create_mountpoint
        if point.type == "bind" and not may_miss and not exists(point.source):
            raise Invalid(f"bind source path does not exist: {spec.source}")
    except Invalid as e:
        raise Invalid(f'invalid mount config for type "{spec.type}": {e}') from e
    if point.type == "volume" and point.name:
        names.check(point.name)
    return point


def _only(spec: MountSpec, *allowed: str) -> None:
    for name in ("BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions"):
        field = name.replace("Options", "_options").lower()
        if name not in allowed and getattr(spec, field) is not None:
            raise Invalid(f"field {name} must not be specified")


def _bind(spec: MountSpec, destination: str) -> MountPoint:
    if not spec.source:
        raise Invalid("field Source must not be empty")
    options = spec.bind_options
    if options and options.propagation and options.propagation not in modes.PROPAGATIONS:
        raise Invalid(f"invalid propagation mode: {options.propagation}")
    _only(spec, "BindOptions")
    if not spec.source.startswith("/"):
        raise Invalid(f"invalid mount path: '{spec.source}' mount path must be absolute")
    recursive_only = ""
    if options:
        recursive_only = "disabled" if options.read_only_non_recursive else recursive_only
        recursive_only = "forced" if options.read_only_force_recursive else recursive_only
    return MountPoint(
        type="bind",
        source=posixpath.normpath(spec.source),
        destination=destination,
        rw=not spec.read_only,
        propagation=(options.propagation if options else "") or "rprivate",
        recursive=not (options and options.non_recursive),
        read_only_recursive=recursive_only,
        create_source=bool(options and options.create_mountpoint),
    )


def _volume(spec: MountSpec, destination: str) -> MountPoint:
    _only(spec, "VolumeOptions")
    options = spec.volume_options
    subpath = options.subpath if options else ""
    if subpath and not spec.source:
        raise Invalid("must not set Subpath when using anonymous volumes")
    _check_subpath(subpath, "subpath must be a relative path within the volume")
    if not spec.source and spec.read_only:
        raise Invalid("must not set ReadOnly mode when using anonymous volumes")
    driver = options.driver_config.name if options and options.driver_config else ""
    return MountPoint(
        type="volume",
        name=spec.source,
        destination=destination,
        driver=driver,
        mode="z",
        rw=not spec.read_only,
        anonymous=not spec.source,
        no_copy=bool(options and options.no_copy) or bool(subpath),
        subpath=subpath,
    )


def _tmpfs(spec: MountSpec, destination: str) -> MountPoint:
    _only(spec, "TmpfsOptions")
    if spec.source:
        raise Invalid("field Source must not be specified")
    options = tmpfs_options(spec.tmpfs_options or TmpfsOptions())
    return MountPoint(type="tmpfs", destination=destination, rw=not spec.read_only, options=options)


def tmpfs_options(options: TmpfsOptions) -> tuple[str, ...]:
    """Return mount options, sizes in bytes. Raises Invalid for what tmpfs does not know."""
    if options.size_bytes < 0:
        raise Invalid("tmpfs size must not be negative")
    words = [f"mode={options.mode:o}"] if options.mode else []
    words += [f"size={options.size_bytes}"] if options.size_bytes else []
    for option in options.options or ():
        if len(option) != 1 or option[0] not in _FLAGS:
            raise Invalid(f"invalid option: {'='.join(option)!r} (want one of {', '.join(_FLAGS)})")
        words.append(option[0])
    return tuple(words)


def _image(spec: MountSpec, destination: str) -> MountPoint:
    if not spec.source:
        raise Invalid("field Source must not be empty")
    _only(spec, "ImageOptions")
    subpath = spec.image_options.subpath if spec.image_options else ""
    _check_subpath(subpath, "subpath must be a relative path within the image")
    return MountPoint(type="image", name=spec.source, destination=destination, rw=False, subpath=subpath)


def _check_subpath(subpath: str, fault: str) -> None:
    if subpath and (subpath.startswith("/") or posixpath.normpath(subpath).split("/")[0] == ".."):
        raise Invalid(fault)


_READERS: dict[str, Callable[[MountSpec, str], MountPoint]] = {
    "bind": _bind,
    "volume": _volume,
    "tmpfs": _tmpfs,
    "image": _image,
}
