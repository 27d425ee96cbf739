"""Verbs that connect our terminal with a container: attach, exec and start -a."""

import contextlib
import sys
from typing import Any

from boxship.base.errors import Conflict, Invalid, PlatformError
from boxship.front.cli import console, preferences
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.create import Foreground, exit_code, failure_code
from boxship.front.cli.container.life import path
from boxship.front.cli.container.options import lines_of
from boxship.front.cli.flags import Flag, Parsed, many, switch, text
from boxship.front.client.api import ApiError

DETACH_KEYS = text("detach-keys", "", "Keys that detach, ctrl-p,ctrl-q by default")


def attach(session: Session, parsed: Parsed) -> int:
    """Return the container's exit code once it has ended, 0 after the detach keys."""
    where = path(parsed.args[0])
    found = session.client.get(f"{where}/json")
    state = found["State"]
    if not state["Running"]:
        raise Conflict("cannot attach to a stopped container, start it first")
    if state["Paused"]:
        raise Conflict("cannot attach to a paused container, unpause it first")
    config = found["Config"]
    stdin = config["OpenStdin"] and not parsed.on("no-stdin")
    if stdin and config["Tty"] and not sys.stdin.isatty():
        raise Invalid("the input device is not a TTY")
    waiting = session.client.stream("POST", f"{where}/wait")
    query = {"stream": True, "stdin": stdin, "stdout": True, "stderr": True}
    connection, _ = session.client.hijack(f"{where}/attach", query)
    with connection, contextlib.ExitStack() as stack:
        if config["Tty"]:
            if stdin:
                stack.enter_context(console.raw_terminal())
            console.on_resize(lambda h, w: _resize(session, where, h, w))
        keys = console.detach_keys(preferences.detach_keys(session, parsed))
        try:
            console.Pump(connection, terminal=config["Tty"], stdin=stdin, keys=keys).run()
        except console.Detached:
            return 0
    return exit_code(waiting)


def _resize(session: Session, where: str, height: int, width: int) -> None:
    with contextlib.suppress(PlatformError):
        session.client.post(f"{where}/resize", {"h": height, "w": width})


def start(session: Session, parsed: Parsed) -> int:
    """Start each; with -a or -i the one container's output, input and exit code are ours."""
    if parsed.on("attach") or parsed.on("interactive"):
        if len(parsed.args) > 1:
            raise Invalid("you cannot start and attach multiple containers at once")
        return _start_attached(session, parsed)

    query = _checkpoint(parsed)
    if query and len(parsed.args) > 1:
        raise Invalid("you cannot restore multiple containers at once")

    def act(ref: str) -> str:
        session.client.post(f"{path(ref)}/start", query)
        return ref

    code = each(session, parsed.args, act)
    if code:
        session.warn(f"Error: failed to start containers: {', '.join(session.failed)}")
    return code


def _checkpoint(parsed: Parsed) -> dict[str, str]:
    pairs = (("checkpoint", "checkpoint"), ("checkpoint-dir", "checkpoint-dir"))
    return {key: parsed.text(flag) for flag, key in pairs if parsed.text(flag)}


def _start_attached(session: Session, parsed: Parsed) -> int:
    ref = parsed.args[0]
    found = session.client.get(f"{path(ref)}/json")
    if found["State"]["Running"]:
        raise Conflict(f"container {ref} runs already; `boxship attach {ref}` connects you with it")
    config = found["Config"]
    body: dict[str, Any] = {
        "AttachStdin": parsed.on("interactive") and config["OpenStdin"],
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": config["Tty"],
        "HostConfig": {"AutoRemove": found["HostConfig"]["AutoRemove"]},
    }
    keys = console.detach_keys(preferences.detach_keys(session, parsed))
    return Foreground(session, found["Id"], body, keys).run(forward=parsed.on("sig-proxy"))


def execute(session: Session, parsed: Parsed) -> int:
    """Return the command's exit code; 126 and 127 as a shell would."""
    ref, *command = parsed.args
    terminal, stdin, detach = parsed.on("tty"), parsed.on("interactive"), parsed.on("detach")
    if terminal and stdin and not detach and not sys.stdin.isatty():
        raise Invalid("the input device is not a TTY; leave -t out when input comes from a pipe")
    body = {
        "Cmd": command,
        "User": parsed.text("user"),
        "WorkingDir": parsed.text("workdir"),
        "Privileged": parsed.on("privileged"),
        "Env": _env(session, parsed),
        "Tty": terminal,
        "AttachStdin": stdin and not detach,
        "AttachStdout": not detach,
        "AttachStderr": not detach,
        "DetachKeys": preferences.detach_keys(session, parsed),
    }
    made = session.client.post(f"{path(ref)}/exec", body=body)["Id"]
    if detach:
        session.client.post(f"/exec/{made}/start", body={"Detach": True, "Tty": terminal})
        return 0
    try:
        return _connected(session, made, terminal, stdin, console.detach_keys(preferences.detach_keys(session, parsed)))
    except ApiError as error:
        session.warn(f"Error response from daemon: {error}")
        code = failure_code(str(error))
        return 1 if code == 125 else code


def _connected(session: Session, made: str, terminal: bool, stdin: bool, keys: bytes) -> int:
    begin: dict[str, Any] = {"Detach": False, "Tty": terminal}
    if terminal:
        begin["ConsoleSize"] = list(console.size())
    connection, _ = session.client.hijack(f"/exec/{made}/start", body=begin)
    with connection, contextlib.ExitStack() as stack:
        if terminal:
            if stdin:
                stack.enter_context(console.raw_terminal())
            console.on_resize(lambda h, w: _resize(session, f"/exec/{made}", h, w))
        try:
            console.Pump(connection, terminal=terminal, stdin=stdin, keys=keys).run()
        except console.Detached:
            return 0
    return int(session.client.get(f"/exec/{made}/json")["ExitCode"] or 0)


def _env(session: Session, parsed: Parsed) -> list[str]:
    words = [line for file in parsed.many("env-file") for line in lines_of(file)] + list(parsed.many("env"))
    known = session.environ
    return [word if "=" in word else f"{word}={known[word]}" for word in words if "=" in word or word in known]


COMMANDS = {
    "attach": Command(
        "[OPTIONS] CONTAINER",
        attach,
        (
            DETACH_KEYS,
            switch("no-stdin", "", "Do not connect our input"),
            switch("sig-proxy", "", "Pass signals on to the process", True),
        ),
        1,
        1,
    ),
    "exec": Command(
        "[OPTIONS] CONTAINER COMMAND [ARG...]",
        execute,
        (
            switch("detach", "d", "Run in the background"),
            DETACH_KEYS,
            many("env", "e", "Set a variable"),
            many("env-file", "", "Read variables from a file"),
            switch("interactive", "i", "Keep standard input open"),
            switch("privileged", "", "Give all the host has"),
            switch("tty", "t", "Give it a terminal"),
            text("user", "u", "User, and perhaps group, name or number"),
            text("workdir", "w", "Working directory inside"),
        ),
        2,
        interspersed=False,
        examples="boxship exec -it web sh        a shell beside the server\nboxship exec web cat /etc/hosts",
    ),
    "start": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]",
        start,
        (
            switch("attach", "a", "Show its output, end with its exit code"),
            switch("interactive", "i", "Connect our input"),
            text("checkpoint", "", "Start from a checkpoint, where the daemon knows them"),
            text("checkpoint-dir", "", "Where checkpoints lie"),
            DETACH_KEYS,
            Flag("sig-proxy", "", "switch", "Pass signals on to the process", "", "true", "true", hidden=True),
        ),
        1,
    ),
}
