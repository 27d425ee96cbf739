"""What a client asks of the Dockerfile frontend, as BuildSpec. Pure.

Source: the options that buildx and BuildKit's own client send; Docker's documentation of the Dockerfile frontend.
"""

import csv
from collections.abc import Mapping, Sequence

import msgspec

from boxship.base.codec import decode
from boxship.base.errors import Invalid, Unsupported
from boxship.engine.build.api import BuildSpec, CacheRef, Output
from boxship.engine.build.dockerfile.syntax import is_dockerfile, refusal
from boxship.engine.images.manifest import parse_platforms
from boxship.model.container import HostSpec, Ulimit

FRONTEND, GATEWAY = "dockerfile.v0", "gateway.v0"
KNOWN = frozenset(
    (
        *("target", "platform", "no-cache", "image-resolve-mode", "add-hosts", "shm-size", "ulimit", "cgroup-parent"),
        *("force-network-mode", "filename", "context", "contextkey", "dockerfilekey", "cache-imports", "cache-from"),
        *("frontend.caps", "requestid", "multi-platform"),
    )
)
PREFIXES = ("build-arg:", "label:", "context:", "attest:", "vcs:", "input-metadata:")
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False", "")
_KINDS = {"moby": "image", "image": "image", "registry": "registry", "cacheonly": "none"}
_NO_TREE = "{kind} output to a directory needs a content store of the client's: leave tar=false out"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """context, dockerfile: names under which the client gives these directories.  request: a question about the
    Dockerfile in place of a build.  upload: where a context from standard input is."""

    spec: BuildSpec
    context: str = "context"
    dockerfile: str = "dockerfile"
    request: str = ""
    upload: str = ""


def parse(attrs: Mapping[str, str], inputs: Mapping[str, str], *, uploads: str) -> Asked:
    """Return what is asked, without outputs. inputs: what `input:NAME` contexts are: "ref:ID", or the URL of a context.
    uploads: how URLs of contexts from standard input begin. Raises Invalid, Unsupported."""
    for name in attrs:
        if name not in KNOWN and not name.startswith(PREFIXES):
            raise Unsupported(f"the option {name!r} of the Dockerfile frontend is not supported")
    context = attrs.get("context", "") or _remote(inputs.get("context", ""))
    upload = context if context.startswith(uploads) else ""
    separate = "dockerfilekey" in attrs or not context
    contexts = {name: _context(name, value, inputs) for name, value in _under(attrs, "context:").items()}
    args: dict[str, str | None] = {**_under(attrs, "build-arg:")}
    no_cache = attrs.get("no-cache")
    platforms = parse_platforms(attrs.get("platform", ""))
    indexed = len(platforms) > 1 or attrs.get("multi-platform", "") in _TRUE
    spec = BuildSpec(
        context="" if upload else context,
        contexts=contexts,
        dockerfile=attrs.get("filename", "") or "Dockerfile",
        separate=separate,
        target=attrs.get("target", ""),
        build_args=args,
        labels=_under(attrs, "label:"),
        platform="" if indexed else "".join(platforms),
        platforms=(platforms or ("",)) if indexed else (),
        no_cache=no_cache == "",
        no_cache_stages=tuple(no_cache.split(",")) if no_cache else (),
        pull=attrs.get("image-resolve-mode", "") == "pull",
        host=_host(attrs),
        cache_from=imports_of(attrs),
        attests={name: _attributes(value) for name, value in _under(attrs, "attest:").items()},
        network=_network(attrs.get("force-network-mode", "")),
        epoch=_epoch(args.get("SOURCE_DATE_EPOCH")),
    )
    return Asked(
        spec=spec,
        context=attrs.get("contextkey", "") or "context",
        dockerfile=attrs.get("dockerfilekey", "") or "dockerfile",
        request=attrs.get("requestid", ""),
        upload=upload,
    )


def without_frontend(frontend: str, attrs: Mapping[str, str]) -> Mapping[str, str]:
    """Return the options of the Dockerfile frontend: ours, or its image that a client wants to be run. Raises
    Unsupported for any other."""
    if frontend == FRONTEND:
        return attrs
    source = attrs.get("source", "")
    if frontend != GATEWAY:
        raise Unsupported(f"frontend {frontend!r} is not supported; only {FRONTEND} is")
    if source != FRONTEND and not is_dockerfile(source):
        raise Unsupported(refusal(source))
    return {name: value for name, value in attrs.items() if name not in ("source", "cmdline")}


