import pytest

from boxship.base.errors import CommandNotFound, CommandNotRunnable, RuntimeFailed
from boxship.host.oci.sentences import CREATE, EXEC, failure

START = "unable to start container process: exec: "
CASES: dict[str, tuple[str, str, type[RuntimeFailed], str]] = {
    "crun, not in PATH": (
        "executable file `foo` not found in $PATH: No such file or directory\n",
        "foo",
        CommandNotFound,
        START + '"foo": executable file not found in $PATH: unknown',
    ),
    "crun, no such path": (
        "executable file `/foo` not found in $PATH: No such file or directory\n",
        "/foo",
        CommandNotFound,
        START + '"/foo": stat /foo: no such file or directory: unknown',
    ),
    "crun, not executable": (
        "open executable: Permission denied\n",
        "/noexec",
        CommandNotRunnable,
        START + '"/noexec": permission denied: unknown',
    ),
    "crun, a directory": (
        "open executable: Operation not permitted\n",
        "/bin",
        CommandNotRunnable,
        START + '"/bin": permission denied: unknown',
    ),
    "newer crun, no such path": (
        "executable file `/foo` not found: No such file or directory\n",
        "/foo",
        CommandNotFound,
        START + '"/foo": stat /foo: no such file or directory: unknown',
    ),
    "newer crun, not executable": (
        "the path `/noexec` exists but it is not executable: Operation not permitted\n",
        "/noexec",
        CommandNotRunnable,
        START + '"/noexec": permission denied: unknown',
    ),
    "newer crun, a directory": (
        "the path `/bin` is not a regular file: Operation not permitted\n",
        "/bin",
        CommandNotRunnable,
        START + '"/bin": permission denied: unknown',
    ),
    "newer runc, a directory": (
        'time="2026-11-21T10:26:20Z" level=error msg="runc create failed: unable to start container process: '
        'exec: \\"/bin\\": is a directory"\n',
        "/bin",
        CommandNotRunnable,
        START + '"/bin": is a directory: unknown',
    ),
    "crun, no source of a mount": (
        "error stat'ing file `/nonexistent`: No such file or directory\n",
        "true",
        CommandNotFound,
        "error stat'ing file `/nonexistent`: no such file or directory: unknown",
    ),
    "crun, file on directory": (
        "mount `/etc/passwd` to `etc`: Not a directory\n",
        "true",
        CommandNotRunnable,
        "mount `/etc/passwd` to `etc`: not a directory: unknown: Are you trying to mount a directory onto a file "
        "(or vice-versa)? Check if the specified host path exists and is the expected type",
    ),
    "crun, something else": (
        "the sysctl `kernel.foo` is not namespaced\n",
        "true",
        RuntimeFailed,
        "the sysctl `kernel.foo` is not namespaced: unknown",
    ),
    "crun, log as JSON": (
        '{"msg":"executable file `foo` not found in $PATH: No such file or directory","level":"error","time":"x"}\n',
        "foo",
        CommandNotFound,
        START + '"foo": executable file not found in $PATH: unknown',
    ),
    "runc, not in PATH": (
        'time="2026-11-21T10:26:20Z" level=error msg="runc create failed: unable to start container process: '
        'exec: \\"foo\\": executable file not found in $PATH"\n',
        "foo",
        CommandNotFound,
        START + '"foo": executable file not found in $PATH: unknown',
    ),
    "runc, the last of two lines counts": (
        'time="x" level=warning msg="unable to get oom kill count" error="y"\n'
        'time="x" level=error msg="runc create failed: too bad"\n',
        "true",
        RuntimeFailed,
        "too bad: unknown",
    ),
    "nothing said": ("", "true", RuntimeFailed, "the runtime gave no reason: unknown"),
}


@pytest.mark.parametrize(("raw", "command", "kind", "text"), CASES.values(), ids=CASES)
def test_failure(raw: str, command: str, kind: type[RuntimeFailed], text: str) -> None:
    error = failure(CREATE, raw, command)
    assert type(error) is kind
    assert str(error) == f"{CREATE}: {text}"


@pytest.mark.parametrize(
    ("raw", "code", "status"),
    [
        ("executable file `x` not found in $PATH: No such file or directory", 127, 400),
        ("open executable: Permission denied", 126, 400),
        ("cannot", 128, 500),
    ],
)
def test_docker_records_these_codes(raw: str, code: int, status: int) -> None:
    error = failure(EXEC, raw, "x")
    assert (error.exit_code, error.status) == (code, status)
