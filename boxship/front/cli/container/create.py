"""`create` and `run`: the requests in the order of docker's own client, which daemons rely on."""

import contextlib
import os
import signal
import sys
from typing import Any

from boxship.base.errors import Invalid, PlatformError
from boxship.front.cli import console, preferences
from boxship.front.cli.command import Command, Failed, Session
from boxship.front.cli.container import options, run_flags
from boxship.front.cli.flags import Parsed
from boxship.front.client.api import ApiError, segment
from boxship.front.client.wire import Reply

NO_RUN = 125
FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def create(session: Session, parsed: Parsed) -> None:
    """Print the id of the new container."""
    session.say(_create(session, parsed, options.body(parsed, session.environ)))


def _create(session: Session, parsed: Parsed, body: dict[str, Any]) -> str:
    """Return the new container's id; pulls the image where that is wanted, and prints the daemon's warnings."""
    cidfile = parsed.text("cidfile")
    if cidfile and os.path.exists(cidfile):
        raise Invalid(f"container ID file found, make sure the other container isn't running or delete {cidfile}")
    options.refuse_trust(parsed)
    body["Env"] = preferences.with_proxies(session, body["Env"])
    pull = parsed.text("pull")
    if pull not in ("always", "missing", "never"):
        raise Invalid(f'invalid pull option: "{pull}": must be one of "always", "missing" or "never"')
    if parsed.on("use-api-socket"):
        from boxship.front.cli.container import api_socket  # only who asks for it pays

        api_socket.share(session, body)
    query = {"name": parsed.text("name") or None, "platform": parsed.text("platform") or None}
    if pull == "always":
        _pull(session, parsed)
    try:
        made = session.client.post("/containers/create", query, body)
    except ApiError as error:
        if error.code != 404 or pull != "missing" or "No such image" not in str(error):
            raise
        session.warn(f"Unable to find image '{parsed.args[0]}' locally")
        _pull(session, parsed)
        made = session.client.post("/containers/create", query, body)
    if parsed.on("use-api-socket"):
        api_socket.put_logins(session, made["Id"])
    for warning in made.get("Warnings") or []:
        session.warn(f"WARNING: {warning}")
    if cidfile:
        with open(cidfile, "w") as file:
            file.write(made["Id"])
    return str(made["Id"])


def _pull(session: Session, parsed: Parsed) -> None:
    from boxship.front.cli.progress import pull  # only a missing image needs it

    pull(session, parsed.args[0], parsed.text("platform"), quiet=parsed.on("quiet"))


def run(session: Session, parsed: Parsed) -> int:
    """Return the container's exit code; 125 when it could not be run at all, 126 and 127 as a shell would."""
    try:
        body = options.body(parsed, session.environ)
        if body["Tty"] and body["OpenStdin"] and not parsed.on("detach") and not sys.stdin.isatty():
            raise Invalid("the input device is not a TTY; leave -t out when input comes from a pipe")
        keys = console.detach_keys(preferences.detach_keys(session, parsed))
        if body["Tty"]:
            body["HostConfig"]["ConsoleSize"] = list(console.size())
        ref = _create(session, parsed, body)
        if parsed.on("detach"):
            session.client.post(f"/containers/{ref}/start")
            session.say(ref)
            return 0
        return Foreground(session, ref, body, keys).run(forward=parsed.on("sig-proxy"))
    except PlatformError as error:
        if isinstance(error, Failed):
            raise
        prefix = "docker: Error response from daemon: " if isinstance(error, ApiError) else "docker: "
        text = f"{prefix.replace('docker', 'boxship')}{error}\n\nRun 'boxship run --help' for more information"
        raise Failed(failure_code(str(error)), text) from error


def failure_code(message: str) -> int:
    """126: found but not executable; 127: not found; 125 else. Source: Docker, "Exit status" of run."""
    text = message.lower()
    if "executable file not found" in text or "no such file or directory" in text or "system cannot find" in text:
        return 127
    if "permission denied" in text or "is a directory" in text:
        return 126
    return NO_RUN


class Foreground:
    """A container that is attached before it is started, so that not one byte of it is missed."""

    def __init__(self, session: Session, ref: str, body: dict[str, Any], keys: bytes) -> None:
        self._session = session
        self._path = f"/containers/{segment(ref)}"
        self._body = body
        self._keys = keys

    def run(self, *, forward: bool) -> int:
        body, client = self._body, self._session.client
        streams = {name: body[f"Attach{name.capitalize()}"] for name in ("stdin", "stdout", "stderr")}
        connection, _ = client.hijack(f"{self._path}/attach", {"stream": True, **streams})
        condition = "removed" if body["HostConfig"]["AutoRemove"] else "next-exit"
        with connection, contextlib.ExitStack() as stack:
            waiting = client.stream("POST", f"{self._path}/wait", {"condition": condition})
            terminal, stdin = body["Tty"], body["AttachStdin"]
            if terminal and stdin:
                stack.enter_context(console.raw_terminal())
            client.post(f"{self._path}/start")
            if terminal:
                console.on_resize(self._resize)
            elif forward:
                self._forward_signals()
            try:
                console.Pump(connection, terminal=terminal, stdin=stdin, keys=self._keys).run()
            except console.Detached:
                return 0
            return exit_code(waiting)

    def _resize(self, height: int, width: int) -> None:
        with contextlib.suppress(PlatformError):
            self._session.client.post(f"{self._path}/resize", {"h": height, "w": width})

    def _forward_signals(self) -> None:
        def send(number: int, _: Any) -> None:
            import threading

            name = signal.Signals(number).name
            threading.Thread(target=self._kill, args=(name,), daemon=True).start()

        for number in FORWARDED:
            signal.signal(number, send)

    def _kill(self, name: str) -> None:
        from boxship.front.client.api import Client  # a connection of its own: the signal may come in mid-request

        with contextlib.suppress(PlatformError):
            Client(self._session.client.address).post(f"{self._path}/kill", {"signal": name})


def exit_code(waiting: Reply) -> int:
    """Return the code that /wait tells; raises Failed when the daemon could not wait."""
    import json

    told = json.loads(waiting.body())
    if told.get("Error"):
        raise Failed(NO_RUN, f"Error waiting for container: {told['Error'].get('Message', '')}")
    return int(told["StatusCode"])


COMMANDS = {
    "create": Command("[OPTIONS] IMAGE [COMMAND] [ARG...]", create, run_flags.CREATE, 1, interspersed=False),
    "run": Command(
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        run,
        run_flags.RUN,
        1,
        interspersed=False,
        examples="""boxship run --rm busybox echo hello              say hello and go
boxship run -it --rm busybox sh                  a shell of your own
boxship run -d --name web -p 8080:80 IMAGE       a server on port 8080
boxship run -v "$PWD":/src -w /src IMAGE make    work on the files that are here""",
    ),
}
