"""Instructions from lines, stages from instructions. Pure.

Sources: Dockerfile reference; what docker 20.10 and BuildKit accept beyond it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from boxship.base.errors import Invalid
from boxship.base.units import parse_duration
from boxship.engine.build.dockerfile import fields
from boxship.engine.build.dockerfile.lexer import Read, heredoc_mark, read
from boxship.engine.build.dockerfile.shellwords import ShellError, marks
from boxship.engine.build.dockerfile.source import DockerfileError, Heredoc, Line, nearest, wrong
from boxship.engine.build.dockerfile.values import (
    Add,
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Include,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    Stage,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from boxship.model.container import HealthSpec

Load = Callable[[str], str]
DEEPEST = 16  # files that include each other
_COPY_FLAGS = {"from": False, "chown": False, "chmod": False, "link": False, "parents": False, "exclude": True}
_ADD_FLAGS = {
    "chown": False,
    "chmod": False,
    "link": False,
    "checksum": False,
    "keep-git-dir": False,
    "unpack": False,
    "exclude": True,
}
_RUN_FLAGS = {"mount": True, "network": False, "security": False, "device": True}
_HEALTH_FLAGS = {"interval": False, "timeout": False, "start-period": False, "start-interval": False, "retries": False}


def parse(text: str, file: str = "Dockerfile", load: Load | None = None) -> Dockerfile:
    """Return a Dockerfile's stages. load: gives the text of a file to INCLUDE. Raises DockerfileError."""
    found = read(text, file)
    instructions = _included(found, load, 0)
    return _staged(instructions, found)


def _included(found: Read, load: Load | None, depth: int) -> list[Instruction]:
    result: list[Instruction] = []
    may_include = "include" in found.directives.get("features", "").replace(",", " ").split()
    for line in found.lines:
        instruction = instruct(line, found.escape, include=may_include or depth > 0)
        if isinstance(instruction, Include):
            result += _include(instruction, load, depth)
        else:
            result.append(instruction)
    return result


def _include(wish: Include, load: Load | None, depth: int) -> list[Instruction]:
    if load is None:
        raise wrong(wish.line, "INCLUDE is not possible here: there is no build context", part=wish.path)
    if depth >= DEEPEST:
        raise wrong(wish.line, f"INCLUDE goes deeper than {DEEPEST} files; does one include itself?", part=wish.path)
    try:
        text = load(wish.path)
    except DockerfileError:
        raise
    except Invalid as e:
        raise wrong(wish.line, str(e), part=wish.path) from e
    return _included(read(text, wish.path), load, depth + 1)


def _staged(instructions: list[Instruction], found: Read) -> Dockerfile:
    args: list[Arg] = []
    stages: list[Stage] = []
    names: set[str] = set()
    for instruction in instructions:
        if isinstance(instruction, From):
            if instruction.name and instruction.name.lower() in names:
                message = f"duplicate name {instruction.name} used by two stages"
                raise wrong(instruction.line, message, part=instruction.name)
            names.add(instruction.name.lower())
            stages.append(Stage(len(stages), instruction, ()))
        elif stages:
            last = stages[-1]
            stages[-1] = replace(last, instructions=(*last.instructions, instruction))
        elif isinstance(instruction, Arg):
            args.append(instruction)
        else:
            raise wrong(instruction.line, "no build stage in current context: the first instruction must be FROM")
    if not stages:
        if not instructions:
            raise DockerfileError("the Dockerfile cannot be empty")
        raise DockerfileError("dockerfile contains no stages to build")
    empties = tuple(empty.line for empty in found.empties)
    return Dockerfile(tuple(args), tuple(stages), found.directives, found.escape, empties, found.comments)


def instruct(line: Line, escape: str = "\\", *, include: bool = False) -> Instruction:
    """Return one instruction. Raises DockerfileError."""
    if line.keyword == "INCLUDE" and include:
        return Include(line=line, path=fields.one(line, line.rest))
    known = _INSTRUCTIONS.get(line.keyword)
    if known is None:
        written = line.source[line.first - 1].split()[0] if line.source else line.keyword
        hint = nearest(line.keyword, _INSTRUCTIONS)
        raise wrong(line, f"unknown instruction: {line.keyword}", part=written, hint=hint)
    return known(line, line.rest, escape)


def trigger(text: str, escape: str = "\\") -> Instruction:
    """Return the instruction of an image's ONBUILD."""
    found = read(text, "ONBUILD")
    if not found.lines:
        raise DockerfileError("an ONBUILD trigger of the base image is empty")
    return instruct(found.lines[0], found.escape if "escape" in found.directives else escape)


