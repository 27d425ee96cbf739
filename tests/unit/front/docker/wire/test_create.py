"""Create requests: what clients of all versions send, and the law that inspect gives back what was asked."""

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from boxship.base import codec
from boxship.base.errors import Invalid
from boxship.front.docker.wire import config, create, names
from boxship.front.docker.wire.endpoints import render_endpoint
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, HostUpdate, PortBinding, RestartPolicy
from boxship.model.network import EndpointSpec, EndpointStatus

NOW = (1, 51)


def parse(body: dict[str, Any], version: tuple[int, int] = NOW) -> ContainerSpec:
    return create.parse({"Image": "busybox", **body}, version)[0]


def host(body: dict[str, Any], version: tuple[int, int] = NOW) -> HostSpec:
    return parse({"HostConfig": body}, version).host


NAMES = {
    "blkio_device_read_iops": "BlkioDeviceReadIOps",
    "container_id_file": "ContainerIDFile",
    "cpuset_cpus": "CpusetCpus",
    "device_ids": "DeviceIDs",
    "dns_options": "DnsOptions",
    "host_ip": "HostIp",
    "ipc_mode": "IpcMode",
    "ipv6_address": "IPv6Address",
    "kernel_memory_tcp": "KernelMemoryTCP",
    "link_local_ips": "LinkLocalIPs",
    "oom_score_adj": "OomScoreAdj",
    "uts_mode": "UTSMode",
    "userns_mode": "UsernsMode",
}


@pytest.mark.parametrize(("ours", "docker"), NAMES.items())
def test_names(ours: str, docker: str) -> None:
    assert names.docker_name(ours) == docker


CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a command as a list": ({"Cmd": ["echo", "hi"]}, {"cmd": ("echo", "hi")}),
    "a command as a string": ({"Cmd": "date", "Entrypoint": "sh"}, {"cmd": ("date",), "entrypoint": ("sh",)}),
    "no command is not an empty one": ({"Cmd": None, "Entrypoint": []}, {"cmd": None, "entrypoint": ()}),
    "sets": ({"ExposedPorts": {"80/tcp": {}}}, {"exposed_ports": ("80/tcp",)}),
    "sets as lists": ({"Volumes": ["/v"]}, {"volumes": ("/v",)}),
    "health": (
        {"Healthcheck": {"Test": ["CMD", "x"], "Interval": 5, "Retries": 2}},
        {"healthcheck": HealthSpec(test=("CMD", "x"), interval=5, retries=2)},
    ),
    "null is unset": ({"Env": None, "Labels": None, "Hostname": None}, {"env": None, "labels": {}, "hostname": ""}),
    "names in any case": ({"hostname": "h", "tty": True, "CMD": ["x"]}, {"hostname": "h", "tty": True, "cmd": ("x",)}),
    "unknown names": ({"Nonsense": 1, "VolumesFrom": 7}, {}),
    "stop": ({"StopSignal": "SIGINT", "StopTimeout": 0}, {"stop_signal": "SIGINT", "stop_timeout": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), CONFIGS.values(), ids=CONFIGS)
def test_config(body: dict[str, Any], fields: dict[str, Any]) -> None:
    spec = parse(body)
    assert {name: getattr(spec, name) for name in fields} == fields


