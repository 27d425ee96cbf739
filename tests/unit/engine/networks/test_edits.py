"""What is wished of ports after an edit."""

import pytest

from boxship.base.errors import Conflict
from boxship.engine.networks.edits import Bindings, chosen, joined, moved, named, require_present, without
from boxship.engine.networks.ports import Published
from boxship.model.container import HostSpec, PortBinding


def at(*places: str) -> tuple[PortBinding, ...]:
    """`8080`, `127.0.0.1:8080`, "" for any free port."""
    pairs = [place.rpartition(":")[::2] for place in places]
    return tuple(PortBinding(host_ip=address, host_port=port) for address, port in pairs)


WEB = {"80/tcp": at("8080", "127.0.0.1:8081"), "53/udp": at("")}
FORCE = (
    Published("tcp", 80, "0.0.0.0", 8080),
    Published("tcp", 80, "127.0.0.1", 8081),
    Published("udp", 53, "0.0.0.0", 32768),
)
REMOVED: dict[str, tuple[Bindings, Bindings, list[int]]] = {
    "one binding": ({"80/tcp": at("8080")}, {"80/tcp": at("127.0.0.1:8081"), "53/udp": at("")}, [8080]),
    "at an address": (
        {"80/tcp": at("127.0.0.1:8081")},
        {"80/tcp": at("8080"), "53/udp": at("")},
        [8081],
    ),
    "everything at an address": ({"80/tcp": at("127.0.0.1:")}, {"80/tcp": at("8080"), "53/udp": at("")}, [8081]),
    "by its address": ({"80/tcp": at("0.0.0.0:8080")}, {"80/tcp": at("127.0.0.1:8081"), "53/udp": at("")}, [8080]),
    "a container port": ({"80/tcp": at("")}, {"53/udp": at("")}, [8080, 8081]),
    "without any binding": ({"80/tcp": ()}, {"53/udp": at("")}, [8080, 8081]),
    "a free port by what it became": ({"53/udp": at("32768")}, {"80/tcp": WEB["80/tcp"]}, [32768]),
    "a range": ({"50-90/tcp": at("8000-9000")}, {"53/udp": at("")}, [8080, 8081]),
}  # fmt: skip


@pytest.mark.parametrize(("remove", "left", "gone"), REMOVED.values(), ids=REMOVED)
def test_removals(remove: Bindings, left: Bindings, gone: list[int]) -> None:
    require_present(remove, WEB, FORCE)
    found = chosen(FORCE, remove)
    assert [p.host_port for p in found] == gone
    assert without(WEB, remove, found) == left


@pytest.mark.parametrize(
    "remove", [{"81/tcp": at("")}, {"80/udp": at("")}, {"80/tcp": at("9")}, {"80/tcp": at("::1:8080")}]
)
def test_what_is_not_published_cannot_go(remove: Bindings) -> None:
    with pytest.raises(Conflict, match="is not published"):
        require_present(remove, WEB, FORCE)


def test_a_wish_of_a_stopped_container_can_go() -> None:
    require_present({"80/tcp": at("8080")}, WEB, ())
    assert without(WEB, {"80/tcp": at("8080")})["80/tcp"] == at("127.0.0.1:8081")


def test_additions_are_added_once() -> None:
    assert joined({"80/tcp": at("1")}, {"80/tcp": at("2", "1"), "81/tcp": at("")}) == {
        "80/tcp": at("1", "2"),
        "81/tcp": at(""),
    }


def test_publish_all_is_written_out() -> None:
    host = named(HostSpec(publish_all_ports=True, port_bindings={"80/tcp": at("1")}), ("80/tcp", "81/tcp"))
    assert (host.publish_all_ports, host.port_bindings) == (False, {"80/tcp": at("1"), "81/tcp": at("")})
    plain = HostSpec(port_bindings={"80/tcp": at("1")})
    assert named(plain, ("81/tcp",)) is plain


def test_moved_ports_keep_their_numbers_and_are_one_wish_for_both_families() -> None:
    both = (*FORCE, Published("tcp", 80, "::", 8080), Published("tcp", 9, "::", 9))
    assert moved(both) == {
        "80/tcp": at("8080", "127.0.0.1:8081"),
        "53/udp": at("32768"),
        "9/tcp": at("9"),
    }
