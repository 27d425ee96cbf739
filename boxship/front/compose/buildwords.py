"""How a service is built, as the words behind `boxship build`. Pure; what cannot be done is refused by name."""

import posixpath
from collections.abc import Iterator

import msgspec

from boxship.base.errors import Invalid
from boxship.front.compose import labels
from boxship.front.compose.model import Build, FileReference, Project, Service

REMOTE = ("http://", "https://", "git://", "git@", "github.com/", "ssh://")
OTHER_SERVICE = "service:"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says. args: KEY=VALUE, or KEY with the environment's value. ssh: default, or ID=SOCKET.
    provenance, sbom: "" leaves the files'."""

    args: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False
    memory: int = 0
    quiet: bool = False
    ssh: tuple[str, ...] = ()
    provenance: str = ""
    sbom: str = ""
    check: bool = False


def words(project: Project, service: Service, flags: Flags, inline: str = "") -> list[str]:
    """Return flags and context. inline: where dockerfile_inline was written to. Raises Invalid, naming the key."""
    wanted = service.build
    if wanted is None:
        raise Invalid(f"service {service.name} has no build")
    _refuse(service, wanted)
    return [*_words(project, service, wanted, flags, inline), "--", wanted.context]


def _refuse(service: Service, wanted: Build) -> None:
    where = f"services.{service.name}.build"
    if wanted.privileged:
        raise Invalid(f"{where}.privileged is not supported: name what steps may do in `entitlements`")


def _words(project: Project, service: Service, wanted: Build, flags: Flags, inline: str) -> Iterator[str]:
    yield from (f"--tag={name}" for name in dict.fromkeys((project.image_of(service), *wanted.tags)))
    yield from (f"--file={path}" for path in (inline or _dockerfile(wanted),) if path)
    yield from (f"--build-arg={word}" for word in _arguments(project, wanted, flags))
    own = {labels.PROJECT: project.name, labels.SERVICE: service.name, labels.VERSION: labels.AGREES_WITH}
    yield from (f"--label={key}={value}" for key, value in {**wanted.labels, **own}.items())
    yield from (f"--build-context={name}={place}" for name, place in _contexts(project, service, wanted))
    yield from (f"--secret={word}" for word in _secrets(project, service, wanted))
    yield from (f"--ssh={word}" for word in (*_keys(wanted), *flags.ssh))
    yield from (f"--cache-from={word}" for word in wanted.cache_from)
    yield from (f"--cache-to={word}" for word in wanted.cache_to)
    yield from (f"--allow={word}" for word in wanted.entitlements)
    yield from (f"--no-cache-filter={word}" for word in wanted.no_cache_filter)
    yield from (f"--add-host={name}={to}" for name, every in wanted.extra_hosts.items() for to in every)
    for name, limit in sorted(wanted.ulimits.items()):
        yield f"--ulimit={name}={limit.soft or limit.single}:{limit.hard or limit.single}"
    platform = ",".join(wanted.platforms) or service.platform
    platform = platform or project.environment.get("DOCKER_DEFAULT_PLATFORM", "")
    for flag, value in (
        ("target", wanted.target), ("network", wanted.network), ("platform", platform),
        ("isolation", wanted.isolation), ("shm-size", str(wanted.shm_size or "")), ("memory", str(flags.memory or "")),
        ("provenance", flags.provenance or wanted.provenance), ("sbom", flags.sbom or wanted.sbom),
    ):  # fmt: skip
        if value:
            yield f"--{flag}={value}"
    for flag, on in (
        ("no-cache", wanted.no_cache or flags.no_cache),
        ("pull", wanted.pull or flags.pull),
        ("check", flags.check),
    ):
        if on:
            yield f"--{flag}"


def _dockerfile(wanted: Build) -> str:
    """Return its path; "" leaves it to the builder. A remote context has it inside."""
    if not wanted.dockerfile or wanted.context.startswith(REMOTE):
        return wanted.dockerfile
    return posixpath.normpath(posixpath.join(wanted.context, wanted.dockerfile))


def _arguments(project: Project, wanted: Build, flags: Flags) -> Iterator[str]:
    given: dict[str, str | None] = dict(wanted.args)
    for word in flags.args:
        name, sign, value = word.partition("=")
        given[name] = value if sign else None
    for name, text in given.items():
        found = project.environment.get(name) if text is None else text
        if found is not None:
            yield f"{name}={found}"


def _contexts(project: Project, service: Service, wanted: Build) -> Iterator[tuple[str, str]]:
    for name, place in wanted.additional_contexts.items():
        if not place.startswith(OTHER_SERVICE):
            yield name, place
            continue
        other = project.everything.get(place.removeprefix(OTHER_SERVICE))
        if other is None:
            raise Invalid(f"services.{service.name}.build.additional_contexts.{name}: no such service: {place}")
        yield name, f"docker-image://{project.image_of(other)}"


def _secrets(project: Project, service: Service, wanted: Build) -> Iterator[str]:
    for reference in wanted.secrets:
        found = project.secrets.get(reference.source)
        if found is None or found.external:
            which = "undefined" if found is None else "external"
            raise Invalid(f"services.{service.name}.build.secrets refers to {which} secret {reference.source}")
        place = f"src={found.file}" if found.file else f"env={found.environment}"
        yield f"id={reference.target or reference.source},{place}{_owner(reference)}"


def _owner(reference: FileReference) -> str:
    told = {"uid": reference.uid, "gid": reference.gid}
    mode = "" if reference.mode is None else f",mode={reference.mode:o}"
    return "".join(f",{key}={value}" for key, value in told.items() if value) + mode


def _keys(wanted: Build) -> Iterator[str]:
    for key in wanted.ssh:
        yield f"{key.id or 'default'}={key.path}" if key.path else key.id or "default"
