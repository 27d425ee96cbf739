"""`POST /boxship/build`: its request -> BuildSpec, progress -> what the client is told. Pure.

Progress has the shape of BuildKit's SolveStatus in JSON, as `--progress rawjson` shows it.
"""

import base64
from typing import Any

import msgspec

from boxship.base.codec import decode
from boxship.base.errors import Invalid, PlatformError
from boxship.base.units import rfc3339
from boxship.engine.build.api import (
    Advanced,
    BuildResult,
    BuildSpec,
    CacheRef,
    Checked,
    Completed,
    Output,
    Owner,
    Planned,
    Progress,
    Started,
    Vertex,
    Warned,
    Written,
)
from boxship.engine.build.errors import BuildFailed
from boxship.engine.images.manifest import parse_platforms
from boxship.engine.images.reference import parse
from boxship.model.container import HostSpec, Ulimit

Told = dict[str, Any]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """A name that is not known is an error, not an ignored wish."""


class Part(_Strict, frozen=True, kw_only=True):
    """One `--output`, `--cache-from` or `--cache-to`."""

    type: str
    id: str = ""
    attributes: dict[str, str] = {}


class Limit(_Strict, frozen=True, kw_only=True):
    name: str
    soft: int
    hard: int


class Host(_Strict, frozen=True, kw_only=True):
    """Limits and surroundings of RUN, with the names of containers' HostConfig."""

    memory: int = 0
    memory_swap: int = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    shm_size: int = 0
    extra_hosts: tuple[str, ...] = ()
    ulimits: tuple[Limit, ...] = ()
    security_opt: tuple[str, ...] = ()


class SecretOwner(_Strict, frozen=True, kw_only=True):
    """What a secret's file is to be; see engine.build.api.Owner."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class Wish(_Strict, frozen=True, kw_only=True):
    """The request. See engine.build.api.BuildSpec; platform: several are parted by commas.  check: only tell what the
    rules have to say."""

    context: str = ""
    contexts: dict[str, str] = {}
    dockerfile: str = "Dockerfile"
    text: str | None = None
    separate: bool = False
    target: str = ""
    build_args: dict[str, str] = {}
    labels: dict[str, str] = {}
    platform: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    host: Host = Host()
    network: str = ""
    allow: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    outputs: tuple[Part, ...] = ()
    cache_from: tuple[Part, ...] = ()
    cache_to: tuple[Part, ...] = ()
    attests: dict[str, dict[str, str]] = {}
    secrets: dict[str, SecretOwner] = {}
    check: bool = False


ENTITLEMENTS = frozenset(("network.host", "security.insecure"))


def parse_wish(text: bytes) -> tuple[BuildSpec, bool]:
    """Return what is asked for, and whether only checks are. Raises Invalid."""
    wish = decode(text, Wish)
    for name in wish.allow:
        if name not in ENTITLEMENTS:
            raise Invalid(f"invalid entitlement {name}: want {' or '.join(sorted(ENTITLEMENTS))}")
    platforms = parse_platforms(wish.platform)
    return BuildSpec(
        context=wish.context,
        contexts=wish.contexts,
        dockerfile=wish.dockerfile,
        text=wish.text,
        separate=wish.separate,
        target=wish.target,
        build_args=dict(wish.build_args),
        labels=wish.labels,
        platform=platforms[0] if len(platforms) == 1 else "",
        platforms=platforms if len(platforms) > 1 else (),
        no_cache=wish.no_cache,
        no_cache_stages=wish.no_cache_filter,
        pull=wish.pull,
        host=_host(wish.host),
        network=wish.network,
        entitlements=frozenset(wish.allow),
        tags=tuple(parse(tag).with_default_tag().familiar for tag in wish.tags),
        outputs=tuple(Output(kind=o.type, id=o.id, attributes=o.attributes) for o in wish.outputs) or (Output(),),
        cache_from=tuple(CacheRef(kind=c.type, attributes=c.attributes) for c in wish.cache_from),
        cache_to=tuple(CacheRef(kind=c.type, attributes=c.attributes) for c in wish.cache_to),
        attests=wish.attests,
        secrets={id: Owner(uid=one.uid, gid=one.gid, mode=one.mode) for id, one in wish.secrets.items()},
        epoch=epoch(wish.build_args.get("SOURCE_DATE_EPOCH", "")),
    ), wish.check


def epoch(text: str) -> int | None:
    """Return SOURCE_DATE_EPOCH in seconds, None without one. Raises Invalid."""
    if not text:
        return None
    if not text.isdecimal():
        raise Invalid(f"invalid SOURCE_DATE_EPOCH: {text}")
    return int(text)


def _host(host: Host) -> HostSpec:
    plain = ("memory", "memory_swap", "cpu_shares", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems")
    return HostSpec(
        **{name: getattr(host, name) for name in (*plain, "cgroup_parent", "shm_size")},
        extra_hosts=host.extra_hosts or None,
        ulimits=tuple(Ulimit(name=each.name, soft=each.soft, hard=each.hard) for each in host.ulimits) or None,
        security_opt=host.security_opt or None,
    )


# ---- what the client is told


def told(progress: Progress) -> Told:
    """Return one SolveStatus."""
    match progress:
        case Planned(vertexes=vertexes):
            return {"vertexes": [_vertex(vertex) for vertex in vertexes]}
        case Started(vertex=vertex, time=time):
            return {"vertexes": [{**_vertex(vertex), "started": rfc3339(time)}]}
        case Completed(vertex=vertex):
            times = {"started": rfc3339(progress.started), "completed": rfc3339(progress.time)}
            found = {**_vertex(vertex), **times}
            found |= {"cached": True} if progress.cached else {}
            found |= {"error": progress.error} if progress.error else {}
            return {"vertexes": [found]}
        case Written(vertex=vertex):
            data = base64.b64encode(progress.text).decode()
            line = {"vertex": vertex.digest, "stream": progress.stream, "data": data}
            return {"logs": [{**line, "timestamp": rfc3339(progress.time)}]}
        case Advanced():
            return {"statuses": [_status(progress)]}
        case Warned():
            return {"warnings": [_warning(progress)]}


def _vertex(vertex: Vertex) -> Told:
    found: Told = {"digest": vertex.digest, "name": vertex.name}
    return found | ({"inputs": list(vertex.inputs)} if vertex.inputs else {})


def _status(progress: Advanced) -> Told:
    found: Told = {
        "id": progress.id,
        "vertex": progress.vertex.digest,
        "name": progress.id,
        "total": progress.total,
        "current": progress.current,
        "timestamp": rfc3339(progress.time),
        "started": rfc3339(progress.started),
    }
    return found | ({"completed": rfc3339(progress.completed)} if progress.completed else {})


def _warning(warned: Warned) -> Told:
    return {
        "rule": warned.rule,
        "short": warned.text,
        "detail": warned.detail,
        "url": warned.url,
        "file": warned.file,
        "line": warned.line,
    }


def ended(result: BuildResult) -> Told:
    return {"Ended": {"ImageID": result.image_id, "Digest": result.digest, "Metadata": result.metadata}}


def checked(found: Checked) -> Told:
    return {"Checked": {"Warnings": [_warning(each) for each in found.warnings], "Error": found.error}}


def failed(error: PlatformError) -> Told:
    """Return how a build ended that did not come to its end. Excerpt: the lines of the Dockerfile to blame."""
    found: Told = {"Message": str(error)}
    if isinstance(error, BuildFailed):
        found |= {"Message": f"failed to solve: {error}", "Excerpt": error.shown, "ExitCode": error.exit_code}
    return {"Failed": found}