FREE = {"80/tcp": (PortBinding(),)}
HOSTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "masked paths null": ({"MaskedPaths": None}, {"masked_paths": None}),
    "masked paths empty": ({"MaskedPaths": []}, {"masked_paths": ()}),
    "pids 0 is no limit": ({"PidsLimit": 0}, {"pids_limit": None}),
    "pids -1 is no limit": ({"PidsLimit": -1}, {"pids_limit": None}),
    "pids": ({"PidsLimit": 9}, {"pids_limit": 9}),
    "links": ({"Links": ["db:store"]}, {"links": ("db:store",)}),
    "the default network is the bridge": ({"NetworkMode": "default"}, {"network_mode": "bridge"}),
    "restart": (
        {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        {"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=3)},
    ),
    "an empty binding is a free port": ({"PortBindings": {"80/tcp": []}}, {"port_bindings": FREE}),
    "null binding": ({"PortBindings": {"80/tcp": None}}, {"port_bindings": FREE}),
    "isolation": ({"Isolation": "default"}, {"isolation": "default"}),
    "any case": ({"networkmode": "none"}, {"network_mode": "none"}),
    "console size": ({"ConsoleSize": [24, 80]}, {"console_size": (24, 80)}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), HOSTS.values(), ids=HOSTS)
def test_host(body: dict[str, Any], fields: dict[str, Any]) -> None:
    spec = host(body)
    assert {name: getattr(spec, name) for name in fields} == fields


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a word for a number": (
        {"HostConfig": {"Memory": "64m"}},
        "invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.Memory of type int64",
    ),
    "a number for words": ({"Env": 7}, "cannot unmarshal number into Go struct field Env of type []string"),
    "a number for a command": ({"Cmd": 7}, "cannot unmarshal number into Go struct field Cmd"),
    "a truth for a number": ({"HostConfig": {"CpuShares": True}}, "HostConfig.CpuShares of type int64"),
    "deep inside": (
        {"HostConfig": {"Mounts": [{"Type": "bind", "BindOptions": {"NonRecursive": 1}}]}},
        "HostConfig.Mounts.BindOptions.NonRecursive of type bool",
    ),
    "windows": ({"HostConfig": {"CpuPercent": 10}}, "HostConfig.CpuPercent is supported on Windows only"),
    "isolation": ({"HostConfig": {"Isolation": "hyperv"}}, "invalid isolation 'hyperv'"),
    "networks": ({"NetworkingConfig": {"EndpointsConfig": []}}, "NetworkingConfig.EndpointsConfig must be an object"),
    "options of another mount": (
        {"HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/x", "BindOptions": {}}]}},
        'BindOptions must not be specified on mount type "tmpfs"',
    ),
    "mac twice": (
        {"MacAddress": "02:00:00:00:00:01",
         "NetworkingConfig": {"EndpointsConfig": {"bridge": {"MacAddress": "02:00:00:00:00:02"}}}},
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network",
    ),
    "sysctl of an interface": (
        {"HostConfig": {"Sysctls": {"net.ipv4.conf.eth0.forwarding": "1"}}},
        "must be supplied using driver option 'com.docker.network.endpoint.sysctls'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "text"), REFUSED.values(), ids=REFUSED)
def test_refused_by_name(body: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(body)
    assert text in str(caught.value)


@pytest.mark.parametrize("body", [{}, {"HostConfig": {"Memory": 0}}, {"Unknown": 1}])
def test_an_empty_config(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        create.parse(body, NOW)
    assert str(caught.value) == "config cannot be empty in order to create a container"


MAC = "02:00:00:00:00:01"


def test_mac_address_moves_to_the_endpoint() -> None:
    spec, warnings = create.parse({"Image": "x", "MacAddress": MAC}, NOW)
    assert (spec.mac_address, spec.networks) == ("", {"bridge": EndpointSpec(mac_address=MAC)})
    assert warnings == [create.MAC_MOVED]
    old, none = create.parse({"Image": "x", "MacAddress": MAC}, (1, 43))
    assert (old.mac_address, old.networks["bridge"].mac_address, none) == (MAC, MAC, [])


def test_mac_address_needs_a_network_of_its_own() -> None:
    with pytest.raises(Invalid, match="conflicting options: mac-address and the network mode"):
        parse({"MacAddress": MAC, "HostConfig": {"NetworkMode": "host"}}, (1, 43))


def test_mac_address_finds_the_only_endpoint() -> None:
    body = {"MacAddress": MAC, "HostConfig": {"NetworkMode": "1f1f"}}
    spec = parse({**body, "NetworkingConfig": {"EndpointsConfig": {"mine": {}}}})
    assert spec.networks == {"mine": EndpointSpec(mac_address=MAC)}


def test_the_runtime_may_stand_beside_the_host_config() -> None:
    assert create.parse({"Image": "x", "Runtime": "runc"}, NOW)[0].host.runtime == "runc"
    both = {"Image": "x", "Runtime": "runc", "HostConfig": {"Runtime": "crun"}}
    assert create.parse(both, NOW)[0].host.runtime == "crun"
    with pytest.raises(Invalid, match="Runtime of type string"):
        create.parse({"Image": "x", "Runtime": 1}, NOW)


def test_a_place_shows_its_mac_address_before_it_is_taken() -> None:
    asked, seen = EndpointSpec(mac_address="02:42:00:00:00:01"), EndpointStatus(network_id="n", network="net")
    assert render_endpoint(asked, seen)["MacAddress"] == "02:42:00:00:00:01"
    assert render_endpoint(asked, replace(seen, mac_address="02:42:00:00:00:02"))["MacAddress"] == "02:42:00:00:00:02"


def test_endpoints() -> None:
    endpoint = {
        "IPAMConfig": {"IPv4Address": "10.0.0.9", "LinkLocalIPs": ["169.254.1.1"]},
        "Aliases": ["www"],
        "DriverOpts": {"a": "b"},
        "NetworkID": "ignored",
        "GwPriority": 7,
    }
    spec = parse({"NetworkingConfig": {"EndpointsConfig": {"default": endpoint, "other": None}}})
    asked = EndpointSpec(
        ipv4_address="10.0.0.9",
        link_local_ips=("169.254.1.1",),
        aliases=("www",),
        driver_opts={"a": "b"},
        gw_priority=7,
    )
    assert spec.networks == {"bridge": asked, "other": EndpointSpec()}


def test_eth0_sysctls_move_to_the_endpoint_for_old_clients() -> None:
    body = {"Image": "x", "HostConfig": {"Sysctls": {"net.ipv4.conf.eth0.forwarding": "1", "kernel.x": "2"}}}
    spec, warnings = create.parse(body, (1, 47))
    assert spec.host.sysctls == {"kernel.x": "2"}
    assert spec.networks["bridge"].driver_opts == {create.SYSCTLS: "net.ipv4.conf.IFNAME.forwarding=1"}
    assert "Migrated sysctl" in warnings[0]


def test_what_newer_versions_added_is_dropped_for_older_clients() -> None:
    body = {
        "AutoRemove": True,
        "Annotations": {"a": "b"},
        "ConsoleSize": [1, 2],
        "KernelMemoryTCP": 5,
        "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"CreateMountpoint": True}}],
    }
    old = host(body, (1, 24))
    assert (old.auto_remove, old.annotations, old.console_size, old.kernel_memory_tcp) == (False, None, (0, 0), 0)
    assert (old.ipc_mode, old.cgroupns_mode) == ("shareable", "host")
    assert old.mounts is not None
    assert old.mounts[0].bind_options is not None
    assert not old.mounts[0].bind_options.create_mountpoint
    new = host(body)
    assert (new.auto_remove, new.annotations, new.console_size) == (True, {"a": "b"}, (1, 2))


NEEDS = {
    "several networks": ({"NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}}, (1, 43), "multiple network"),
    "subpath": (
        {"HostConfig": {"Mounts": [{"Type": "volume", "VolumeOptions": {"Subpath": "x"}}]}}, (1, 44), "Subpath needs",
    ),
    "image mounts": ({"HostConfig": {"Mounts": [{"Type": "image", "Source": "x"}]}}, (1, 47), "needs API v1.48"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "version", "text"), NEEDS.values(), ids=NEEDS)
def test_needs_a_newer_version(body: dict[str, Any], version: tuple[int, int], text: str) -> None:
    parse(body)
    with pytest.raises(Invalid, match=text):
        parse(body, version)


def test_warnings() -> None:
    body = {"Image": "x", "HostConfig": {"KernelMemory": 4, "VolumeDriver": "d", "Mounts": [{"Type": "volume"}]}}
    assert create.parse(body, NOW)[1] == [config.KERNEL_MEMORY, create.VOLUME_DRIVER]


def test_update_leaves_alone_what_is_zero() -> None:
    body = {"Memory": 0, "CpuShares": 5, "PidsLimit": -1, "RestartPolicy": {"Name": ""}, "Devices": []}
    assert config.parse_update(body) == HostUpdate(cpu_shares=5, pids_limit=0)
    assert config.parse_update({"RestartPolicy": {"Name": "no"}}).restart_policy == RestartPolicy(name="no")


word = st.text(string.ascii_letters + string.digits + "/:-_.=", max_size=8)
count = st.integers(0, 2**40)
words = st.none() | st.lists(word, max_size=3)
table = st.none() | st.dictionaries(word, word, max_size=2)
devices = st.none() | st.lists(st.fixed_dictionaries({"Path": word, "Rate": count}), max_size=2)
hosts = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["CpuShares", "Memory", "NanoCpus", "CpuQuota", "MemorySwap", "ShmSize", "OomScoreAdj"], count),
        **dict.fromkeys(["CpusetCpus", "CgroupParent", "IpcMode", "PidMode", "UTSMode", "UsernsMode", "Runtime"], word),
        **dict.fromkeys(["Binds", "CapAdd", "CapDrop", "Dns", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt"], words),
        **dict.fromkeys(["MaskedPaths", "ReadonlyPaths", "VolumesFrom", "DeviceCgroupRules", "DnsOptions"], words),
        **dict.fromkeys(["Annotations", "Tmpfs", "Sysctls", "StorageOpt"], table),
        **dict.fromkeys(["BlkioDeviceReadBps", "BlkioDeviceWriteIOps"], devices),
        **dict.fromkeys(["Init", "OomKillDisable"], st.none() | st.booleans()),
        **dict.fromkeys(["Privileged", "AutoRemove", "ReadonlyRootfs", "PublishAllPorts"], st.booleans()),
        "PidsLimit": st.none() | st.integers(1, 2**20),
        "MemorySwappiness": st.none() | st.integers(0, 100),
        "NetworkMode": st.sampled_from(["bridge", "host", "none", "mine", "container:x"]),
        "RestartPolicy": st.fixed_dictionaries({"Name": word, "MaximumRetryCount": count}),
        "LogConfig": st.fixed_dictionaries({"Type": word, "Config": st.dictionaries(word, word, max_size=2)}),
        "PortBindings": st.none()
        | st.dictionaries(
            word,
            st.lists(st.fixed_dictionaries({"HostIp": word, "HostPort": word}), min_size=1, max_size=2),
            max_size=2,
        ),
        "Ulimits": st.none()
        | st.lists(st.fixed_dictionaries({"Name": word, "Soft": count, "Hard": count}), max_size=2),
        "Devices": st.none()
        | st.lists(
            st.fixed_dictionaries({"PathOnHost": word, "PathInContainer": word, "CgroupPermissions": word}), max_size=2
        ),
        "Mounts": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {"Type": st.just("volume")},
                optional={
                    "Source": word, "Target": word, "ReadOnly": st.booleans(),
                    "VolumeOptions": st.fixed_dictionaries({}, optional={"NoCopy": st.booleans(), "Labels": table}),
                },
            ),
            max_size=2,
        ),
        "ConsoleSize": st.tuples(st.integers(0, 500), st.integers(0, 500)).map(list),
    },
)  # fmt: skip


def shown(value: Any) -> Any:
    return json.loads(codec.encode(value))


def without_empty(value: Any) -> Any:
    """Drop what Go's omitempty drops and what null means, at every depth."""
    if isinstance(value, dict):
        return {k: without_empty(v) for k, v in value.items() if v not in (None, "", 0, False, [], {}) or v is False}
    return [without_empty(v) for v in value] if isinstance(value, list) else value


@given(hosts)
def test_inspect_gives_back_what_was_asked(asked: dict[str, Any]) -> None:
    rendered = shown(config.render_host(host(asked)))
    for name, value in asked.items():
        if name in rendered and name != "Mounts":
            assert rendered[name] == value or (value is None and rendered[name] in ([], {}))
        else:
            assert without_empty(rendered.get(name)) or not without_empty(value)
    assert shown(config.render_host(host(rendered))) == rendered, "what inspect shows can be asked again"


@given(hosts)
def test_what_is_stored_is_what_was_asked(asked: dict[str, Any]) -> None:
    spec = host(asked)
    assert codec.decode(codec.encode(spec), HostSpec) == spec


@given(hosts, st.integers(24, 51))
def test_old_requests_are_understood_too(asked: dict[str, Any], minor: int) -> None:
    asked.pop("Mounts", None)
    spec = host(asked, (1, minor))
    assert spec.memory == asked.get("Memory", 0)
    assert spec.cap_add == (None if asked.get("CapAdd") is None else tuple(asked["CapAdd"]))


configs = st.fixed_dictionaries(
    {"Image": word.filter(bool)},
    optional={
        **dict.fromkeys(["Hostname", "User", "WorkingDir", "StopSignal"], word),
        **dict.fromkeys(["Tty", "OpenStdin", "AttachStdout"], st.booleans()),
        **dict.fromkeys(["Env", "Cmd", "Entrypoint", "Shell"], words),
        "Labels": st.dictionaries(word, word, max_size=2),
        "ExposedPorts": st.dictionaries(word, st.just({}), max_size=2),
        "StopTimeout": st.none() | st.integers(0, 100),
        "Healthcheck": st.none() | st.fixed_dictionaries({"Test": st.lists(word, min_size=1, max_size=2)}),
    },
)


@given(configs)
def test_config_too_comes_back(asked: dict[str, Any]) -> None:
    spec = create.parse(asked, NOW)[0]
    rendered = shown(config.render_config(spec))
    for name, value in asked.items():
        assert rendered.get(name) == value or (not value and not rendered.get(name))
    assert shown(config.render_config(create.parse(rendered, NOW)[0])) == rendered
