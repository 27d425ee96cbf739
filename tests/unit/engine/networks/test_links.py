"""Old-style links."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.networks.links import Link, Linked, host_names, parse_link, variables

LINKS = {
    "db": Link("db", "db"),
    "db:store": Link("db", "store"),
    "/db:/web/store": Link("db", "store"),
}


@pytest.mark.parametrize(("text", "link"), LINKS.items())
def test_parse(text: str, link: Link) -> None:
    assert parse_link(text) == link


@pytest.mark.parametrize("text", ["", ":x", "a:b:c"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(Invalid, match=f"bad format for links: {text}"):
        parse_link(text)


def test_host_names_are_said_once() -> None:
    assert host_names(Link("db", "db"), "0123456789ab", "db") == "db 0123456789ab"
    assert host_names(Link("db", "store"), "h", "db") == "store h db"


def test_variables() -> None:
    linked = Linked(
        "web", "my-db", "172.17.0.2", ("53/udp", "5432/tcp"), ("PATH=/bin", "HOME=/", "PGDATA=/data", "ODD")
    )
    assert variables(linked) == (
        "MY_DB_NAME=/web/my-db",
        "MY_DB_PORT=tcp://172.17.0.2:5432",
        "MY_DB_PORT_5432_TCP=tcp://172.17.0.2:5432",
        "MY_DB_PORT_5432_TCP_ADDR=172.17.0.2",
        "MY_DB_PORT_5432_TCP_PORT=5432",
        "MY_DB_PORT_5432_TCP_PROTO=tcp",
        "MY_DB_PORT_53_UDP=udp://172.17.0.2:53",
        "MY_DB_PORT_53_UDP_ADDR=172.17.0.2",
        "MY_DB_PORT_53_UDP_PORT=53",
        "MY_DB_PORT_53_UDP_PROTO=udp",
        "MY_DB_ENV_PGDATA=/data",
    )


def test_a_container_without_ports_has_a_name_only() -> None:
    assert variables(Linked("web", "db", "172.17.0.2", (), ())) == ("DB_NAME=/web/db",)
