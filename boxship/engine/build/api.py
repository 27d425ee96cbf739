"""What a build is asked for, what it tells while it runs, and what it needs of whoever asks. Values and Protocols only.

    result = await builder.build(spec, sources, tell)

Every door makes a BuildSpec and a Sources of its own, and renders the Progress it is told.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from boxship.model.container import HostSpec

CONTEXT, DOCKERFILE, IGNORE = "context", "dockerfile", "ignore"


class CacheRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a cache is taken from or put. kind: registry, local (Sources' blobs), inline, image.  attributes: as
    `--cache-from` has them: ref, src, dest, mode …"""

    kind: str
    attributes: dict[str, str] = {}


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to make of the result. kind: image (kept and tagged here), docker or oci (an archive), tar (the file
    system as an archive), local (the file system as a directory), registry (image, then pushed), none.

    id: tells the receiver which of several outputs it gets.
    attributes: as `--output` has them: name, push, rewrite-timestamp …
    """

    kind: str = "image"
    id: str = ""
    attributes: dict[str, str] = {}


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a secret's file is, and its permission bits; None leaves it to the step."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class BuildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a build that is no bytes.

    context:     "" is the directory that Sources gives for CONTEXT; else a git or http(s) URL.
    contexts:    named contexts: name -> "docker-image://ref", "oci-layout://…", a URL, "local:NAME" (Sources' directory
                 NAME), or "input:NAME" (the result `inputs[NAME]`).
    inputs:      results of other builds, by name: image ids; those of one of several platforms as "NAME::PLATFORM".
    dockerfile:  path of the Dockerfile in its directory, or its whole text when `text` is not None.
    separate:    the Dockerfile is in Sources' directory DOCKERFILE, not in the context.
    target:      name or number of the stage wanted, "" for the last.
    build_args:  a value None takes the variable only if it was set for this daemon: as if it were not given.
    labels:      put on the result.
    platform:    "os/arch[/variant]" wanted of base images, "" for this machine's.
    platforms:   one result is made for each, and an index of all; () makes one, for `platform`, and no index.
    no_cache:    run every step.  no_cache_stages: only those of these stages.
    pull:        ask registries for newer base images.
    host:        limits, shm_size, ulimits, extra_hosts, dns, security_opt, isolation and cgroup parent for RUN.
    network:     "" or default, host, none, container:… or a network's name, for RUN.
    entitlements: what RUN may ask for: "network.host", "security.insecure".
    tags:        names for the result.
    attests:     statements about the result, by type (provenance, sbom), with the attributes of `--attest`.
    epoch:       seconds since 1970 that SOURCE_DATE_EPOCH gives; None takes the base image's.
    secrets:     owner and mode of secrets, by id, where the step that mounts one does not say.
    keep_steps:  make an image of every step, as the classic builder does.
    session:     mount caches of `RUN --mount=type=cache` are the daemon's, whatever this says; kept for progress.
    """

    context: str = ""
    contexts: dict[str, str] = {}
    inputs: dict[str, str] = {}
    dockerfile: str = "Dockerfile"
    text: str | None = None
    separate: bool = False
    target: str = ""
    build_args: dict[str, str | None] = {}
    labels: dict[str, str] = {}
    platform: str = ""
    platforms: tuple[str, ...] = ()
    no_cache: bool = False
    no_cache_stages: tuple[str, ...] = ()
    pull: bool = False
    host: HostSpec = HostSpec()
    network: str = ""
    entitlements: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = (Output(),)
    cache_from: tuple[CacheRef, ...] = ()
    cache_to: tuple[CacheRef, ...] = ()
    attests: dict[str, dict[str, str]] = {}
    epoch: int | None = None
    secrets: dict[str, Owner] = {}
    keep_steps: bool = False
    session: str = ""


class Contents(Protocol):
    """What a directory holds, or is going to hold, known without looking there. For contexts that are sent whole."""

    def fingerprint(
        self, sources: Sequence[str], ignore: Sequence[str], exclude: Sequence[str], parents: bool
    ) -> str | None:
        """Return what host.api.files.Trees.fingerprint would; None when the files must be asked. For a thread."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return a regular file's contents, None when the files must be asked. Raises NotFound."""
        ...

    async def fill(self) -> None:
        """Put the files there. May be repeated, at the same time too."""
        ...


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A directory given to a build; it must stay as it is until the build has ended.

    root:  on the host. Nothing in it is trusted.
    owned: files have their owners on purpose; else all of them count as root's.
    contents: tells of the files; they are there only once `contents.fill` has returned. None: they are there.
    """

    root: Path
    owned: bool = False
    contents: Contents | None = None


class Blobs(Protocol):
    """Content by digest with one manifest on top, somewhere else: an OCI layout at the client's, or a repository."""

    async def manifest(self) -> bytes:
        """Return the manifest on top. Raises NotFound."""
        ...

    def read(self, digest: str, size: int) -> AsyncIterator[bytes]:
        """Yield a blob of `size` bytes. Raises NotFound, at the first piece."""
        ...

    async def has(self, digest: str) -> bool: ...

    async def write(self, digest: str, size: int, pieces: AsyncIterator[bytes]) -> None:
        """Take a blob; one that is there already may be written again."""
        ...

    async def finish(self, manifest: bytes, media_type: str) -> None:
        """Put the manifest on top once all of its blobs are there."""
        ...