def _from(line: Line, rest: str, escape: str) -> Instruction:
    flags, rest = fields.split_flags(line, rest, escape)
    flags.check({"platform": False})
    words = rest.split()
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2]
        if not _stage_name(name.lower()):
            message = f'invalid name for build stage: "{name}", name can\'t start with a number or contain symbols'
            raise wrong(line, message, part=name)
        return From(line=line, image=words[0], name=name.lower(), platform=flags.text("platform"))
    if len(words) != 1:
        raise wrong(line, "FROM requires either one or three arguments")
    return From(line=line, image=words[0], platform=flags.text("platform"))


def _stage_name(name: str) -> bool:
    return name[:1].isascii() and name[:1].isalpha() and all(c.isascii() and (c.isalnum() or c in "-_.") for c in name)


def _arg(line: Line, rest: str, escape: str) -> Instruction:
    found = fields.words(fields.some(line, rest), escape)
    pairs: list[tuple[str, str | None]] = []
    for word in found:
        name, equals, value = word.partition("=")
        if not name:
            raise wrong(line, "ARG names can not be blank", part=word)
        pairs.append((name, value if equals else None))
    return Arg(line=line, pairs=tuple(pairs))


def _env(line: Line, rest: str, escape: str) -> Instruction:
    return Env(line=line, pairs=fields.pairs(line, rest, escape))


def _label(line: Line, rest: str, escape: str) -> Instruction:
    return Label(line=line, pairs=fields.pairs(line, rest, escape))


def _run(line: Line, rest: str, escape: str) -> Instruction:
    flags, rest = fields.split_flags(line, rest, escape)
    flags.check(_RUN_FLAGS)
    network, security = flags.text("network"), flags.text("security")
    if network not in ("", "default", "none", "host"):
        raise wrong(line, f"invalid network mode: {network!r}", part=network)
    if security not in ("", "sandbox", "insecure"):
        raise wrong(line, f"security {security!r} is not valid", part=security)
    if flags.many("device"):
        raise wrong(
            line, "RUN --device is not supported: there is nothing that gives devices to steps", part="--device"
        )
    words = fields.json_words(rest) if not line.heredocs else None
    if words == () or (words is None and not rest.strip()):
        raise wrong(line, "RUN requires at least one argument")
    return Run(
        line=line,
        shell="" if words else rest,
        words=words,
        heredocs=line.heredocs,
        mounts=flags.many("mount"),
        network=network,
        security=security,
    )


def _cmd(line: Line, rest: str, escape: str) -> Instruction:
    words = fields.json_words(rest)
    return Cmd(line=line, shell="" if words is not None else rest, words=words if rest else ())


def _entrypoint(line: Line, rest: str, escape: str) -> Instruction:
    words = fields.json_words(rest)
    return Entrypoint(line=line, shell="" if words is not None else rest, words=words if rest else ())


def _copy(line: Line, rest: str, escape: str) -> Instruction:
    flags, rest = fields.split_flags(line, rest, escape)
    flags.check(_COPY_FLAGS)
    sources, target, heredocs = _placed(line, rest, escape)
    return Copy(
        line=line,
        sources=sources,
        target=target,
        heredocs=heredocs,
        origin=flags.text("from"),
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.boolean("link"),
        parents=flags.boolean("parents"),
        exclude=flags.many("exclude"),
    )


def _add(line: Line, rest: str, escape: str) -> Instruction:
    flags, rest = fields.split_flags(line, rest, escape)
    flags.check(_ADD_FLAGS)
    sources, target, heredocs = _placed(line, rest, escape)
    return Add(
        line=line,
        sources=sources,
        target=target,
        heredocs=heredocs,
        chown=flags.text("chown"),
        chmod=flags.text("chmod"),
        link=flags.boolean("link"),
        exclude=flags.many("exclude"),
        checksum=flags.text("checksum"),
        keep_git_dir=flags.boolean("keep-git-dir"),
        unpack=flags.optional("unpack"),
    )


def _placed(line: Line, rest: str, escape: str) -> tuple[tuple[str, ...], str, tuple[Heredoc, ...]]:
    """Return sources, target and files given in the text itself. Quotes of words stay for the expansion."""
    listed = fields.json_words(rest)
    found = list(listed) if listed is not None else _shell_words(line, rest, escape)
    if len(found) < 2:
        raise wrong(line, f"{line.keyword} requires at least two arguments, but only {len(found)} was provided")
    texts = {heredoc.name: heredoc for heredoc in line.heredocs}
    sources, files = [], []
    for word in found[:-1]:
        mark = heredoc_mark(word) if line.heredocs and listed is None else None
        if mark is not None and mark.name in texts:
            files.append(texts[mark.name])
        else:
            sources.append(word)
    return tuple(sources), found[-1], tuple(files)


