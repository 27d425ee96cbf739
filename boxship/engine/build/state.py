"""What an image in the making is after each instruction: settings, layers, history. Pure."""

import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from boxship.engine.build.dockerfile.source import wrong
from boxship.engine.build.dockerfile.values import (
    Arg,
    Cmd,
    Command,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    OnBuild,
    Shell,
    StopSignal,
    User,
    Volume,
)
from boxship.engine.build.scope import Scope
from boxship.model.image import HistoryEntry, Image, ImageConfig

SHELL = ("/bin/sh", "-c")
EMPTY = ImageConfig()
COMMENT = "boxship.dockerfile.v1"
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class State:
    """base: the image it began with, None for scratch.  created: nanoseconds since 1970 that everything gets.
    results: cache keys of the steps so far, with the layers they made."""

    config: ImageConfig = EMPTY
    layers: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    author: str = ""
    os: str = "linux"
    architecture: str = ""
    variant: str = ""
    created: int = 0
    base: Image | None = None
    own: int = 0  # layers that are the base's
    cmd_set: bool = False
    image_id: str = ""
    results: tuple[tuple[str, str], ...] = ()

    @property
    def env(self) -> dict[str, str]:
        return dict(entry.partition("=")[::2] for entry in self.config.env)

    @property
    def shell(self) -> tuple[str, ...]:
        return self.config.shell or SHELL

    def configured(self, **changes: object) -> "State":
        return replace(self, config=msgspec.structs.replace(self.config, **changes))

    def noted(self, text: str, *, empty: bool = True) -> "State":
        """Return the state with one more line of history."""
        entry = HistoryEntry(
            created=self.created, created_by=text, author=self.author, comment=COMMENT, empty_layer=empty
        )
        return replace(self, history=(*self.history, entry))

    def layered(self, key: str, diff_id: str, text: str) -> "State":
        """Return the state after a step that changed files; "" changed none."""
        layers = (*self.layers, diff_id) if diff_id else self.layers
        results = (*self.results, (key, diff_id))
        return replace(self, layers=layers, results=results).noted(text, empty=not diff_id)

    def image(self) -> Image:
        return Image(
            id="",
            created=self.created,
            config=self.config,
            architecture=self.architecture,
            variant=self.variant,
            os=self.os,
            author=self.author,
            layers=self.layers,
            history=self.history,
        )


def begun(image: Image | None, created: int, platform: tuple[str, str, str]) -> State:
    """Return the state right after FROM."""
    if image is None:
        os, architecture, variant = platform
        return State(os=os, architecture=architecture, variant=variant, created=created)
    history = image.history
    if sum(not entry.empty_layer for entry in history) != len(image.layers):
        history = tuple(HistoryEntry(created=image.created, comment="base") for _ in image.layers)
    return State(
        config=msgspec.structs.replace(image.config, on_build=None),
        layers=image.layers,
        history=history,
        author=image.author,
        os=image.os or "linux",
        architecture=image.architecture,
        variant=image.variant,
        created=created,
        base=image,
        own=len(image.layers),
        image_id=image.id,
    )


def settle(state: State, instruction: Instruction, scope: Scope) -> State:
    """Return the state after an instruction that touches no files. Raises DockerfileError."""
    line, env = instruction.line, state.env
    match instruction:
        case Arg():
            shown = " ".join(n if v is None else f"{n}={v}" for n, v in scope.declare(instruction, env))
            return state.noted(f"ARG {shown}")
        case Env(pairs=pairs):
            settled = {scope.text(line, name, env): scope.text(line, value, env) for name, value in pairs}
            entries = tuple(f"{name}={value}" for name, value in {**env, **settled}.items())
            shown = " ".join(f"{name}={value}" for name, value in settled.items())
            return state.configured(env=entries).noted(f"ENV {shown}")
        case Label(pairs=pairs):
            settled = {scope.text(line, name, env): scope.text(line, value, env) for name, value in pairs}
            shown = " ".join(f"{name}={value}" for name, value in settled.items())
            return state.configured(labels={**state.config.labels, **settled}).noted(f"LABEL {shown}")
        case Cmd():
            words = _command(instruction, state)
            return replace(state.configured(cmd=words), cmd_set=True).noted(f"CMD {_listed(words)}")
        case Entrypoint():
            words = _command(instruction, state)
            kept = state.config.cmd if state.cmd_set else None  # who names a new one does not want the base's command
            return state.configured(entrypoint=words or None, cmd=kept).noted(f"ENTRYPOINT {_listed(words)}")
        case Maintainer(name=name):
            return replace(state, author=name).noted(f"MAINTAINER {name}")
        case _:
            return _rest(state, instruction, scope)


def _rest(state: State, instruction: Instruction, scope: Scope) -> State:
    line, env, config = instruction.line, state.env, state.config
    match instruction:
        case User(user=user):
            user = scope.text(line, user, env)
            return state.configured(user=user).noted(f"USER {user}")
        case Expose(ports=texts):
            words = [word for text in texts for word in scope.words(line, text, env)]
            ports = [port for word in words for port in _ports(instruction, word)]
            made = tuple(sorted({*config.exposed_ports, *ports}))
            return state.configured(exposed_ports=made).noted(f"EXPOSE {_listed(ports)}")
        case Volume(paths=texts):
            paths = [scope.text(line, text, env) for text in texts]
            if not all(paths):
                raise wrong(line, "VOLUME specified can not be an empty string")
            made = tuple(sorted({*config.volumes, *paths}))
            return state.configured(volumes=made).noted(f"VOLUME {_listed(paths)}")
        case StopSignal(signal=text):
            signal = scope.text(line, text, env)
            if not re.fullmatch(r"(SIG)?[A-Z][A-Z0-9+-]*|\d{1,2}", signal, re.IGNORECASE):
                raise wrong(line, f"Invalid signal: {signal}", part=text)
            return state.configured(stop_signal=signal).noted(f"STOPSIGNAL {signal}")
        case Shell(words=words):
            return state.configured(shell=words).noted(f"SHELL {_listed(words)}")
        case OnBuild(text=text):
            return state.configured(on_build=(*(config.on_build or ()), text)).noted(f"ONBUILD {text}")
        case Healthcheck(health=health):
            return state.configured(healthcheck=health).noted(line.text)
        case _:
            raise AssertionError(f"{line.keyword} touches files")


def workdir(state: State, path: str) -> str:
    """Return the absolute path of a WORKDIR; a relative one goes on from where we are."""
    return posixpath.normpath(posixpath.join("/", state.config.working_dir or "/", path))


def _command(instruction: Command, state: State) -> tuple[str, ...]:
    if instruction.words is not None:
        return instruction.words
    return (*state.shell, instruction.shell) if instruction.shell else ()


def _ports(instruction: Expose, word: str) -> list[str]:
    word = word.rpartition(":")[2] if ":" in word else word
    match = _PORT.fullmatch(word)
    if not match or int(match[1]) > 65535 or int(match[2] or 0) > 65535:
        raise wrong(instruction.line, f"invalid containerPort: {word}", part=word)
    protocol = (match[3] or "tcp").lower()
    if int(match[2] or match[1]) < int(match[1]):
        raise wrong(instruction.line, f"invalid range specified for port: {word}", part=word)
    return [f"{port}/{protocol}" for port in range(int(match[1]), int(match[2] or match[1]) + 1)]


def _listed(words: Sequence[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)
