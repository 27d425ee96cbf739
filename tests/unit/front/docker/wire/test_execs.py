import pytest

from boxship.base.errors import Invalid
from boxship.front.docker.wire import execs
from boxship.model.exec import ExecSpec, ExecStatus


def test_create() -> None:
    body = {
        "Cmd": ["sh", "-c", "true"], "Env": ["A=1"], "User": "1:2", "WorkingDir": "/x", "Tty": True,
        "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Privileged": True,
        "DetachKeys": "ctrl-a", "ConsoleSize": [24, 80], "Unknown": 1,
    }  # fmt: skip
    want = ExecSpec(
        cmd=("sh", "-c", "true"), env=("A=1",), user="1:2", working_dir="/x", tty=True, attach_stdin=True,
        attach_stdout=True, attach_stderr=True, privileged=True, detach_keys="ctrl-a", console_size=(24, 80),
    )  # fmt: skip
    assert execs.parse_create(body, (1, 51)) == want
    assert execs.parse_create(body, (1, 41)).console_size == (0, 0)
    assert execs.parse_create({"Cmd": "ls", "Env": None}, (1, 51)) == ExecSpec(cmd=("ls",))
    lax = {"cmd": ["ls"], "detachKeys": "ctrl-p"}  # as docker-py spells it
    assert execs.parse_create(lax, (1, 51)) == ExecSpec(cmd=("ls",), detach_keys="ctrl-p")


def test_start() -> None:
    assert execs.parse_start({}, (1, 51)) == (False, False, None)
    assert execs.parse_start({"detach": True}, (1, 51)) == (True, False, None)
    sized = {"Tty": True, "ConsoleSize": [24, 80]}
    assert execs.parse_start(sized, (1, 51)) == (False, True, (24, 80))
    assert execs.parse_start(sized, (1, 41)) == (False, True, None)
    assert execs.parse_start({**sized, "Tty": False}, (1, 51)) == (False, False, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Cmd": []},
        {"Cmd": [1]},
        {"Cmd": ["x"], "Tty": "yes"},
        {"Cmd": ["x"], "User": 1},
        {"Cmd": ["x"], "DetachKeys": "ctrl-"},
        {"Cmd": ["x"], "ConsoleSize": [1]},
        {"Cmd": ["x"], "ConsoleSize": [1, -1]},
    ],
)
def test_refused(body: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        execs.parse_create(body, (1, 51))


def test_inspect() -> None:
    spec = ExecSpec(cmd=("sh", "-c", "x"), tty=True, attach_stdout=True, user="web", detach_keys="ctrl-p,ctrl-q")
    assert execs.inspect(ExecStatus(id="e", container_id="c", spec=spec, running=True, pid=7)) == {
        "ID": "e",
        "Running": True,
        "ExitCode": None,
        "ProcessConfig": {
            "tty": True, "entrypoint": "sh", "arguments": ["-c", "x"], "privileged": False, "user": "web",
        },
        "OpenStdin": False,
        "OpenStderr": False,
        "OpenStdout": True,
        "CanRemove": False,
        "ContainerID": "c",
        "DetachKeys": "EBE=",
        "Pid": 7,
    }  # fmt: skip
    ended = execs.inspect(ExecStatus(id="e", container_id="c", spec=ExecSpec(cmd=("x",)), exit_code=3, ended=1))
    assert ended["ExitCode"] == 3
    assert ended["DetachKeys"] == ""
    assert "user" not in ended["ProcessConfig"]
