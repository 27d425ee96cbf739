"""What a service mounts, and the volumes, configs and secrets of the project. Pure."""

from boxship.front.compose.model.base import Extended


class BindOptions(Extended, frozen=True, kw_only=True):
    selinux: str = ""
    propagation: str = ""
    create_host_path: bool = False
    recursive: str = ""


class VolumeOptions(Extended, frozen=True, kw_only=True):
    labels: dict[str, str] = {}
    nocopy: bool = False
    subpath: str = ""


class TmpfsOptions(Extended, frozen=True, kw_only=True):
    """size: bytes. mode: permission bits."""

    size: int = 0
    mode: int = 0


class ImageOptions(Extended, frozen=True, kw_only=True):
    subpath: str = ""


class Mount(Extended, frozen=True, kw_only=True):
    """One entry of `volumes` of a service.

    type:   bind, volume, tmpfs, image, npipe or cluster.
    source: an absolute path for bind; the key of a volume of the project (not its name) for volume, "" for an
            anonymous one; an image's reference for image.
    """

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind: BindOptions | None = None
    volume: VolumeOptions | None = None
    tmpfs: TmpfsOptions | None = None
    image: ImageOptions | None = None


class FileReference(Extended, frozen=True, kw_only=True):
    """A config or secret that a service (or a build) reads as a file.

    source: key in the project's configs or secrets. target: path in the container; "" takes /source (configs) or
            /run/secrets/source (secrets); a relative target of a secret lies in /run/secrets. mode: permission bits.
    """

    source: str = ""
    target: str = ""
    uid: str = ""
    gid: str = ""
    mode: int | None = None


class Volume(Extended, frozen=True, kw_only=True):
    """A volume of the project. name: what the engine calls it, project prefix included."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = {}
    external: bool = False
    labels: dict[str, str] = {}


class FileObject(Extended, frozen=True, kw_only=True):
    """A config or secret of the project: exactly one of file, environment, content or external says what is in it.

    file: absolute path. environment: name of a variable; content: the text itself (of configs also what the variable
    of `environment` holds; secrets are read late, and never printed).
    """

    name: str = ""
    file: str = ""
    environment: str = ""
    content: str = ""
    external: bool = False
    labels: dict[str, str] = {}
    driver: str = ""
    driver_opts: dict[str, str] = {}
    template_driver: str = ""
