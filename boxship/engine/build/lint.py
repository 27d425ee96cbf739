"""Rules of style and safety for Dockerfiles, with BuildKit's names: `--check`, and warnings of builds. Pure.

Source: Docker's build checks reference.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from boxship.engine.build import lintvars
from boxship.engine.build.api import Warned
from boxship.engine.build.dockerfile.values import (
    Arg,
    Cmd,
    Command,
    Dockerfile,
    Entrypoint,
    Env,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Workdir,
)
from boxship.engine.build.lintvars import EnvOf, Found
from boxship.engine.build.scope import Scope

URL = "https://docs.docker.com/go/dockerfile/rule/"
_SECRET = re.compile(
    r"(^|_)(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(_|$)", re.IGNORECASE
)
_PUBLIC = re.compile(r"(^|_)public(_|$)", re.IGNORECASE)
_RESERVED = ("scratch", "context")


def check(
    dockerfile: Dockerfile, scope: Scope, file: str, ignore: Sequence[str] = (), env_of: EnvOf = lambda _: None
) -> tuple[Warned, ...]:
    """Return warnings in the order of lines; the directive `check=skip=Rule,…` leaves rules out, `experimental=Rule,…`
    adds those that are off. ignore: patterns of `.dockerignore`."""
    directive = dockerfile.directives.get("check", "")
    found = [each for rule in _RULES for each in rule(dockerfile)]
    found += [("UndefinedArgInFrom", text, inst) for text, inst in _undefined(dockerfile, scope)]
    found += [*lintvars.undefined(dockerfile, scope, env_of), *lintvars.defaults(dockerfile, scope)]
    found += [*lintvars.ignored(dockerfile, ignore), *lintvars.ports(dockerfile)]
    if _experimental(directive, "InvalidDefinitionDescription"):
        found += lintvars.descriptions(dockerfile)
    made = warned(dockerfile, found, file)
    empty, skipped = "NoEmptyContinuation", _skipped(directive)
    if skipped is not None and empty.lower() not in skipped:
        where = URL + _kebab(empty) + "/"
        made += [
            Warned(rule=empty, text="Empty continuation line", url=where, line=line, file=file)
            for line in dockerfile.empties
        ]
    return tuple(sorted(made, key=lambda warning: (warning.line, warning.rule)))


def warned(dockerfile: Dockerfile, found: Iterable[tuple[str, str, Instruction]], file: str) -> list[Warned]:
    """Return what rules have found as warnings, without the rules that the directive leaves out."""
    skipped = _skipped(dockerfile.directives.get("check", ""))
    if skipped is None:
        return []
    return [
        Warned(
            rule=rule, text=text, url=URL + _kebab(rule) + "/", line=each.line.first, file=file, detail=each.line.text
        )
        for rule, text, each in found
        if rule.lower() not in skipped and each.line.first
    ]


def fails(dockerfile: Dockerfile) -> bool:
    """Tell whether warnings are to end the build: `check=error=true`."""
    return "error=true" in dockerfile.directives.get("check", "").replace(" ", "").lower().split(";")


def _experimental(directive: str, rule: str) -> bool:
    for part in directive.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "experimental":
            return value.strip() == "all" or rule.lower() in [word.strip().lower() for word in value.split(",")]
    return False


def _skipped(directive: str) -> frozenset[str] | None:
    """Return the rules to leave out in lower case, None for all."""
    for part in directive.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "skip":
            if value.strip() == "all":
                return None
            return frozenset(rule.strip().lower() for rule in value.split(","))
    return frozenset()


def _kebab(rule: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", rule).lower()


def _instructions(dockerfile: Dockerfile) -> Iterator[Instruction]:
    yield from dockerfile.args
    for stage in dockerfile.stages:
        yield stage.base
        yield from stage.instructions


def _casing(dockerfile: Dockerfile) -> Found:
    """ConsistentInstructionCasing: one way to write keywords."""
    written = [(_keyword(each), each) for each in _instructions(dockerfile) if each.line.source]
    lower = sum(word.islower() for word, _ in written)
    want_lower = lower > len(written) / 2
    for word, each in written:
        if word != (word.lower() if want_lower else word.upper()):
            style = "lowercase" if want_lower else "uppercase"
            text = f"Command '{word}' should match the case of the command majority ({style})"
            yield "ConsistentInstructionCasing", text, each


def _keyword(each: Instruction) -> str:
    line = each.line
    return line.source[line.first - 1].split()[0] if line.first <= len(line.source) else line.keyword


def _stage_names(dockerfile: Dockerfile) -> Found:
    for stage in dockerfile.stages:
        base = stage.base
        written = base.line.rest.split()
        if len(written) >= 3:
            if written[-1] != written[-1].lower():
                yield "StageNameCasing", f"Stage name '{written[-1]}' should be lowercase", base
            keyword = _keyword(base)
            if written[-2].isupper() != keyword.isupper():
                text = f"'{written[-2]}' and '{keyword}' keywords' casing do not match"
                yield "FromAsCasing", text, base
        if base.name in _RESERVED:
            yield "ReservedStageName", f'Stage name should not use the same name as reserved stage "{base.name}"', base
        if base.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            text = (
                f"Setting platform to predefined {base.platform} in FROM is redundant as this is the default behavior"
            )
            yield "RedundantTargetPlatform", text, base
        elif base.platform and "$" not in base.platform:
            text = f'FROM --platform flag should not use constant value "{base.platform}"'
            yield "FromPlatformFlagConstDisallowed", text, base


def _commands(dockerfile: Dockerfile) -> Found:
    for stage in dockerfile.stages:
        for kind in (Cmd, Entrypoint, Healthcheck):
            same = [each for each in stage.instructions if isinstance(each, kind)]
            for last in same[:-1]:
                word = last.line.keyword
                text = (
                    f"Multiple {word} instructions should not be used in the same stage because only the last one "
                    "will be used"
                )
                yield "MultipleInstructionsDisallowed", text, last
        shell = any(each.line.keyword == "SHELL" for each in stage.instructions)
        for each in stage.instructions:
            if isinstance(each, Command) and each.words is None and each.shell and not shell:
                text = (
                    f"JSON arguments recommended for {each.line.keyword} to prevent unintended behavior related to OS "
                    "signals"
                )
                yield "JSONArgsRecommended", text, each


def _single(dockerfile: Dockerfile) -> Found:
    for stage in dockerfile.stages:
        absolute = False
        for each in stage.instructions:
            match each:
                case Maintainer():
                    text = "Maintainer instruction is deprecated in favor of using label"
                    yield "MaintainerDeprecated", text, each
                case Workdir(path=path):
                    if not path.startswith(("/", "$")) and not absolute:
                        text = f'Relative workdir "{path}" can have unexpected results if the base image changes'
                        yield "WorkdirRelativePath", text, each
                    absolute = True
                case Env() | Label():
                    if "=" not in each.line.rest.split()[0]:
                        word = each.line.keyword
                        text = f'"{word} key=value" should be used instead of legacy "{word} key value" format'
                        yield "LegacyKeyValueFormat", text, each
                case _:
                    continue


def _secrets(dockerfile: Dockerfile) -> Found:
    for each in _instructions(dockerfile):
        if isinstance(each, Arg | Env):
            for name, _ in each.pairs:
                if _SECRET.search(name) and not _PUBLIC.search(name):
                    text = f'Do not use ARG or ENV instructions for sensitive data ({each.line.keyword} "{name}")'
                    yield "SecretsUsedInArgOrEnv", text, each


def _duplicates(dockerfile: Dockerfile) -> Found:
    seen: set[str] = set()
    for stage in dockerfile.stages:
        if stage.name and stage.name in seen:
            yield "DuplicateStageName", f'Duplicate stage name "{stage.name}", stage names should be unique', stage.base
        seen.add(stage.name)


def _undefined(dockerfile: Dockerfile, scope: Scope) -> Iterator[tuple[str, Instruction]]:
    for stage in dockerfile.stages:
        for match in re.finditer(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?=\}|[^A-Za-z0-9_:]|$)", stage.base.image):
            if match[1] not in scope.args:
                yield f"FROM argument '{match[1]}' is not declared", stage.base


_RULES: tuple[Callable[[Dockerfile], Found], ...] = (
    _casing,
    _stage_names,
    _commands,
    _single,
    _secrets,
    _duplicates,
)
