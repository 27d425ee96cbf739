"""Events: their shape for each version, and which a client asked for."""

import pytest

from boxship.base.event import Event
from boxship.front.docker.wire import events
from boxship.front.rest.filters import Filters

NOW = (1, 51)
ACTOR = {"image": "busybox:1", "name": "web", "l": "v"}
START = Event(kind="container", action="start", id="c1", time=1_500_000_000, attributes=ACTOR)
HEALTH = Event(kind="container", action="health_status: healthy", id="c1", time=0, attributes={"name": "web"})
PULL = Event(kind="image", action="pull", id="host:5000/app:2", time=0, attributes={"name": "host:5000/app"})
CREATE = Event(kind="image", action="create", id="i", time=0)
CONNECT = Event(kind="network", action="connect", id="n1", time=0, attributes={"name": "bridge", "container": "c1"})
ALL = {"start": START, "health": HEALTH, "pull": PULL, "create": CREATE, "connect": CONNECT}


def test_old_clients_get_the_fields_they_rely_on() -> None:
    shown = events.render(START, NOW)
    assert shown == {
        "status": "start",
        "id": "c1",
        "from": "busybox:1",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": "c1", "Attributes": START.attributes},
        "scope": "local",
        "time": 1,
        "timeNano": 1_500_000_000,
    }
    assert "status" not in events.render(START, (1, 52))
    assert "status" not in events.render(CONNECT, NOW)
    assert "from" not in events.render(PULL, NOW)


FILTERS = [
    ({}, "start health pull create connect"),
    ({"type": ("image",)}, "pull create"),
    ({"event": ("start", "pull")}, "start pull"),
    ({"event": ("health_status",)}, "health"),
    ({"event": ("health_status: healthy",)}, "health"),
    ({"container": ("web",)}, "start health"),
    ({"container": ("c1",)}, "start health"),
    ({"network": ("bridge",)}, "connect"),
    ({"image": ("busybox",)}, "start"),
    ({"image": ("busybox:1",)}, "start"),
    ({"image": ("host:5000/app",)}, "pull"),
    ({"image": ("host:5000/app:2",)}, "pull"),
    ({"label": ("l=v",)}, "start"),
    ({"scope": ("swarm",)}, ""),
    ({"type": ("container",), "event": ("start",), "label": ("l",)}, "start"),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_filters(filters: dict[str, tuple[str, ...]], found: str) -> None:
    wanted = [name for name, event in ALL.items() if events.wanted(event, Filters(filters), NOW)]
    assert " ".join(wanted) == found


def test_image_create_is_new() -> None:
    assert not events.wanted(CREATE, Filters(), (1, 45))
    assert events.wanted(CREATE, Filters(), (1, 46))
