"""Failures we raise on purpose. Anything else that escapes is a bug and becomes a 500."""

from typing import ClassVar


class PlatformError(Exception):
    """Base of all our errors; `str(error)` is a sentence the user may read."""

    status: ClassVar[int] = 500


class Unchanged(PlatformError):
    """The thing already is as asked: starting a running container."""

    status = 304


class Invalid(PlatformError):
    """The request is wrong by itself, whatever the present state."""

    status = 400


class Unauthorized(PlatformError):
    status = 401


class Forbidden(PlatformError):
    status = 403


class NotFound(PlatformError):
    status = 404


class Conflict(PlatformError):
    """The request clashes with the present state; another state could clear it."""

    status = 409


class Unsupported(PlatformError):
    """The request makes sense, but this host or this release cannot do it."""

    status = 501


class Unavailable(PlatformError):
    """The part that would answer is not running, as swarm calls outside a swarm."""

    status = 503


class KernelError(PlatformError):
    """A system call failed. The text names the call, its subject and the reason; `code` is errno, 0 if unknown."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class RuntimeFailed(PlatformError):
    """The OCI runtime refused a container. The text is the runtime's own sentence.

    exit_code: what Docker records for a container or exec that could not start.
    """

    exit_code = 128


class CommandNotFound(RuntimeFailed):
    """The program to run, or a path it needs, does not exist."""

    status = 400
    exit_code = 127


class CommandNotRunnable(RuntimeFailed):
    """The program exists and may not be executed."""

    status = 400
    exit_code = 126
