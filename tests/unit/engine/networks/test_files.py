"""hosts and resolv.conf."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.networks.files import (
    Names,
    choose,
    embedded,
    extra_hosts,
    hosts,
    own_names,
    parse_resolv_conf,
    plain,
    reachable,
)

HOST = Names(("127.0.0.53", "10.0.0.53", "fd00::53"), ("corp.example",), ("edns0",))
NONE = Names()


def test_hosts_has_the_containers_own_address_last() -> None:
    text = hosts([("172.17.0.2", "web.example web")], [("10.0.0.1", "db")], [("172.17.0.3", "cache c2")])
    assert text.splitlines() == [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::\tip6-localnet",
        "ff00::\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        "10.0.0.1\tdb",
        "172.17.0.3\tcache c2",
        "172.17.0.2\tweb.example web",
    ]


def test_own_names() -> None:
    assert own_names("web", "") == "web"
    assert own_names("web", "example.org") == "web.example.org web"


EXTRA = {
    "an address": (["db:10.0.0.1"], (("10.0.0.1", "db"),)),
    "IPv6": (["db:fd00::1"], (("fd00::1", "db"),)),
    "IPv6 in brackets": (["db:[fd00::1]"], (("fd00::1", "db"),)),
    "an equals sign": (["db=10.0.0.1"], (("10.0.0.1", "db"),)),
    "an equals sign and IPv6": (["db=fd00::1"], (("fd00::1", "db"),)),
    "the host": (["host.docker.internal:host-gateway"], (("172.17.0.1", "host.docker.internal"),)),
    "order is kept": (["b:10.0.0.2", "a:10.0.0.1"], (("10.0.0.2", "b"), ("10.0.0.1", "a"))),
}


@pytest.mark.parametrize(("entries", "found"), EXTRA.values(), ids=EXTRA)
def test_extra_hosts(entries: list[str], found: tuple[tuple[str, str], ...]) -> None:
    assert extra_hosts(entries, ["172.17.0.1"]) == found


BAD = {
    "db": 'bad format for add-host: "db"',
    "db:": 'bad format for add-host: "db:"',
    ":10.0.0.1": 'bad format for add-host: ":10.0.0.1"',
    "db:ten": 'invalid IP address in add-host: "ten"',
    "x:host-gateway": "unable to derive the IP value for host-gateway",
}


@pytest.mark.parametrize(("entry", "text"), BAD.items())
def test_extra_hosts_refuses(entry: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        extra_hosts([entry], [])


def test_parse_resolv_conf() -> None:
    text = "# a comment\n; another\nnameserver 10.0.0.1\n\nnameserver  10.0.0.2 \ndomain old\n"
    text += "search a b\noptions x y\noptions z"
    assert parse_resolv_conf(text) == Names(("10.0.0.1", "10.0.0.2"), ("a", "b"), ("x", "y", "z"))


def test_only_servers_that_can_be_reached() -> None:
    assert reachable(HOST.servers, ipv6=False) == ("10.0.0.53",)
    assert reachable(HOST.servers, ipv6=True) == ("10.0.0.53", "fd00::53")
    assert reachable(["fe80::1%eth0"], ipv6=True) == ("fe80::1%eth0",)


CHOICES = {
    "the container's": (Names(("1.1.1.1",), ("a",), ("o",)), Names(("2.2.2.2",)), Names(("1.1.1.1",), ("a",), ("o",))),
    "the daemon's": (NONE, Names(("2.2.2.2",), ("b",)), Names(("2.2.2.2",), ("b",), ("edns0",))),
    "the host's": (NONE, NONE, HOST),
    "a dot is no search domain": (Names(search=(".",)), NONE, HOST._replace(search=())),
}


@pytest.mark.parametrize(("asked", "daemon", "found"), CHOICES.values(), ids=CHOICES)
def test_choose(asked: Names, daemon: Names, found: Names) -> None:
    assert choose(asked, daemon, HOST) == found


def test_the_default_network_has_real_servers() -> None:
    assert plain(NONE, NONE, HOST, ipv6=False) == "nameserver 10.0.0.53\nsearch corp.example\noptions edns0\n"


def test_a_host_with_loopback_servers_only_falls_back() -> None:
    assert plain(NONE, NONE, Names(("127.0.0.1",)), False) == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"


def test_servers_asked_for_are_taken_as_they_are() -> None:
    assert plain(Names(("127.0.0.1",)), NONE, HOST, False).startswith("nameserver 127.0.0.1\n")


def test_user_networks_have_ours_alone() -> None:
    assert embedded(Names(("1.1.1.1",)), NONE, HOST) == (
        "nameserver 127.0.0.11\nsearch corp.example\noptions edns0 ndots:0\n"
    )


def test_asked_ndots_stay() -> None:
    assert "options ndots:3\n" in embedded(Names(options=("ndots:3",)), NONE, HOST)
