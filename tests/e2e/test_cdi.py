"""Devices that vendors describe by files (Container Device Interface), from a directory that the daemon was given."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.e2e.engine_api import IMAGE, EngineApi, Json
from tests.images import busybox_rootfs

pytestmark = pytest.mark.e2e

KIND = "boxship.test/gpu"


def spec() -> Json:
    device = os.stat("/dev/fuse")
    numbers = {"major": os.major(device.st_rdev), "minor": os.minor(device.st_rdev)}
    return {
        "cdiVersion": "0.6.0",
        "kind": KIND,
        "containerEdits": {"env": ["VENDOR=yes"]},
        "devices": [
            {
                "name": "0",
                "containerEdits": {
                    "env": ["ZERO=1"],
                    "deviceNodes": [{"path": "/dev/given", "hostPath": "/dev/fuse"}],
                    "mounts": [
                        {"hostPath": "/etc/os-release", "containerPath": "/vendor/release", "options": ["ro", "bind"]}
                    ],
                },
            },
            {
                "name": "1",
                "containerEdits": {
                    "deviceNodes": [
                        {"path": "/dev/numbered", "type": "c", "permissions": "rw", "fileMode": 0o600, **numbers}
                    ]
                },
            },
            {"name": "all", "containerEdits": {"env": ["ALL=1"]}},
        ],
    }


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="boxship-cdi-") as directory:
        (Path(directory) / "vendor.json").write_text(json.dumps(spec()))
        (Path(directory) / "broken.yaml").write_text("{")
        found = Daemon("--cdi-spec-dir", directory)
        try:
            found.start()
            command = ["docker", "-H", found.host, "import", "--change", "ENV PATH=/bin", "-", IMAGE]
            subprocess.run(command, input=busybox_rootfs(), check=True, capture_output=True)
            yield found
        finally:
            found.close()


@pytest.fixture
def api(daemon: Daemon) -> Iterator[EngineApi]:
    found = EngineApi(daemon.host)
    yield found
    found.tidy()


def by_name(*names: str) -> Json:
    return {"Driver": "cdi", "DeviceIDs": [f"{KIND}={name}" for name in names]}


GPUS = [["gpu"]]
REQUESTS: dict[str, tuple[list[Json], str, str]] = {
    "node, mount and variables": (
        [by_name("0")],
        "exec 3<>/dev/given; test -s /vendor/release && ! touch /vendor/release 2>/dev/null; echo $VENDOR $ZERO",
        "yes 1",
    ),
    "a node by its numbers": (
        [by_name("1")],
        "exec 3<>/dev/numbered; stat -c %a /dev/numbered; echo $VENDOR$ZERO",
        "600\nyes",
    ),
    "two": ([by_name("0", "1")], "ls /dev/given /dev/numbered", "/dev/given\n/dev/numbered"),
    "two in two requests": ([by_name("0"), by_name("1")], "ls /dev/given /dev/numbered", "/dev/given\n/dev/numbered"),
    "all graphics": ([{"Count": -1, "Capabilities": GPUS}], "echo $ALL", "1"),
    "so many": ([{"Count": 2, "Capabilities": GPUS}], "ls /dev/given /dev/numbered", "/dev/given\n/dev/numbered"),
    "some by number": (
        [{"DeviceIDs": ["1"], "Capabilities": GPUS}],
        "ls /dev/given /dev/numbered 2>/dev/null",
        "/dev/numbered",
    ),
}


@pytest.mark.parametrize(("requests", "command", "text"), REQUESTS.values(), ids=REQUESTS)
def test_device_requests(api: EngineApi, requests: list[Json], command: str, text: str) -> None:
    ran = api.run(command, {"DeviceRequests": requests})
    assert ran.output.rstrip("\n") == text, ran


REFUSED: dict[str, tuple[Json, str]] = {
    "a device": (by_name("7"), f"CDI device injection failed: unresolvable CDI devices {KIND}=7"),
    "too many": ({"Count": 3, "Capabilities": GPUS}, f"unresolvable CDI devices {KIND}=2"),
    "no graphics": (
        {"Count": 1, "Capabilities": [["tpu"]]},
        'could not select device driver "" with capabilities: [[tpu]]',
    ),
}


@pytest.mark.parametrize(("request_", "text"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_describes_is_refused_by_name(api: EngineApi, request_: Json, text: str) -> None:
    assert text in api.refused({"DeviceRequests": [request_]})


def test_the_stock_cli(daemon: Daemon) -> None:
    def run(*words: str) -> str:
        command = ["docker", "-H", daemon.host, "run", "--rm", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert run("--gpus", "all", IMAGE, "sh", "-c", "echo $ALL") == "1\n"
    assert run("--device", f"{KIND}=0", IMAGE, "sh", "-c", "echo $ZERO") == "1\n"


def test_docker_info_names_the_directory(api: EngineApi) -> None:
    [directory] = api.get("/info")["CDISpecDirs"]
    assert directory.startswith("/dev/shm/boxship-cdi-")
