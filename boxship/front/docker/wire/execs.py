"""Execs in Docker's JSON. Pure."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from boxship.base.errors import Invalid
from boxship.front.docker.wire import detach, names
from boxship.model.exec import ExecSpec, ExecStatus

SIZE_SINCE = (1, 42)
_CREATE = (
    "Cmd",
    "Env",
    "User",
    "WorkingDir",
    "Tty",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Privileged",
    "DetachKeys",
    "ConsoleSize",
)
_START = ("Detach", "Tty", "ConsoleSize")


class ExecStart(NamedTuple):
    """size: height and width, None to leave it as it is."""

    detach: bool
    tty: bool
    size: tuple[int, int] | None


def parse_create(body: Mapping[str, Any], version: tuple[int, int]) -> ExecSpec:
    """Return what `POST /containers/{}/exec` asks for. Raises Invalid for wrong types, keys or no command."""
    body = names.folded(body, *_CREATE)
    if not _strings(body, "Cmd"):
        raise Invalid("No exec command specified")
    keys = _text(body, "DetachKeys")
    detach.parse(keys)
    return ExecSpec(
        cmd=_strings(body, "Cmd"),
        env=_strings(body, "Env"),
        user=_text(body, "User"),
        working_dir=_text(body, "WorkingDir"),
        tty=flag(body, "Tty"),
        attach_stdin=flag(body, "AttachStdin"),
        attach_stdout=flag(body, "AttachStdout"),
        attach_stderr=flag(body, "AttachStderr"),
        privileged=flag(body, "Privileged"),
        detach_keys=keys,
        console_size=(size(body) or (0, 0)) if version >= SIZE_SINCE else (0, 0),
    )


def parse_start(body: Mapping[str, Any], version: tuple[int, int]) -> ExecStart:
    """Return what `POST /exec/{}/start` asks for. Raises Invalid for wrong types."""
    body = names.folded(body, *_START)
    tty = flag(body, "Tty")
    return ExecStart(detach=flag(body, "Detach"), tty=tty, size=size(body) if tty and version >= SIZE_SINCE else None)


def size(body: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return ConsoleSize as height and width; None when it is not given."""
    value = body.get("ConsoleSize")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(n, int) and n >= 0 for n in value):
        raise Invalid("invalid JSON: ConsoleSize must be [height, width]")
    return value[0], value[1]


def inspect(status: ExecStatus) -> dict[str, Any]:
    spec = status.spec
    process = {
        "tty": spec.tty,
        "entrypoint": spec.cmd[0],
        "arguments": list(spec.cmd[1:]),
        "privileged": spec.privileged,
    }
    if spec.user:
        process["user"] = spec.user
    return {
        "ID": status.id,
        "Running": status.running,
        "ExitCode": status.exit_code,
        "ProcessConfig": process,
        "OpenStdin": spec.attach_stdin,
        "OpenStderr": spec.attach_stderr,
        "OpenStdout": spec.attach_stdout,
        "CanRemove": False,
        "ContainerID": status.container_id,
        "DetachKeys": base64.b64encode(detach.parse(spec.detach_keys) if spec.detach_keys else b"").decode(),
        "Pid": status.pid,
    }


def _strings(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name)
    if value is None:
        return ()
    if isinstance(value, str) and name == "Cmd":
        return (value,)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Invalid(
            f"invalid JSON: json: cannot unmarshal into Go struct field ExecCreateRequest.{name} of type []string"
        )
    return tuple(value)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(
            f"invalid JSON: json: cannot unmarshal into Go struct field ExecCreateRequest.{name} of type string"
        )
    return value or ""


def flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Invalid(
            f"invalid JSON: json: cannot unmarshal into Go struct field ExecCreateRequest.{name} of type bool"
        )
    return bool(value)