def _shell_words(line: Line, rest: str, escape: str) -> list[str]:
    try:
        return list(marks(rest, escape)) if line.heredocs else rest.split()
    except ShellError as e:
        raise wrong(line, str(e)) from e


def _workdir(line: Line, rest: str, escape: str) -> Instruction:
    if not rest:
        raise wrong(line, "WORKDIR requires exactly one argument")
    return Workdir(line=line, path=rest)


def _user(line: Line, rest: str, escape: str) -> Instruction:
    return User(line=line, user=fields.one(line, rest))


def _volume(line: Line, rest: str, escape: str) -> Instruction:
    paths = fields.json_words(rest) or tuple(fields.words(rest, escape))
    if not paths:
        raise wrong(line, "VOLUME requires at least one argument")
    if not all(path.strip() for path in paths):
        raise wrong(line, "VOLUME specified can not be an empty string")
    return Volume(line=line, paths=paths)


def _expose(line: Line, rest: str, escape: str) -> Instruction:
    return Expose(line=line, ports=tuple(fields.words(fields.some(line, rest), escape)))


def _stop_signal(line: Line, rest: str, escape: str) -> Instruction:
    return StopSignal(line=line, signal=fields.one(line, rest))


def _shell(line: Line, rest: str, escape: str) -> Instruction:
    words = fields.json_words(fields.some(line, rest))
    if not words:
        raise wrong(line, "SHELL requires the arguments to be in JSON form", part=rest)
    return Shell(line=line, words=words)


def _healthcheck(line: Line, rest: str, escape: str) -> Instruction:
    flags, rest = fields.split_flags(line, fields.some(line, rest), escape)
    flags.check(_HEALTH_FLAGS)
    kind, _, command = rest.strip().partition(" ")
    if kind.upper() == "NONE":
        if command.strip():
            raise wrong(line, "HEALTHCHECK NONE takes no arguments", part=command.strip())
        return Healthcheck(line=line, health=HealthSpec(test=("NONE",)))
    if kind.upper() != "CMD":
        hint = nearest(kind.upper(), ("CMD", "NONE"))
        raise wrong(line, f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)', part=kind, hint=hint)
    if not command.strip():
        raise wrong(line, "Missing command after HEALTHCHECK CMD", part=kind)
    words = fields.json_words(command)
    return Healthcheck(
        line=line,
        health=HealthSpec(
            test=("CMD", *words) if words else ("CMD-SHELL", command.strip()),
            interval=_duration(line, flags, "interval"),
            timeout=_duration(line, flags, "timeout"),
            start_period=_duration(line, flags, "start-period"),
            start_interval=_duration(line, flags, "start-interval"),
            retries=_retries(line, flags.text("retries")),
        ),
    )


def _duration(line: Line, flags: fields.Flags, name: str) -> int:
    text = flags.text(name)
    if not text:
        return 0
    try:
        value = parse_duration(text)
    except Invalid as e:
        raise wrong(line, str(e), part=text) from e
    if value < 0 or 0 < value < 1_000_000:
        raise wrong(line, f"Interval {name!r} cannot be less than 1ms", part=text)
    return value


def _retries(line: Line, text: str) -> int:
    if not text:
        return 0
    if not text.lstrip("+").isdecimal() or int(text) < 0:
        raise wrong(line, f"--retries must be a whole number of at least 0, not {text}", part=text)
    return int(text)


def _onbuild(line: Line, rest: str, escape: str) -> Instruction:
    word = fields.some(line, rest).split()[0].upper()
    if word == "ONBUILD":
        raise wrong(line, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if word in ("FROM", "MAINTAINER"):
        raise wrong(line, f"{word} isn't allowed as an ONBUILD trigger")
    inner = replace(line, keyword=word, rest=rest.strip()[len(word) :].strip())
    instruct(inner, escape)  # what is wrong is said now, not by those who build on the image
    text = rest.strip()
    if line.heredocs:
        text += "".join(f"\n{h.text}{h.name}" for h in line.heredocs)
    return OnBuild(line=line, text=text)


def _maintainer(line: Line, rest: str, escape: str) -> Instruction:
    return Maintainer(line=line, name=fields.some(line, rest).strip())


_INSTRUCTIONS: Mapping[str, Callable[[Line, str, str], Instruction]] = {
    "ADD": _add,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
