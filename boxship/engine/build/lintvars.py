"""Rules for Dockerfiles that look at variables, files and ports; see lint. Pure."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from boxship.base.errors import Invalid
from boxship.base.patterns import Patterns, is_wild
from boxship.engine.build.dockerfile.shellwords import ShellError, expand
from boxship.engine.build.dockerfile.source import nearest
from boxship.engine.build.dockerfile.values import (
    Arg,
    Copy,
    Dockerfile,
    Env,
    Expose,
    Instruction,
    Label,
    Run,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from boxship.engine.build.scope import PROXIES, Scope
from boxship.engine.images.reference import parse

Found = Iterator[tuple[str, str, Instruction]]
EnvOf = Callable[[str], frozenset[str] | None]
"""Names of the variables that an image sets; None for an image that is not known."""
_MINDS = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):?[-+?]")  # forms that know what to do without a value


def undefined(dockerfile: Dockerfile, scope: Scope, env_of: EnvOf) -> Found:
    """UndefinedVar: variables that nothing sets. Stages on images that nobody knows yet are left out."""
    known: dict[int, frozenset[str] | None] = {}
    for stage in dockerfile.stages:
        names = _begun(stage, dockerfile, scope, known, env_of)
        if names is None:
            known[stage.index] = None
            continue
        seen = set(names)
        for each in stage.instructions:
            for text in _texts(each):
                yield from _missing(text, seen, each, dockerfile.escape)
            if isinstance(each, Arg | Env):
                seen.update(name for name, _ in each.pairs)
        known[stage.index] = frozenset(seen)


def _begun(
    stage: Stage, dockerfile: Dockerfile, scope: Scope, known: Mapping[int, frozenset[str] | None], env_of: EnvOf
) -> frozenset[str] | None:
    name = scope.text(stage.base.line, stage.base.image, {})
    for earlier in dockerfile.stages[: stage.index]:
        if earlier.name and earlier.name == name.lower():
            return known[earlier.index]
    return frozenset() if name == "scratch" else env_of(name)


def _texts(each: Instruction) -> Iterator[str]:
    match each:
        case Arg(pairs=pairs):
            yield from (value for _, value in pairs if value)
        case Env(pairs=pairs) | Label(pairs=pairs):
            yield from (text for pair in pairs for text in pair)
        case Copy():
            yield from (*each.sources, each.target, each.chown, each.chmod)
        case Run(mounts=mounts):
            yield from mounts
        case Workdir(path=text) | User(user=text) | StopSignal(signal=text):
            yield text
        case Expose(ports=texts) | Volume(paths=texts):
            yield from texts
        case _:
            return


def _missing(text: str, known: set[str], each: Instruction, escape: str) -> Found:
    try:
        unset = expand(text, dict.fromkeys(known, "x"), escape).unset
    except ShellError:  # said where it matters
        return
    for name in sorted(unset - set(_MINDS.findall(text)) - PROXIES):
        hint = nearest(name, known)
        meant = f" (did you mean ${hint}?)" if hint else ""
        yield "UndefinedVar", f"Usage of undefined variable '${name}'{meant}", each


def defaults(dockerfile: Dockerfile, scope: Scope) -> Found:
    """InvalidDefaultArgInFrom: a FROM that means nothing unless somebody gives arguments."""
    bare = Scope(given={}, predefined=scope.predefined, args=dict(scope.predefined), escape=scope.escape)
    for arg in dockerfile.args:
        bare.declare(arg, {})
    for stage in dockerfile.stages:
        base = stage.base
        if "$" not in base.image:
            continue
        try:
            name = bare.text(base.line, base.image, {})
            if name != "scratch":
                parse(name)
        except Invalid:
            text = f"Default value for ARG {base.image} results in empty or invalid base image name"
            yield "InvalidDefaultArgInFrom", text, base


def ignored(dockerfile: Dockerfile, ignore: Sequence[str]) -> Found:
    """CopyIgnoredFile: a COPY of what `.dockerignore` leaves out."""
    patterns = Patterns(ignore)
    if not patterns:
        return
    for stage in dockerfile.stages:
        for each in stage.instructions:
            if not isinstance(each, Copy) or each.origin:
                continue
            for source in each.sources:
                path = posixpath.normpath("/" + source).lstrip("/")
                plain = path and not is_wild(path) and "$" not in path and "://" not in source
                if plain and not patterns.has_exceptions and patterns.match(path):
                    text = (
                        f'Attempting to {each.line.keyword.title()} file "{source}" that is excluded by .dockerignore'
                    )
                    yield "CopyIgnoredFile", text, each


def ports(dockerfile: Dockerfile) -> Found:
    """ExposeProtoCasing and ExposeInvalidFormat."""
    for stage in dockerfile.stages:
        for each in stage.instructions:
            for port in each.ports if isinstance(each, Expose) else ():
                protocol = port.partition("/")[2]
                if "$" not in port and protocol != protocol.lower():
                    text = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                    yield "ExposeProtoCasing", text, each
                if ":" in port and "$" not in port:
                    text = f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                    yield "ExposeInvalidFormat", text, each


def descriptions(dockerfile: Dockerfile) -> Found:
    """InvalidDefinitionDescription, experimental: a comment right above an ARG or a named FROM describes it."""
    named: list[tuple[str, Instruction]] = [(arg.pairs[0][0], arg) for arg in dockerfile.args if arg.pairs]
    named += [(stage.name, stage.base) for stage in dockerfile.stages if stage.name]
    for name, each in named:
        comment = dockerfile.comments.get(each.line.first, "")
        last = comment.splitlines()[-1] if comment else ""
        if last and last.split(maxsplit=1)[0] != name:
            text = (
                "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If "
                "this is not intended to be a description comment, add an empty line or comment between the "
                "instruction and the comment."
            )
            yield "InvalidDefinitionDescription", text, each
