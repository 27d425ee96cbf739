"""What programs ask for, as requests."""

from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.front.python.create import Options, request

CASES: dict[str, tuple[Options, dict[str, Any]]] = {
    "nothing": ({}, {"HostConfig": {}}),
    "a free port": (
        {"ports": {"80": None}},
        {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}}},
    ),
    "a port of an address": (
        {"ports": {"53/udp": ("127.0.0.1", 5353)}},
        {
            "ExposedPorts": {"53/udp": {}},
            "HostConfig": {"PortBindings": {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}]}},
        },
    ),
    "limits": ({"memory": "64m", "cpus": 1.5}, {"HostConfig": {"Memory": 64 << 20, "NanoCpus": 1_500_000_000}}),
    "a policy": (
        {"restart": "on-failure:3"},
        {"HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}},
    ),
    "names in a network": (
        {"network": "net", "aliases": ["db"]},
        {
            "HostConfig": {"NetworkMode": "net"},
            "NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": ["db"]}}},
        },
    ),
    "what the API knows and we do not": (
        {"host_config": {"ShmSize": 1}, "config": {"StopSignal": "INT"}},
        {"HostConfig": {"ShmSize": 1}, "StopSignal": "INT"},
    ),
    "environment": ({"environment": {"A": "b c"}}, {"Env": ["A=b c"], "HostConfig": {}}),
}


@pytest.mark.parametrize(("options", "body"), CASES.values(), ids=CASES)
def test_body(options: Options, body: dict[str, Any]) -> None:
    assert request("img", ["true"], options) == ({}, {"Image": "img", "Cmd": ["true"], **body})


def test_name_and_platform_go_into_the_query() -> None:
    assert request("img", None, {"name": "web", "platform": "linux/amd64"}) == (
        {"name": "web", "platform": "linux/amd64"},
        {"Image": "img", "HostConfig": {}},
    )


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        (None, {"prots": {}}, "unknown option prots"),
        ("echo hi", {}, "list of words"),
        (None, {"entrypoint": "sh"}, "list of words"),
        (None, {"aliases": ["x"]}, "need a network"),
        (None, {"memory": "much"}, "invalid size"),
    ],
)
def test_refused(command: Any, options: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        request("img", command, options)