def outputs_of(exporters: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[Output, ...]:
    """Return the outputs that clients name exporters; their ids are their places. Raises Unsupported."""
    found = []
    for number, (kind, attributes) in enumerate(exporters):
        if kind in ("oci", "docker") and attributes.get("tar", "true") in _FALSE:
            raise Unsupported(_NO_TREE.format(kind=kind))
        found.append(Output(kind=_KINDS.get(kind, kind), id=str(number), attributes=dict(attributes)))
    return tuple(found) or (Output(kind="none"),)


def caches_of(entries: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[CacheRef, ...]:
    return tuple(CacheRef(kind=kind, attributes=dict(attributes)) for kind, attributes in entries)


def imports_of(attrs: Mapping[str, str]) -> tuple[CacheRef, ...]:
    """Return the caches to take from that are among the frontend's options."""
    listed = decode(attrs["cache-imports"], list[_Entry]) if attrs.get("cache-imports") else []
    old = [ref for ref in attrs.get("cache-from", "").split(",") if ref]
    named = tuple(CacheRef(kind="registry", attributes={"ref": ref}) for ref in old)
    return (*(CacheRef(kind=each.type, attributes=each.attrs) for each in listed), *named)


class _Entry(msgspec.Struct, rename={"type": "Type", "attrs": "Attrs"}):
    type: str
    attrs: dict[str, str] = {}


def _under(attrs: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in attrs.items() if name.startswith(prefix)}


def _remote(given: str) -> str:
    return "" if given.startswith("ref:") else given


def _context(name: str, value: str, inputs: Mapping[str, str]) -> str:
    """Return a named context as BuildSpec has it."""
    kind, _, rest = value.partition(":")
    if kind != "input":
        return value
    given = inputs.get(rest)
    if given is None:
        raise Invalid(f"context {name}: the build has no input {rest!r}")
    return value if given.startswith("ref:") else given


def _network(value: str) -> str:
    if value in ("", "default", "sandbox"):
        return ""
    if value in ("host", "none"):
        return value
    raise Invalid(f"invalid netmode {value}")


def _host(attrs: Mapping[str, str]) -> HostSpec:
    return HostSpec(
        shm_size=_number("shm-size", attrs["shm-size"]) if attrs.get("shm-size") else 0,
        cgroup_parent=attrs.get("cgroup-parent", ""),
        extra_hosts=tuple(_hosts(attrs.get("add-hosts", ""))) or None,
        ulimits=tuple(_ulimits(attrs.get("ulimit", ""))) or None,
    )


def _hosts(value: str) -> list[str]:
    """Return "name:address" of "name=address,…"."""
    found = []
    for each in _fields(value):
        name, equals, address = each.partition("=")
        if not name or not equals or not address:
            raise Invalid(f"invalid key-value pair {each}")
        found.append(f"{name}:{address.strip('[]')}")
    return found


def _ulimits(value: str) -> list[Ulimit]:
    found = []
    for each in _fields(value):
        name, equals, limits = each.partition("=")
        soft, _, hard = limits.partition(":")
        if not equals:
            raise Invalid(f"invalid ulimit {each}")
        low = _number("ulimit", soft)
        found.append(Ulimit(name=name, soft=low, hard=_number("ulimit", hard) if hard else low))
    return found


def _attributes(value: str) -> dict[str, str]:
    """Return "mode=min,inline-only=true" as pairs; a word alone is true."""
    pairs = (each.partition("=") for each in _fields(value))
    return {name: text if equals else "true" for name, equals, text in pairs}


def _fields(value: str) -> list[str]:
    return next(csv.reader([value])) if value else []


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Invalid(f"{name}: {text!r} is no number") from None


def _epoch(value: str | None) -> int | None:
    if not value:
        return None
    if not value.isdecimal():
        raise Invalid(f"invalid SOURCE_DATE_EPOCH: {value}")
    return int(value)
