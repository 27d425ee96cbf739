"""`--change` of docker import and docker commit: Dockerfile instructions that touch an image's configuration. Pure."""

import re
from collections.abc import Callable, Sequence

import msgspec

from boxship.base.codec import decode
from boxship.base.errors import Invalid
from boxship.base.units import parse_duration
from boxship.model.container import HealthSpec
from boxship.model.image import ImageConfig

_PAIR = re.compile(r"""\s*([^\s=]+)=((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])*)""")
_SHELL = ("/bin/sh", "-c")
_replace = msgspec.structs.replace


def apply(config: ImageConfig, changes: Sequence[str]) -> ImageConfig:
    """Return `config` after the instructions, in order. Raises Invalid with dockerd's sentences."""
    for line in (line.strip() for change in changes for line in change.splitlines()):
        if line:
            word, _, rest = line.partition(" ")
            instruction = _INSTRUCTIONS.get(word.upper())
            if instruction is None:
                raise Invalid(f"{word.lower()} is not a valid change command")
            config = instruction(config, rest.strip())
    return config


def _cmd(config: ImageConfig, rest: str) -> ImageConfig:
    return _replace(config, cmd=_command(config, rest))


def _entrypoint(config: ImageConfig, rest: str) -> ImageConfig:
    return _replace(config, entrypoint=_command(config, rest) if rest else None)


def _env(config: ImageConfig, rest: str) -> ImageConfig:
    env = dict(entry.partition("=")[::2] for entry in config.env)
    env.update(_pairs(rest, "ENV"))
    return _replace(config, env=tuple(f"{key}={value}" for key, value in env.items()))


def _label(config: ImageConfig, rest: str) -> ImageConfig:
    return _replace(config, labels={**config.labels, **_pairs(rest, "LABEL")})


def _expose(config: ImageConfig, rest: str) -> ImageConfig:
    ports = {port for word in _words(rest, "EXPOSE") for port in _ports(word)}
    return _replace(config, exposed_ports=tuple(sorted({*config.exposed_ports, *ports})))


def _ports(word: str) -> list[str]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", word, re.IGNORECASE)
    if not match or int(match[1]) > 65535 or int(match[2] or 0) > 65535:
        raise Invalid(f"invalid containerPort: {word}")
    protocol = (match[3] or "tcp").lower()
    return [f"{port}/{protocol}" for port in range(int(match[1]), int(match[2] or match[1]) + 1)]


def _volume(config: ImageConfig, rest: str) -> ImageConfig:
    paths = _json_words(rest) or tuple(_words(rest, "VOLUME"))
    return _replace(config, volumes=tuple(sorted({*config.volumes, *paths})))


def _workdir(config: ImageConfig, rest: str) -> ImageConfig:
    _words(rest, "WORKDIR")
    path = rest if rest.startswith("/") else f"{config.working_dir.rstrip('/')}/{rest}"
    return _replace(config, working_dir=path)


def _user(config: ImageConfig, rest: str) -> ImageConfig:
    return _replace(config, user=_one(rest, "USER"))


def _stop_signal(config: ImageConfig, rest: str) -> ImageConfig:
    return _replace(config, stop_signal=_one(rest, "STOPSIGNAL"))


def _on_build(config: ImageConfig, rest: str) -> ImageConfig:
    _words(rest, "ONBUILD")
    trigger = rest.split()[0].upper()
    if trigger == "ONBUILD":
        raise Invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("FROM", "MAINTAINER"):
        raise Invalid(f"{trigger} isn't allowed as an ONBUILD trigger")
    return _replace(config, on_build=(*(config.on_build or ()), rest))


def _shell(config: ImageConfig, rest: str) -> ImageConfig:
    words = _json_words(rest)
    if not words:
        raise Invalid("SHELL requires the arguments to be in JSON form")
    return _replace(config, shell=words)


def _healthcheck(config: ImageConfig, rest: str) -> ImageConfig:
    """`[--interval=5s …] CMD …` or `NONE`."""
    options: dict[str, str] = {}
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        options[match[1]], rest = match[2], rest[match.end() :]
    kind, _, command = rest.partition(" ")
    if kind.upper() == "NONE":
        return _replace(config, healthcheck=HealthSpec(test=("NONE",)))
    if kind.upper() != "CMD" or not command.strip():
        raise Invalid(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    words = _json_words(command)
    durations = ("interval", "timeout", "start-period", "start-interval")
    unknown = set(options) - {*durations, "retries"}
    if unknown:
        raise Invalid(f"Unknown flag: {min(unknown)}")
    spec = HealthSpec(
        test=("CMD", *words) if words else ("CMD-SHELL", command.strip()),
        retries=_count(options.get("retries", "0")),
        **{name.replace("-", "_"): parse_duration(options[name]) for name in durations if name in options},
    )
    return _replace(config, healthcheck=spec)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise Invalid(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _command(config: ImageConfig, rest: str) -> tuple[str, ...]:
    words = _json_words(rest)
    if words is not None:
        return words
    return (*(config.shell or _SHELL), rest) if rest else ()


def _json_words(rest: str) -> tuple[str, ...] | None:
    if not rest.startswith("["):
        return None
    try:
        return decode(rest, tuple[str, ...])
    except Invalid:
        return None  # then it is a shell's line that begins with a bracket


def _words(rest: str, instruction: str) -> list[str]:
    words = rest.split()
    if not words:
        raise Invalid(f"{instruction} requires at least one argument")
    return words


def _one(rest: str, instruction: str) -> str:
    if len(rest.split()) != 1:
        raise Invalid(f"{instruction} requires exactly one argument")
    return rest


def _pairs(rest: str, instruction: str) -> dict[str, str]:
    """`a=b c="d e"`, or the old form `name the whole rest`."""
    words = _words(rest, instruction)
    if "=" not in words[0]:
        name, _, value = rest.partition(" ")
        if not value.strip():
            raise Invalid(f"{instruction} must have two arguments")
        return {name: value.strip()}
    found, at = {}, 0
    while at < len(rest):
        match = _PAIR.match(rest, at)
        if match is None:
            raise Invalid(f"Syntax error - can't find = in {rest[at:].split()[0]!r}. Must be of the form: name=value")
        found[_unquoted(match[1])] = _unquoted(match[2])
        at = match.end()
        at += len(rest[at:]) - len(rest[at:].lstrip())
    return found


def _unquoted(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        double, single, escaped = match[1], match[2], match[3]
        if double is not None:
            return re.sub(r'\\(["\\$])', r"\1", double)
        return single if single is not None else escaped

    return re.sub(r'"((?:\\.|[^"\\])*)"' r"|'([^']*)'" r"|\\(.)", plain, text)


_INSTRUCTIONS: dict[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
