"""A service as the body of a create request, key by key, as docker compose writes it."""

from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.front.compose import labels, wire
from boxship.front.compose.model import (
    BindOptions,
    Blkio,
    Deploy,
    Device,
    DeviceRequest,
    Endpoint,
    FileObject,
    FileReference,
    HealthCheck,
    ImageOptions,
    Ipam,
    Logging,
    Mount,
    Network,
    Pool,
    Port,
    Project,
    Resource,
    Resources,
    RestartPolicy,
    Service,
    ThrottleDevice,
    TmpfsOptions,
    Ulimit,
    Volume,
    VolumeOptions,
    WeightDevice,
)

SECOND = 1_000_000_000


def body(inherited: wire.Inherited | None = None, made: wire.Made | None = None, **fields: Any) -> dict[str, Any]:
    service = Service(**{"name": "web", "image": "img", "networks": {"default": None}, **fields})
    project = Project(
        name="p",
        services={"web": service},
        networks={"default": Network(name="p_default"), "back": Network(name="p_back")},
        volumes={"data": Volume(name="p_data")},
        secrets={"s": FileObject(name="p_s", file="/host/s"), "e": FileObject(environment="E")},
        configs={"c": FileObject(name="p_c", file="/host/c"), "t": FileObject(content="x")},
        working_dir="/w",
        compose_files=("/w/a.yaml", "/w/b.yaml"),
    )
    return wire.create(project, service, made or wire.Made(), inherited or wire.Inherited())


CONFIG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "command": ({"command": ("a", "b")}, {"Cmd": ["a", "b"]}),
    "command cleared": ({"command": ()}, {"Cmd": []}),
    "entrypoint": ({"entrypoint": ("a",)}, {"Entrypoint": ["a"]}),
    "environment": ({"environment": {"B": "x=y", "A": None}}, {"Env": ["A", "B=x=y"]}),
    "terminal": ({"tty": True, "stdin_open": True}, {"Tty": True, "OpenStdin": True}),
    "who and where": (
        {"user": "1:2", "working_dir": "/d", "hostname": "h", "domainname": "d"},
        {"User": "1:2", "WorkingDir": "/d", "Hostname": "h", "Domainname": "d"},
    ),
    "stopping": (
        {"stop_signal": "SIGINT", "stop_grace_period": int(1.5 * SECOND)}, {"StopSignal": "SIGINT", "StopTimeout": 2},
    ),
    "no grace": ({"stop_grace_period": 0}, {"StopTimeout": 0}),
    "ports are exposed": (
        {"expose": ("9000",), "ports": (Port(target=53, protocol="udp"),)},
        {"ExposedPorts": {"53/udp": {}, "9000/tcp": {}}},
    ),
    "a check": (
        {"healthcheck": HealthCheck(test=("CMD", "x"), interval=SECOND, retries=3, start_interval=5)},
        {"Healthcheck": {"Test": ["CMD", "x"], "Interval": SECOND, "Retries": 3, "StartInterval": 5}},
    ),
    "no check": ({"healthcheck": HealthCheck(disable=True)}, {"Healthcheck": {"Test": ["NONE"]}}),
    "image of a build": ({"image": ""}, {"Image": "p-web"}),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), CONFIG.values(), ids=CONFIG)