class Sources(Protocol):
    """What the one who asked for the build still has to give. Methods may be called at the same time."""

    async def directory(self, name: str, ignore: Sequence[str], only: Sequence[str]) -> Tree:
        """Give the directory CONTEXT, DOCKERFILE or a named one. Asked once per name and build; DOCKERFILE once more
        for each file that is included, named in `only`. IGNORE is the context
        once more, of which only `.dockerignore` is needed; asked for when the Dockerfile is not in the context.

        ignore: patterns (as in .dockerignore) of what need not be brought; leaving out is allowed, not required.
        only:   if any, paths (with wildcards) of what is needed at all.  Raises NotFound."""
        ...

    async def secret(self, id: str) -> bytes | None:
        """Return a secret, None for one that was not given. Never kept, never shown."""
        ...

    def agent(self, id: str) -> AbstractAsyncContextManager[Path | None]:
        """Give the path of a socket that answers as an ssh agent; None when there is none."""
        ...

    async def credentials(self, domain: str) -> Any:
        """Return engine.images.registry.auth.Credentials for a registry, NOBODY without."""
        ...

    def blobs(self, cache: CacheRef) -> Blobs:
        """Give the store of a cache of kind local: `src` or `dest` is its place at the client's. Raises Invalid."""
        ...

    def layout(self, where: str) -> Blobs:
        """Give the OCI layout of a named context, `oci-layout://STORE[:TAG][@DIGEST]`, with what that names on top.
        Raises Invalid."""
        ...

    async def receive(self, output: Output, pieces: AsyncIterator[bytes]) -> None:
        """Take an archive (docker, oci, tar)."""
        ...

    async def receive_tree(self, output: Output, root: Path) -> None:
        """Take a file system (local): copy `root`, which goes away afterwards."""
        ...


# ---- progress


class Vertex(msgspec.Struct, frozen=True, kw_only=True):
    """One step as people see it.

    digest:  "sha256:…", the same for the same step of the same build.
    name:    "[build 2/5] RUN make"; `text` is the instruction alone, `line` where it is (from 1).
    stage:   name or number of its stage; number and total count within it. step and steps count within the build,
             in the Dockerfile's order; 0 for what is no instruction (loading, exporting).
    inputs:  digests of the steps it needs.
    """

    digest: str
    name: str
    text: str = ""
    stage: str = ""
    number: int = 0
    total: int = 0
    step: int = 0
    steps: int = 0
    line: int = 0
    inputs: tuple[str, ...] = ()


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """Told once, before any other: all steps."""

    vertexes: tuple[Vertex, ...]


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """container: id of what runs, for RUN."""

    vertex: Vertex
    time: int
    container: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a step's process has written. stream: 1 or 2."""

    vertex: Vertex
    stream: int
    text: bytes
    time: int


class Advanced(msgspec.Struct, frozen=True, kw_only=True):
    """Something within a step goes on. id: what, "sha256:… extracting".  total 0 is unknown."""

    vertex: Vertex
    id: str
    current: int
    total: int
    time: int
    started: int
    completed: int = 0


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """image: id of the image made of this step, with `keep_steps`.  error: "" unless it failed; "context canceled"
    when it was cut short."""

    vertex: Vertex
    time: int
    started: int
    cached: bool = False
    image: str = ""
    container: str = ""
    error: str = ""


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """A lint rule has something to say. line: from 1."""

    rule: str
    text: str
    url: str = ""
    line: int = 0
    detail: str = ""
    file: str = ""
    vertex: Vertex | None = None


Progress = Planned | Started | Written | Advanced | Completed | Warned
Tell = Callable[[Progress], None]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What lint rules have to say, and what makes a build impossible. error: "" if nothing does."""

    warnings: tuple[Warned, ...] = ()
    error: str = ""


class BuildResult(msgspec.Struct, frozen=True, kw_only=True):
    """image_id: of the result, "" when no image was asked for.  images: all of a build for several platforms, by
    platform.  digest: of the manifest, if there was one.  metadata: as `--metadata-file` shows it."""

    image_id: str = ""
    images: dict[str, str] = {}
    digest: str = ""
    metadata: dict[str, Any] = {}
