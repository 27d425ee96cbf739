"""An additional process in a running container: what was asked, and what is seen of it."""

import msgspec


class ExecSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Docker's ExecConfig. Empty strings and tuples mean the container's own.

    cmd:          program and arguments, never empty.
    env:          added to the container's variables; a later one of the same name wins.
    detach_keys:  as the user wrote them, "ctrl-a,d"; "" is the default.
    console_size: height, width of the terminal; (0, 0) when not said.
    """

    cmd: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    privileged: bool = False
    detach_keys: str = ""
    console_size: tuple[int, int] = (0, 0)


class ExecStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exec as it stands. An exec runs at most once.

    running:   started and not yet ended.  exit_code: None until it ended.
    pid:       in the host's pid namespace, 0 before the start.
    ended:     nanoseconds since 1970, 0 until it ended or failed to start.
    """

    id: str
    container_id: str
    spec: ExecSpec
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    ended: int = 0

    @property
    def started(self) -> bool:
        return self.running or self.ended > 0
