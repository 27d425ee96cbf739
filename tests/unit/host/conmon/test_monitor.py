from typing import Any

import pytest

from boxship.host.api.runtime import Launch, RuntimeInfo
from boxship.host.conmon.monitor import command
from boxship.host.oci.layout import Layout

CRUN = RuntimeInfo(name="crun", path="/usr/bin/crun", version="1.8.1")
DEBUGGED = RuntimeInfo(name="mine", path="/opt/run", version="1", args=("--debug", "--strict"))


def argv(runtime: RuntimeInfo = CRUN, **more: Any) -> str:
    launch = Launch(**{"id": "ab" * 32, "config": {}, **more})
    return " ".join(command("conmon", launch, runtime, Layout("/run/x")))


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no log": ({}, " -l none", "k8s-file"),
    "log": ({"log_path": "/d/container.log"}, " -l k8s-file:/d/container.log", "none"),
    "no input": ({}, "", " -i"),
    "input": ({"stdin": True}, " -i --leave-stdin-open", " -t"),
    "input that ends with its first client": ({"stdin": True, "stdin_once": True}, " -i", "--leave-stdin-open"),
    "terminal": ({"terminal": True}, " -t", " -i"),
    "a terminal's input has no end": (
        {"terminal": True, "stdin": True, "stdin_once": True},
        " -t -i --leave-stdin-open",
        " -s",
    ),
    "systemd": ({"systemd_cgroup": True}, " -s", " -t"),
    "state of its own": ({}, "--runtime-arg --root --runtime-arg /run/x/runtime/crun", "/run/crun"),
    "exits": ({}, "--exit-dir /run/x/exits", "persist"),
    "bundle": ({}, f"-b /run/x/bundles/{'ab' * 32} -p /run/x/bundles/{'ab' * 32}/pid", "socket-dir"),
}


@pytest.mark.parametrize(("more", "there", "missing"), CASES.values(), ids=CASES)
def test_command(more: dict[str, Any], there: str, missing: str) -> None:
    line = argv(**more)
    assert there in line
    assert missing not in line


def test_a_runtimes_own_arguments_come_first() -> None:
    wanted = "--runtime-arg --debug --runtime-arg --strict --runtime-arg --root --runtime-arg /run/x/runtime/mine"
    assert wanted in argv(DEBUGGED)