def test_config(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = body(**fields)
    assert {key: found[key] for key in expected} == expected


GPU = DeviceRequest(capabilities=("gpu",), device_ids=("0",))
HOST: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "restart": ({"restart": "on-failure:3"}, {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
    "deploy's policy wins": (
        {"restart": "always", "deploy": Deploy(restart_policy=RestartPolicy(condition="any", max_attempts=2))},
        {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}},
    ),
    "none is no": (
        {"deploy": Deploy(restart_policy=RestartPolicy(condition="none"))},
        {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
    ),
    "ports": (
        {"ports": (Port(target=80, published="8080", host_ip="::1"), Port(target=80, published="8081"))},
        {"PortBindings": {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}, {"HostIp": "", "HostPort": "8081"}]}},
    ),
    "limits": (
        {"mem_limit": 5, "cpus": 1.5, "pids_limit": 7, "cpuset": "0", "cpu_shares": 3, "mem_swappiness": 10},
        {"Memory": 5, "NanoCpus": 1_500_000_000, "PidsLimit": 7, "CpusetCpus": "0", "CpuShares": 3,
         "MemorySwappiness": 10},
    ),
    "deploy's limits win": (
        {
            "mem_limit": 5,
            "deploy": Deploy(
                resources=Resources(limits=Resource(cpus=0.5, memory=6, pids=8), reservations=Resource(memory=4))
            ),
        },
        {"Memory": 6, "NanoCpus": 500_000_000, "PidsLimit": 8, "MemoryReservation": 4},
    ),
    "gpus": (
        {"gpus": (DeviceRequest(count=-1, driver="nvidia"),)},
        {"DeviceRequests": [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]},
    ),
    "reserved devices": (
        {"deploy": Deploy(resources=Resources(reservations=Resource(devices=(GPU,))))},
        {"DeviceRequests": [{"DeviceIDs": ["0"], "Capabilities": [["gpu"]]}]},
    ),
    "devices": (
        {"devices": (Device(source="/dev/a", target="/dev/b", permissions="r"), Device(source="v.com/c=x"))},
        {
            "Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"}],
            "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["v.com/c=x"]}],
        },
    ),
    "ulimits": (
        {"ulimits": {"nproc": Ulimit(single=5), "nofile": Ulimit(soft=1, hard=2)}},
        {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "nproc", "Soft": 5, "Hard": 5}]},
    ),
    "block devices": (
        {
            "blkio_config": Blkio(
                weight=9,
                weight_device=(WeightDevice(path="/dev/a", weight=3),),
                device_write_iops=(ThrottleDevice(path="/dev/b", rate=4),),
            )
        },
        {
            "BlkioWeight": 9,
            "BlkioWeightDevice": [{"Path": "/dev/a", "Weight": 3}],
            "BlkioDeviceWriteIOps": [{"Path": "/dev/b", "Rate": 4}],
        },
    ),
    "tmpfs": ({"tmpfs": ("/a", "/b:size=1m")}, {"Tmpfs": {"/a": "", "/b": "size=1m"}}),
    "hosts": ({"extra_hosts": {"h": ("1.1.1.1", "::1")}}, {"ExtraHosts": ["h:1.1.1.1", "h:::1"]}),
    "init said to be off": ({"init": False}, {"Init": False}),
    "system paths": (
        {"security_opt": ("systempaths=unconfined", "label:disable", "no-new-privileges")},
        {"SecurityOpt": ["label:disable", "no-new-privileges"], "MaskedPaths": [], "ReadonlyPaths": []},
    ),
    "logging": (
        {"logging": Logging(driver="json-file", options={"max-size": "1m"})},
        {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}},
    ),
    "another's network": ({"network_mode": "container:x", "networks": {}}, {"NetworkMode": "container:x"}),
    "the first network by priority": (
        {"networks": {"default": None, "back": Endpoint(priority=5)}}, {"NetworkMode": "p_back"},
    ),
    "told though it is false": ({}, {"OomKillDisable": False}),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), HOST.values(), ids=HOST)
