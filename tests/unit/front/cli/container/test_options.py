"""Flags of run to the body of a create request."""

import json
from pathlib import Path
from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.front.cli.container import options, run_flags
from boxship.front.cli.flags import parse


def body(*argv: str, **environ: str) -> dict[str, Any]:
    return options.body(parse(run_flags.RUN, [*argv], interspersed=False), environ)


def pick(found: dict[str, Any], path: str) -> Any:
    value: Any = found
    for part in path.split("."):
        value = value[part]
    return value


BODIES: dict[str, tuple[list[str], str, Any]] = {
    "image and command": (["i", "sh", "-c", "x"], "Cmd", ["sh", "-c", "x"]),
    "no command": (["i"], "Cmd", None),
    "attached by default": (["i"], "AttachStdout", True),
    "no input by default": (["i"], "AttachStdin", False),
    "interactive": (["-i", "i"], "AttachStdin", True),
    "interactive input ends with the client": (["-i", "i"], "StdinOnce", True),
    "in the background nothing is attached": (["-d", "i"], "AttachStdout", False),
    "in the background input stays open": (["-di", "i"], "StdinOnce", False),
    "attach to one": (["-a", "stderr", "i"], "AttachStdout", False),
    "a terminal": (["-it", "i"], "Tty", True),
    "variables": (["-e", "A=1", "-e", "HOME", "-e", "MISSING", "i"], "Env", ["A=1", "HOME=/me"]),
    "labels": (["-l", "a=b", "--label", "c", "i"], "Labels", {"a": "b", "c": ""}),
    "anonymous volume": (["-v", "/data", "i"], "Volumes", {"/data": {}}),
    "bind": (["-v", "/a:/b:ro", "i"], "HostConfig.Binds", ["/a:/b:ro"]),
    "named volume": (["-v", "data:/b", "i"], "HostConfig.Binds", ["data:/b"]),
    "published port is exposed": (["-p", "80", "i"], "ExposedPorts", {"80/tcp": {}}),
    "entry point": (["--entrypoint", "/x", "i"], "Entrypoint", ["/x"]),
    "no entry point": (["--entrypoint", "", "i"], "Entrypoint", [""]),
    "entry point of the image": (["i"], "Entrypoint", None),
    "health": (["--health-cmd", "true", "--health-interval", "2s", "--health-retries", "3", "i"], "Healthcheck",
               {"Test": ["CMD-SHELL", "true"], "Interval": 2_000_000_000, "Retries": 3}),
    "no health": (["--no-healthcheck", "i"], "Healthcheck", {"Test": ["NONE"]}),
    "memory": (["-m", "64m", "i"], "HostConfig.Memory", 64 << 20),
    "swap without limit": (["--memory-swap", "-1", "i"], "HostConfig.MemorySwap", -1),
    "swappiness unsaid": (["i"], "HostConfig.MemorySwappiness", None),
    "cpus": (["--cpus", "1.5", "i"], "HostConfig.NanoCpus", 1_500_000_000),
    "restart": (["--restart", "on-failure:3", "i"], "HostConfig.RestartPolicy",
                {"Name": "on-failure", "MaximumRetryCount": 3}),
    "network": (["--network", "n", "i"], "HostConfig.NetworkMode", "n"),
    "network unsaid": (["i"], "HostConfig.NetworkMode", "default"),
    "alias": (["--network", "n", "--network-alias", "a", "--ip", "10.0.0.9", "i"], "NetworkingConfig.EndpointsConfig",
              {"n": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}}),
    "network, long form": (["--network", "name=n,alias=a,ip=10.0.0.9", "i"], "NetworkingConfig.EndpointsConfig",
                           {"n": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}}}),
    "two networks": (["--network", "n", "--network", "m", "i"], "NetworkingConfig.EndpointsConfig", {"n": {}, "m": {}}),
    "host network": (["--net", "host", "i"], "NetworkingConfig.EndpointsConfig", {}),
    "capabilities": (["--cap-add", "NET_ADMIN", "i"], "HostConfig.CapAdd", ["NET_ADMIN"]),
    "tmpfs": (["--tmpfs", "/run:size=1m", "i"], "HostConfig.Tmpfs", {"/run": "size=1m"}),
    "init unsaid": (["i"], "HostConfig.Init", None),
    "init": (["--init", "i"], "HostConfig.Init", True),
    "no init": (["--init=false", "i"], "HostConfig.Init", False),
    "limits": (["--ulimit", "nofile=5:7", "i"], "HostConfig.Ulimits", [{"Name": "nofile", "Soft": 5, "Hard": 7}]),
    "processes": (["--pids-limit", "9", "i"], "HostConfig.PidsLimit", 9),
    "log": (["--log-driver", "local", "--log-opt", "max-size=1m", "i"], "HostConfig.LogConfig",
            {"Type": "local", "Config": {"max-size": "1m"}}),
    "device": (["--device", "/dev/a:/dev/b:r", "i"], "HostConfig.Devices",
               [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}]),
    "device by vendor": (["--device", "v.com/gpu=0", "i"], "HostConfig.DeviceRequests",
                         [{"Driver": "cdi", "DeviceIDs": ["v.com/gpu=0"]}]),
    "throttle": (["--device-read-bps", "/dev/a:1mb", "i"], "HostConfig.BlkioDeviceReadBps",
                 [{"Path": "/dev/a", "Rate": 1 << 20}]),
    "stop": (["--stop-signal", "INT", "--stop-timeout", "3", "i"], "StopTimeout", 3),
    "removed at the end": (["--rm", "i"], "HostConfig.AutoRemove", True),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "path", "value"), BODIES.values(), ids=BODIES)
