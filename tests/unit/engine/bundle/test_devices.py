import pytest

from boxship.base.errors import Invalid
from boxship.engine.bundle import devices
from boxship.model.container import Device, HostSpec
from boxship.model.runtime import DeviceNode
from tests.unit.engine.bundle.given import around

FUSE = DeviceNode(path="/dev/fuse", kind="c", major=10, minor=229, mode=0o600, uid=0, gid=6)
SOUND = (
    DeviceNode(path="/dev/snd/seq", kind="c", major=116, minor=1),
    DeviceNode(path="/dev/snd/by/one", kind="c", major=116, minor=2),
)


def asked(path: str, inside: str = "", access: str = "rwm") -> HostSpec:
    return HostSpec(devices=(Device(path_on_host=path, path_in_container=inside, cgroup_permissions=access),))


def test_one_device_under_another_name() -> None:
    found = devices.nodes(asked("/dev/fuse", "/dev/x"), around(devices={"/dev/fuse": (FUSE,)}))
    assert found == [{"path": "/dev/x", "type": "c", "major": 10, "minor": 229, "fileMode": 0o600, "uid": 0, "gid": 6}]


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        ("", ["/dev/snd/seq", "/dev/snd/by/one"]),
        ("/dev/music", ["/dev/music/seq", "/dev/music/by/one"]),
        ("/dev/music/", ["/dev/music/seq", "/dev/music/by/one"]),
    ],
)
def test_a_directory_keeps_its_shape(inside: str, wanted: list[str]) -> None:
    found = devices.nodes(asked("/dev/snd", inside), around(devices={"/dev/snd": SOUND}))
    assert [node["path"] for node in found] == wanted


def test_the_privileged_see_all_and_may_all() -> None:
    spec = HostSpec(privileged=True)
    assert [n["path"] for n in devices.nodes(spec, around(host_devices=(FUSE, *SOUND)))] == [
        "/dev/fuse",
        "/dev/snd/seq",
        "/dev/snd/by/one",
    ]
    assert devices.rules(spec, around()) == [{"allow": True, "access": "rwm"}]


def test_nobody_else_sees_the_hosts() -> None:
    assert devices.nodes(HostSpec(), around(host_devices=(FUSE,))) == []


def test_rules_are_deny_then_usual_then_own_then_said() -> None:
    spec = HostSpec(
        devices=(Device(path_on_host="/dev/fuse", cgroup_permissions="r"),),
        device_cgroup_rules=("c 13:* rw", "a *:* m"),
    )
    rules = devices.rules(spec, around(devices={"/dev/fuse": (FUSE,)}))
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"} in rules
    assert rules[-3:] == [
        {"allow": True, "type": "c", "access": "r", "major": 10, "minor": 229},
        {"allow": True, "type": "c", "access": "rw", "major": 13},
        {"allow": True, "type": "a", "access": "m"},
    ]


@pytest.mark.parametrize("text", ["", "c 1:3", "x 1:3 r", "c 1:3 z", "c -1:3 r", "c 1:3 rwmr", "c 1:3 r\n"])
def test_rules_that_mean_nothing(text: str) -> None:
    with pytest.raises(Invalid, match="invalid device cgroup rule format"):
        devices.check(HostSpec(device_cgroup_rules=(text,)))


@pytest.mark.parametrize("access", ["x", "rwmm", "r w"])
def test_permissions_that_mean_nothing(access: str) -> None:
    with pytest.raises(Invalid, match="invalid device mode"):
        devices.check(asked("/dev/fuse", access=access))


def test_what_is_right_passes() -> None:
    devices.check(HostSpec(devices=asked("/dev/fuse", access="mr").devices, device_cgroup_rules=("b *:* rwm",)))