def test_host_config(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = body(**fields)["HostConfig"]
    assert {key: found[key] for key in expected} == expected


MOUNTS: dict[str, tuple[Mount, list[str], list[dict[str, Any]]]] = {
    "a bind that may be made": (
        Mount(type="bind", source="/a", target="/b", read_only=True,
              bind=BindOptions(create_host_path=True, selinux="z")),
        ["/a:/b:ro,z"], [],
    ),
    "a bind that has to be there": (
        Mount(type="bind", source="/a", target="/b/", bind=BindOptions(propagation="rslave", recursive="disabled")),
        [],
        [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": False,
          "BindOptions": {"Propagation": "rslave", "NonRecursive": True}}],
    ),
    "a volume by its name": (
        Mount(type="volume", source="data", target="/d", volume=VolumeOptions(nocopy=True, subpath="x")),
        [],
        [{"Type": "volume", "Source": "p_data", "Target": "/d", "ReadOnly": False,
          "VolumeOptions": {"NoCopy": True, "Subpath": "x"}}],
    ),
    "memory": (
        Mount(type="tmpfs", target="/t", tmpfs=TmpfsOptions(size=5, mode=0o700)),
        [],
        [{"Type": "tmpfs", "Source": "", "Target": "/t", "ReadOnly": False,
          "TmpfsOptions": {"SizeBytes": 5, "Mode": 0o700}}],
    ),
    "an image": (
        Mount(type="image", source="img:1", target="/i", image=ImageOptions(subpath="s")),
        [],
        [{"Type": "image", "Source": "img:1", "Target": "/i", "ReadOnly": False, "ImageOptions": {"Subpath": "s"}}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("mount", "binds", "mounts"), MOUNTS.values(), ids=MOUNTS)
def test_mounts(mount: Mount, binds: list[str], mounts: list[dict[str, Any]]) -> None:
    host = body(volumes=(mount,))["HostConfig"]
    assert (host.get("Binds", []), host.get("Mounts", [])) == (binds, mounts)


def test_anonymous_volumes_go_over_to_the_next_container() -> None:
    old = (
        {"Type": "volume", "Name": "abc", "Source": "/x", "Destination": "/anon", "RW": True},
        {"Type": "volume", "Name": "def", "Source": "/y", "Destination": "/of-image", "RW": False},
        {"Type": "volume", "Name": "ghi", "Source": "/z", "Destination": "/no-more", "RW": True},
        {"Type": "tmpfs", "Destination": "/anon2", "RW": True},
    )
    inherited = wire.Inherited(mounts=old, declared=("/of-image",))
    host = body(inherited, volumes=(Mount(type="volume", target="/anon"),))["HostConfig"]
    assert [(m["Source"], m["Target"], m["ReadOnly"]) for m in host["Mounts"]] == [
        ("abc", "/anon", False), ("def", "/of-image", True),
    ]  # fmt: skip


def test_files_are_mounted_as_they_are_unless_owner_or_mode_is_said() -> None:
    host = body(
        secrets=(FileReference(source="s"), FileReference(source="e"), FileReference(source="s", target="x", uid="5")),
        configs=(FileReference(source="c", target="/etc/c"), FileReference(source="t")),
    )["HostConfig"]
    assert [(m["Source"], m["Target"]) for m in host["Mounts"]] == [
        ("/host/c", "/etc/c"),
        ("/host/s", "/run/secrets/s"),
    ]
    assert all(m["ReadOnly"] for m in host["Mounts"])


def test_endpoints() -> None:
    found = body(
        wire.Inherited(links=("p-db-1:db",)),
        networks={"default": None, "back": Endpoint(aliases=("x",), ipv4_address="10.0.0.5", gw_priority=1)},
        mac_address="02:00:00:00:00:01",
    )
    joined = found["NetworkingConfig"]["EndpointsConfig"]
    assert joined["p_default"] == {"Aliases": ["p-web-1", "web"], "Links": ["p-db-1:db"]}
    assert joined["p_back"] == {
        "Aliases": ["p-web-1", "web", "x"],
        "Links": ["p-db-1:db"],
        "IPAMConfig": {"IPv4Address": "10.0.0.5"},
        "MacAddress": "02:00:00:00:00:01",
        "GwPriority": 1,
    }
    alone = body(made=wire.Made(aliases=False))["NetworkingConfig"]["EndpointsConfig"]
    assert alone["p_default"]["Aliases"] == ["p-web-1"]


def test_labels() -> None:
    made = wire.Made(number=3, image_id="sha256:1", config_hash="h", labels={labels.SHARED: "g"})
    found = body(made=made, labels={"own": "x"})["Labels"]
    assert found == {
        "own": "x",
        "com.docker.compose.project": "p",
        "com.docker.compose.service": "web",
        "com.docker.compose.version": labels.AGREES_WITH,
        "com.docker.compose.project.working_dir": "/w",
        "com.docker.compose.project.config_files": "/w/a.yaml,/w/b.yaml",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "h",
        "com.docker.compose.container-number": "3",
        "com.docker.compose.depends_on": "",
        "com.docker.compose.image": "sha256:1",
        "boxship.ports.shared": "g",
    }


def test_a_security_option_that_is_none() -> None:
    with pytest.raises(Invalid, match='Invalid security-opt: "nonsense"'):
        body(security_opt=("nonsense",))
    told = body(wire.Inherited(profiles={"p.json": "{}"}), security_opt=("seccomp=p.json",))
    assert told["HostConfig"]["SecurityOpt"] == ["seccomp={}"]


def test_networks_and_volumes() -> None:
    project = Project(
        name="p",
        networks={
            "n": Network(
                name="p_n", driver="bridge", internal=True, enable_ipv6=False, labels={"a": "b"},
                ipam=Ipam(driver="default", config=(Pool(subnet="10.0.0.0/24", aux_addresses={"x": "10.0.0.2"}),)),
            )
        },
        volumes={"v": Volume(name="p_v", driver_opts={"type": "tmpfs"})},
    )  # fmt: skip
    network = wire.create_network(project, "n")
    assert network["IPAM"]["Config"] == [{"Subnet": "10.0.0.0/24", "AuxiliaryAddresses": {"x": "10.0.0.2"}}]
    assert (network["Internal"], network["EnableIPv6"], network["Labels"][labels.NETWORK]) == (True, False, "n")
    volume = wire.create_volume(project, "v")
    assert (volume["Name"], volume["DriverOpts"], volume["Labels"][labels.VOLUME]) == ("p_v", {"type": "tmpfs"}, "v")