def test_body(argv: list[str], path: str, value: Any) -> None:
    assert pick(body(*argv, HOME="/me"), path) == value


MOUNTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bind": ("type=bind,src=/a,dst=/b,ro", {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}),
    "volume by default": ("source=v,target=/b", {"Type": "volume", "Source": "v", "Target": "/b"}),
    "tmpfs": ("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
              {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o700}}),
    "options of a volume": ('type=volume,target=/v,volume-nocopy,"volume-opt=o=a,b",volume-driver=local',
                            {"Type": "volume", "Target": "/v", "VolumeOptions": {"NoCopy": True, "DriverConfig": {
                                "Options": {"o": "a,b"}, "Name": "local"}}}),
    "recursion": ("type=bind,src=/a,dst=/b,bind-recursive=readonly",
                  {"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"ReadOnlyForceRecursive": True}}),
}  # fmt: skip


@pytest.mark.parametrize(("word", "value"), MOUNTS.values(), ids=MOUNTS)
def test_mount(word: str, value: dict[str, Any]) -> None:
    assert body("--mount", word, "i")["HostConfig"]["Mounts"] == [value]


WRONG = {
    "a strange stream": (["-a", "stdlog", "i"], "valid streams are"),
    "no target": (["--mount", "type=bind,src=/a", "i"], "target is required"),
    "a strange key": (["--mount", "type=bind,sauce=/a", "i"], "unexpected key 'sauce'"),
    "a field without =": (["--mount", "bind", "i"], "must be a key=value pair"),
    "a bad count": (["--restart", "on-failure:x", "i"], "maximum retry count must be an integer"),
    "bad cpus": (["--cpus", "x", "i"], "want a number such as 1.5"),
    "a bad limit": (["--ulimit", "nofile", "i"], "invalid ulimit argument"),
    "a bad throttle": (["--device-read-bps", "sda:1", "i"], "bad format for device path"),
    "a file that is missing": (["--env-file", "/nowhere/x", "i"], "open /nowhere/x"),
    "a profile that is missing": (["--security-opt", "seccomp=/nowhere/x", "i"], "opening seccomp profile"),
    "host and another network": (["--network", "host", "--network", "n", "i"], "conflicting options"),
}


@pytest.mark.parametrize(("argv", "message"), WRONG.values(), ids=WRONG)
def test_wrong(argv: list[str], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        body(*argv)
    assert message in str(caught.value)


def test_quotation_marks_of_an_env_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text('# a comment\n\nA="x y"\nHOME\n  B=2\n')
    assert body("--env-file", str(file), "i", HOME="/me")["Env"] == ['A="x y"', "HOME=/me", "B=2"]


def test_a_relative_source_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert body("-v", "./d:/d", "i")["HostConfig"]["Binds"] == [f"{tmp_path}/d:/d"]


def test_a_seccomp_profile_is_sent_whole(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW"}, indent=2))
    assert body("--security-opt", f"seccomp={file}", "i")["HostConfig"]["SecurityOpt"] == [
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'
    ]
