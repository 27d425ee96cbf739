"""`POST /build` of the classic builder: its query -> BuildSpec, progress -> its stream of lines. Pure.

Steps run side by side; the stream shows them one after the other, in the Dockerfile's order, as old clients expect.
"""

import base64
import binascii
import codecs
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from boxship.base.codec import decode
from boxship.base.errors import Invalid, PlatformError, Unsupported
from boxship.base.ids import short
from boxship.engine.build.api import (
    Advanced,
    BuildResult,
    BuildSpec,
    CacheRef,
    Completed,
    Output,
    Planned,
    Progress,
    Started,
    Vertex,
    Warned,
    Written,
)
from boxship.engine.build.errors import BuildFailed
from boxship.engine.images.reference import parse
from boxship.engine.images.registry.auth import NOBODY, Credentials, parse_credentials
from boxship.front.rest.version import Version
from boxship.model.container import HostSpec, Ulimit

Line = dict[str, Any]
CLIENT_SESSION, UPLOAD = "client-session", "upload-request"  # where contexts are that no URL names
RED, PLAIN = "\x1b[91m", "\x1b[0m"
_FALSE = frozenset(("", "0", "no", "false", "none"))
_NUMBERS = {
    "memory": "memory",
    "memswap": "memory_swap",
    "cpushares": "cpu_shares",
    "cpuperiod": "cpu_period",
    "cpuquota": "cpu_quota",
    "shmsize": "shm_size",
}
_TEXTS = {"cpusetcpus": "cpuset_cpus", "cpusetmems": "cpuset_mems", "cgroupparent": "cgroup_parent"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request. quiet: only the image's id is wanted.  remove: say that containers of steps go away.
    build_id: for `/build/cancel`."""

    spec: BuildSpec
    quiet: bool = False
    remove: bool = True
    build_id: str = ""


def parse_query(query: Mapping[str, str], many: Mapping[str, Sequence[str]], version: Version) -> Asked:
    """Return what is asked. many: values of parameters that may be repeated. Raises Invalid, Unsupported."""
    if query.get("version", "1") not in ("", "1", "2"):
        raise Unsupported(f"there is no builder of version {query['version']}: 1 and 2 are known")
    if _truth(query, "squash"):
        raise Invalid("squash is only supported with experimental mode")
    if query.get("isolation", "default").lower() not in ("", "default"):
        raise Invalid(f"Unsupported isolation: {query['isolation']!r}")
    tags = tuple(dict.fromkeys(_tag(name) for name in many.get("t", ()) if name))
    args = _object(query, "buildargs")
    spec = BuildSpec(
        context=query.get("remote", ""),
        dockerfile=query.get("dockerfile", "") or "Dockerfile",
        target=query.get("target", ""),
        build_args={name: None if value is None else str(value) for name, value in args.items()},
        labels={name: str(value) for name, value in _object(query, "labels").items()},
        platform=query.get("platform", "") if version >= (1, 32) else "",
        no_cache=_truth(query, "nocache"),
        pull=_truth(query, "pull"),
        host=_host(query, many),
        network=query.get("networkmode", ""),
        entitlements=frozenset({"network.host"}),
        tags=tags,
        outputs=_outputs(query),
        cache_from=tuple(CacheRef(kind="image", attributes={"ref": ref}) for ref in _list(query, "cachefrom")),
        epoch=_epoch(args),
        keep_steps=True,
    )
    return Asked(
        spec=spec,
        quiet=_truth(query, "q"),
        remove=_truth(query, "rm", True),
        build_id=query.get("buildid", ""),
    )


def over_session(asked: Asked, query: Mapping[str, str]) -> Asked:
    """Return what is asked of the builder of version 2, whose context and Dockerfile come over a session."""
    remote = query.get("remote", "")
    spec = msgspec.structs.replace(
        asked.spec,
        context="" if remote in (CLIENT_SESSION, UPLOAD) else remote,
        separate=remote == CLIENT_SESSION,
        outputs=_any_outputs(query),
        cache_from=tuple(CacheRef(kind="registry", attributes={"ref": ref}) for ref in _list(query, "cachefrom")),
        keep_steps=False,
    )
    return msgspec.structs.replace(asked, spec=spec)


def _any_outputs(query: Mapping[str, str]) -> tuple[Output, ...]:
    found = []
    for number, each in enumerate(_list(query, "outputs")):
        if not isinstance(each, dict):
            raise Invalid("outputs must be objects with Type and Attrs")
        attributes = {str(name): str(value) for name, value in (each.get("Attrs") or {}).items()}
        kind = {"moby": "image", "": "image", "cacheonly": "none"}.get(str(each.get("Type", "")), str(each.get("Type")))
        found.append(Output(kind=kind, id=str(number), attributes=attributes))
    return tuple(found) or (Output(),)


def _host(query: Mapping[str, str], many: Mapping[str, Sequence[str]]) -> HostSpec:
    given: dict[str, Any] = {field: _number(query, name) for name, field in _NUMBERS.items() if query.get(name)}
    given |= {field: query[name] for name, field in _TEXTS.items() if query.get(name)}
    hosts = [host for value in many.get("extrahosts", ()) for host in value.split(",") if host]
    limits = tuple(
        Ulimit(name=str(each.get("Name")), soft=int(each.get("Soft", 0)), hard=int(each.get("Hard", 0)))
        for each in _list(query, "ulimits")
        if isinstance(each, dict)
    )
    security = tuple(str(option) for option in _list(query, "securityopt"))
    return HostSpec(**given, extra_hosts=tuple(hosts) or None, ulimits=limits or None, security_opt=security or None)


def _outputs(query: Mapping[str, str]) -> tuple[Output, ...]:
    if query.get("version") == "2":
        return (Output(),)
    for each in _list(query, "outputs"):
        kind = str(each.get("Type", "")) if isinstance(each, dict) else str(each)
        if kind not in ("", "image", "docker", "cacheonly"):
            raise Invalid("multiple or other outputs are only supported by the builder of version 2")
    return (Output(),)


def _epoch(args: Mapping[str, Any]) -> int | None:
    value = args.get("SOURCE_DATE_EPOCH")
    if value in (None, ""):
        return None
    if not str(value).isdecimal():
        raise Invalid(f"invalid SOURCE_DATE_EPOCH: {value}")
    return int(value)


def _tag(name: str) -> str:
    reference = parse(name)
    if reference.digest:
        raise Invalid("refusing to create a tag with a digest reference")
    return reference.with_default_tag().familiar


def _truth(query: Mapping[str, str], name: str, default: bool = False) -> bool:
    value = query.get(name)
    return default if value is None else value.strip().lower() not in _FALSE


def _number(query: Mapping[str, str], name: str) -> int:
    try:
        return int(query[name])
    except ValueError:
        raise Invalid(f'strconv.ParseInt: parsing "{query[name]}": invalid syntax') from None


def _object(query: Mapping[str, str], name: str) -> dict[str, Any]:
    return decode(query[name], dict[str, Any] | None) or {} if query.get(name) else {}  # type: ignore[arg-type]


def _list(query: Mapping[str, str], name: str) -> list[Any]:
    return decode(query[name], list[Any] | None) or [] if query.get(name) else []  # type: ignore[arg-type]


def parse_registry_config(value: str) -> dict[str, Credentials]:
    """Return X-Registry-Config: credentials by host. What cannot be read is nobody's."""
    if not value:
        return {}
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        found = decode(text, dict[str, Any])
        return {host: parse_credentials(each) for host, each in found.items() if isinstance(each, dict)}
    except (Invalid, binascii.Error, ValueError):
        return {}


def credentials_for(known: Mapping[str, Credentials], domain: str) -> Credentials:
    names = [domain, f"https://{domain}", f"https://{domain}/v1/", f"https://{domain}/v2/"]
    if domain in ("docker.io", "index.docker.io"):
        names += ["https://index.docker.io/v1/", "index.docker.io"]
    return next((known[name] for name in names if name in known), NOBODY)


class _Step:
    """What is known of one step until it can be shown."""

    def __init__(self, vertex: Vertex) -> None:
        self.vertex = vertex
        self.lines: list[Line] = []
        self.shown = 0
        self.headed = False
        self.done = False
        self.decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in (1, 2)}


