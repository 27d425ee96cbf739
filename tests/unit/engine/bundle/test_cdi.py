from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.engine.bundle import cdi
from boxship.model.container import DeviceRequest, HostSpec
from boxship.model.runtime import DeviceNode

GPU: dict[str, Any] = {
    "cdiVersion": "0.6.0",
    "kind": "vendor.com/gpu",
    "containerEdits": {"env": ["DRIVER=1"]},
    "devices": [
        {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu0", "major": 9, "minor": 0}]}},
        {"name": "1", "containerEdits": {"deviceNodes": [{"path": "/dev/gpu1", "hostPath": "/dev/card1"}]}},
        {"name": "all", "containerEdits": {"env": ["ALL=1"]}},
    ],
}
NEWER: dict[str, Any] = {"kind": "vendor.com/gpu", "devices": [{"name": "0", "containerEdits": {"env": ["NEW=1"]}}]}


def ask(**request: Any) -> HostSpec:
    return HostSpec(device_requests=(DeviceRequest(**request),))


def variables(spec: HostSpec, *specs: dict[str, Any]) -> list[str]:
    return [entry for edit in cdi.edits(spec, specs) for entry in edit.get("env", ())]


CASES: dict[str, tuple[HostSpec, list[str]]] = {
    "nothing": (HostSpec(), []),
    "by name": (ask(driver="cdi", device_ids=("vendor.com/gpu=all",)), ["DRIVER=1", "ALL=1"]),
    "twice is once": (
        ask(driver="cdi", device_ids=("vendor.com/gpu=0", "vendor.com/gpu=0", "vendor.com/gpu=1")),
        ["DRIVER=1"],
    ),
    "--gpus all": (ask(count=-1, capabilities=(("gpu",),)), ["DRIVER=1", "ALL=1"]),
    "--gpus 2": (ask(count=2, capabilities=(("gpu",),)), ["DRIVER=1"]),
    "--gpus device=all": (ask(device_ids=("all",), capabilities=(("gpu", "compute"),)), ["DRIVER=1", "ALL=1"]),
}


@pytest.mark.parametrize(("spec", "wanted"), CASES.values(), ids=CASES)
def test_edits(spec: HostSpec, wanted: list[str]) -> None:
    assert variables(spec, GPU) == wanted


def test_a_later_spec_wins() -> None:
    assert variables(ask(driver="cdi", device_ids=("vendor.com/gpu=0",)), GPU, NEWER) == ["NEW=1"]


WRONG: dict[str, tuple[HostSpec, tuple[dict[str, Any], ...], str]] = {
    "unknown device": (
        ask(driver="cdi", device_ids=("vendor.com/gpu=7", "a.b/c=d")),
        (GPU,),
        "CDI device injection failed: unresolvable CDI devices vendor.com/gpu=7, a.b/c=d",
    ),
    "no GPUs here": (
        ask(count=-1, capabilities=(("gpu",),)),
        (),
        'could not select device driver "" with capabilities: [[gpu]]',
    ),
    "another driver": (
        ask(driver="fpga", capabilities=(("x", "y"),)),
        (GPU,),
        'could not select device driver "fpga" with capabilities: [[x y]]',
    ),
}


@pytest.mark.parametrize(("spec", "specs", "text"), WRONG.values(), ids=WRONG)
def test_what_cannot_be(spec: HostSpec, specs: tuple[dict[str, Any], ...], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        cdi.edits(spec, specs)
    assert str(caught.value) == text


def config() -> dict[str, Any]:
    return {"process": {"env": []}, "mounts": [], "linux": {"devices": [], "resources": {"devices": []}}}


def test_apply() -> None:
    edit = {
        "env": ["A=1"],
        "mounts": [
            {"hostPath": "/h", "containerPath": "/c", "options": ["ro"]},
            {"hostPath": "/i", "containerPath": "/d"},
        ],
        "deviceNodes": [
            {
                "path": "/dev/a",
                "major": 9,
                "minor": 1,
                "type": "b",
                "permissions": "r",
                "fileMode": 384,
                "uid": 1,
                "gid": 2,
            },
            {"path": "/dev/b", "hostPath": "/dev/real"},
        ],
        "hooks": [{"hookName": "createContainer", "path": "/bin/x", "args": ["x", "y"]}],
    }
    made = config()
    cdi.apply(made, [edit], {"/dev/real": DeviceNode(path="/dev/real", kind="c", major=7, minor=8)})
    assert made["process"]["env"] == ["A=1"]
    assert made["mounts"] == [
        {"destination": "/c", "source": "/h", "type": "bind", "options": ["ro"]},
        {"destination": "/d", "source": "/i", "type": "bind", "options": ["rbind", "rprivate"]},
    ]
    assert made["linux"]["devices"] == [
        {"path": "/dev/a", "type": "b", "major": 9, "minor": 1, "fileMode": 384, "uid": 1, "gid": 2},
        {"path": "/dev/b", "type": "c", "major": 7, "minor": 8},
    ]
    assert made["linux"]["resources"]["devices"] == [
        {"allow": True, "type": "b", "major": 9, "minor": 1, "access": "r"},
        {"allow": True, "type": "c", "major": 7, "minor": 8, "access": "rwm"},
    ]
    assert made["hooks"] == {"createContainer": [{"path": "/bin/x", "args": ["x", "y"]}]}
    assert cdi.paths([edit]) == ["/dev/real"]


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ({"deviceNodes": [{"path": "/dev/none"}]}, "no such device /dev/none"),
        ({"hooks": [{"hookName": "later", "path": "/x"}]}, "unknown hook later"),
    ],
)
def test_edits_that_cannot_be_done(edit: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        cdi.apply(config(), [edit], {})
