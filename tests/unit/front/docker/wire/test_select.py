"""Which containers a list and a prune mean."""

import pytest
from msgspec.structs import replace

from boxship.base.errors import Invalid
from boxship.base.units import SECOND
from boxship.front.docker.wire import select
from boxship.front.docker.wire.select import Query
from boxship.front.rest.filters import Filters
from boxship.model.status import Container, ContainerStatus, HealthStatus, State
from tests.unit.front.docker.wire.samples import BORN, RUNNING


def box(name: str, at: int, state: State = State.RUNNING, **changes: object) -> Container:
    status = replace(RUNNING.status, state=state)
    container = replace(RUNNING, id=f"{at}" * 64, name=name, created=BORN + at * SECOND, status=status)
    return replace(container, **changes)


OLD = box("old", 1, State.EXITED)
FRESH = box(
    "fresh", 2, State.CREATED, status=ContainerStatus(), mounts=(), image_id="sha256:other",
    spec=replace(RUNNING.spec, labels={}, exposed_ports=(), host=replace(RUNNING.spec.host, port_bindings=None)),
)  # fmt: skip
SICK = box("sick", 3, status=replace(RUNNING.status, health=HealthStatus(status="unhealthy"), ports={}))
WEB = box("web", 4)
ALL = [FRESH, WEB, OLD, SICK]


def names(query: Query) -> str:
    return " ".join(container.name for container in select.select(ALL, query))


QUERIES = {
    "running, newest first": (Query(), "web sick"),
    "all": (Query(all=True), "web sick fresh old"),
    "limit implies all": (Query(limit=3), "web sick fresh"),
    "before": (Query(before=SICK), "fresh old"),
    "since": (Query(since=FRESH), "web sick"),
    "since and before": (Query(since=OLD, before=WEB), "sick fresh"),
    "ancestor": (Query(filters=Filters({"ancestor": ("x",)}), ancestors=frozenset({RUNNING.image_id})), "web sick"),
    "limit counts what fits": (Query(filters=Filters({"name": ("e",)}), limit=2), "web fresh"),
}


@pytest.mark.parametrize(("query", "found"), QUERIES.values(), ids=QUERIES)
def test_queries(query: Query, found: str) -> None:
    assert names(query) == found


FILTERS = [
    ("status", ("exited",), "old"),
    ("status", ("exited", "created"), "fresh old"),
    ("name", ("^we",), "web"),
    ("name", ("/old",), "old"),
    ("id", ("4444",), "web"),
    ("label", ("x",), "web sick old"),
    ("label", ("x=y", "z"), ""),
    ("health", ("unhealthy",), "sick"),
    ("health", ("none",), "fresh"),
    ("exited", ("0",), "old"),
    ("exited", ("1",), ""),
    ("is-task", ("true",), ""),
    ("is-task", ("false",), "web sick fresh old"),
    ("network", ("bridge",), "web sick fresh old"),
    ("network", ("9999",), "web sick old"),
    ("network", ("nope",), ""),
    ("volume", ("v",), "web sick old"),
    ("volume", ("/data",), "web sick old"),
    ("volume", ("/src",), "web sick old"),
    ("volume", ("/nope",), ""),
    ("expose", ("81/udp",), "web sick old"),
    ("expose", ("81",), ""),
    ("publish", ("80",), "web sick old"),
    ("publish", ("79-80/tcp",), "web sick old"),
    ("publish", ("81/udp",), ""),
    ("isolation", ("default",), "web sick fresh old"),
]


@pytest.mark.parametrize(("key", "values", "found"), FILTERS)
def test_filters(key: str, values: tuple[str, ...], found: str) -> None:
    assert names(Query(all=True, filters=Filters({key: values}))) == found


WRONG = {
    "status": "invalid filter 'status=x'",
    "health": "unrecognized filter value for health: x",
    "exited": "invalid filter 'exited=x'",
    "is-task": "invalid filter 'is-task=",
    "publish": "invalid filter 'publish=x'",
    "expose": "invalid filter 'expose=x'",
}


@pytest.mark.parametrize(("key", "text"), WRONG.items())
def test_values_that_cannot_be_meant(key: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        names(Query(filters=Filters({key: ("x",)})))
    assert text in str(caught.value)


PRUNES: dict[str, tuple[dict[str, tuple[str, ...]], str]] = {
    "all that do not run": ({}, "fresh old"),
    "by label": ({"label": ("x",)}, "old"),
    "by no label": ({"label!": ("x",)}, "fresh"),
    "until a moment": ({"until": (str(BORN // SECOND + 1),)}, "old"),
    "until an age": ({"until": ("9s",)}, "old"),
    "until a date": ({"until": ("2023-11-14T22:13:21Z",)}, "old"),
    "until a day": ({"until": ("2023-11-14",)}, ""),
}


@pytest.mark.parametrize(("filters", "found"), PRUNES.values(), ids=PRUNES)
def test_prune(filters: dict[str, tuple[str, ...]], found: str) -> None:
    test = select.prunable(Filters(filters), BORN + 10 * SECOND)
    assert " ".join(container.name for container in ALL if test(container)) == found


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED, State.RESTARTING, State.REMOVING])
def test_what_lives_is_not_pruned(state: State) -> None:
    assert not select.prunable(Filters(), BORN)(box("x", 0, state))