class Classic:
    """Turns progress into lines. remove: say that containers of steps go away."""

    def __init__(self, *, quiet: bool = False, remove: bool = True) -> None:
        self._quiet = quiet
        self._remove = remove
        self._steps: dict[str, _Step] = {}
        self._order: list[_Step] = []
        self._current = 0
        self._unused: list[str] = []

    def feed(self, progress: Progress) -> list[Line]:
        """Return the lines that can be shown now."""
        match progress:
            case Planned(vertexes=vertexes):
                for vertex in vertexes:
                    self._steps[vertex.digest] = step = _Step(vertex)
                    self._order.append(step)
            case Warned(rule="UnusedBuildArg", text=name):
                self._unused.append(name)
            case Warned():
                pass
            case Advanced():
                pass
            case Started() | Written() | Completed():
                step_of = self._steps.get(progress.vertex.digest)
                if step_of is not None:
                    self._note(step_of, progress)
        return [] if self._quiet else self._ready()

    def _note(self, step: _Step, progress: Started | Written | Completed) -> None:
        match progress:
            case Started(container=container):
                if not step.headed:
                    step.headed = True
                    vertex = step.vertex
                    step.lines.append({"stream": f"Step {vertex.step}/{vertex.steps} : {vertex.text}"})
                    step.lines.append({"stream": "\n"})
                if container:
                    step.lines.append({"stream": f" ---> Running in {short(container)}\n"})
            case Written(stream=stream, text=text):
                shown = step.decoders.get(stream, step.decoders[1]).decode(text)
                if shown:
                    step.lines.append({"stream": f"{RED}{shown}{PLAIN}" if stream == 2 else shown})
            case Completed():
                self._completed(step, progress)

    def _completed(self, step: _Step, progress: Completed) -> None:
        step.done = not progress.error
        if progress.error:
            return
        base = step.vertex.text.split(maxsplit=1)[0].upper() == "FROM"
        if progress.cached and not base and step.vertex.stage:
            step.lines.append({"stream": " ---> Using cache\n"})
        if progress.container and self._remove:
            step.lines.append({"stream": f" ---> Removed intermediate container {short(progress.container)}\n"})
        if progress.image:
            step.lines.append({"stream": f" ---> {short(progress.image)}\n"})
        elif step.vertex.stage:
            step.lines.append({"stream": " ---> \n"})

    def _ready(self) -> list[Line]:
        """Return what the present step has, and all of those after it as far as they are done."""
        lines: list[Line] = []
        while self._current < len(self._order):
            step = self._order[self._current]
            lines += step.lines[step.shown :]
            step.shown = len(step.lines)
            if not step.done:
                break
            self._current += 1
        return lines

    def failed(self, error: PlatformError) -> list[Line]:
        """Return the last lines of a build that failed: what the failed step still had, and why."""
        lines: list[Line] = []
        if not self._quiet:
            for step in self._order[self._current :]:
                if isinstance(error, BuildFailed) and step.vertex.line == error.line.first and step.lines:
                    lines += step.lines[step.shown :]
                    step.shown = len(step.lines)
        return [*lines, failure(error)]

    def ended(self, result: BuildResult, tags: Sequence[str]) -> list[Line]:
        if self._quiet:
            return [{"aux": {"ID": result.image_id}}, {"stream": f"{result.image_id}\n"}]
        lines: list[Line] = [{"aux": {"ID": result.image_id}}]
        if self._unused:
            names = " ".join(self._unused)
            lines.append({"stream": f"[Warning] One or more build-args [{names}] were not consumed\n"})
        lines.append({"stream": f"Successfully built {short(result.image_id)}\n"})
        lines += [{"stream": f"Successfully tagged {tag}\n"} for tag in tags]
        return lines


def failure(error: PlatformError) -> Line:
    """Return the line that tells of a failure; clients take their exit code from it."""
    if isinstance(error, BuildFailed):
        message = f"The command '{error.command}' returned a non-zero code: {error.exit_code}"
        return {"errorDetail": {"code": error.exit_code, "message": message}, "error": message}
    return {"errorDetail": {"message": str(error)}, "error": str(error)}
