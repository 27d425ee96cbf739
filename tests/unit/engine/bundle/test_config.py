import json
from typing import Any

import msgspec
import pytest

from boxship.engine.bundle import bundle
from boxship.model.container import Device, DeviceRequest, HostSpec
from boxship.model.runtime import DeviceNode, IdMap
from boxship.model.status import Container, MountPoint
from tests.unit.engine.bundle.given import ID, around, container, facts

MAPPED = {"uid_map": (IdMap(container=0, host=5, size=6),), "gid_map": (IdMap(container=0, host=7, size=8),)}
FUSE = DeviceNode(path="/dev/fuse", kind="c", major=10, minor=229)
MEMBERS: dict[str, tuple[Container, dict[str, Any], tuple[Any, ...], Any]] = {
    "root": (container(), {}, ("root",), {"path": "/root", "readonly": False}),
    "read-only root": (container(host=HostSpec(readonly_rootfs=True)), {}, ("root", "readonly"), True),
    "host name": (container(), {}, ("hostname",), "box"),
    "the host's name": (container(host=HostSpec(uts_mode="host")), {}, ("hostname",), None),
    "another's name": (container(), {"namespaces": {"uts": "/proc/7/ns/uts"}}, ("hostname",), None),
    "annotations": (container(host=HostSpec(annotations={"a": "b"})), {}, ("annotations",), {"a": "b"}),
    "no annotations": (container(), {}, ("annotations",), None),
    "cgroup": (container(), {}, ("linux", "cgroupsPath"), f"/boxship/{ID}"),
    "own masked paths": (container(host=HostSpec(masked_paths=("/x",))), {}, ("linux", "maskedPaths"), ["/x"]),
    "own read-only paths": (container(host=HostSpec(readonly_paths=())), {}, ("linux", "readonlyPaths"), []),
    "no filter": (container(host=HostSpec(privileged=True)), {}, ("linux", "seccomp"), None),
    "mappings": (
        container(),
        MAPPED,
        ("linux", "gidMappings"),
        [{"containerID": 0, "hostID": 7, "size": 8}],
    ),
    "devices are no nodes for other users": (
        container(host=HostSpec(devices=(Device(path_on_host="/dev/fuse"),))),
        {**MAPPED, "devices": {"/dev/fuse": (FUSE,)}},
        ("linux", "devices"),
        [],
    ),
    "but mounts": (
        container(host=HostSpec(devices=(Device(path_on_host="/dev/fuse", path_in_container="/dev/f"),))),
        {**MAPPED, "devices": {"/dev/fuse": (FUSE,)}},
        ("mounts", -1),
        {
            "destination": "/dev/f",
            "type": "bind",
            "source": "/dev/fuse",
            "options": ["bind", "private", "noexec", "nosuid"],
        },
    ),
    "a domain name for other users": (container(domainname="d.org"), MAPPED, ("domainname",), "d.org"),
    "propagation": (
        container(mounts=(MountPoint(type="bind", destination="/d", source="/s", propagation="rshared"),)),
        {},
        ("linux", "rootfsPropagation"),
        "shared",
    ),
    "no propagation": (container(), {}, ("linux", "rootfsPropagation"), None),
    "domain name": (container(domainname="d.org"), {"netns": ""}, ("linux", "sysctl"), {"kernel.domainname": "d.org"}),
    "the last mount is init": (
        container(host=HostSpec(init=True)),
        {},
        ("mounts", -1, "destination"),
        "/sbin/docker-init",
    ),
}


def member(config: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        config = config.get(step) if isinstance(config, dict) else config[step]
    return config


@pytest.mark.parametrize(("made", "more", "path", "wanted"), MEMBERS.values(), ids=MEMBERS)
def test_bundle(made: Container, more: dict[str, Any], path: tuple[Any, ...], wanted: Any) -> None:
    assert member(bundle(made, facts(), around(**more)).config, path) == wanted


def test_it_is_json_and_always_the_same() -> None:
    first, second = (bundle(container(), facts(), around()).config for _ in range(2))
    assert first == second
    assert json.loads(msgspec.json.encode(first)) == first


def test_warnings_of_all_parts_come_along() -> None:
    spec = HostSpec(privileged=True, pids_limit=5)
    made = bundle(container(host=spec), facts(without=("CAP_BPF",), lacking=("pids",)), around())
    assert [text.split(" ", 2)[0] for text in made.warnings] == ["This", "Your"]


def test_devices_by_name_change_the_bundle() -> None:
    spec = {"kind": "v.com/x", "devices": [{"name": "a", "containerEdits": {"env": ["X=1"]}}]}
    asked = HostSpec(device_requests=(DeviceRequest(driver="cdi", device_ids=("v.com/x=a",)),))
    made = bundle(container(host=asked), facts(), around(cdi=(spec,)))
    assert made.config["process"]["env"][-1] == "X=1"


def test_privileged_has_all_the_host_can_give() -> None:
    made = bundle(container(host=HostSpec(privileged=True)), facts(), around())
    linux = made.config["linux"]
    assert (linux["maskedPaths"], linux["readonlyPaths"]) == ([], [])
    assert linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert len(made.config["process"]["capabilities"]["bounding"]) == 41
    assert made.warnings == ()
