"""Who of several containers gets the connections of a port they share."""

from collections import Counter

import pytest

from boxship.engine.networks.rules import SLOTS
from boxship.engine.networks.sharing import Backend, Fit, Spot, elements, fit, group_of
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.status import Container, ContainerStatus, Desired, HealthStatus, State

ANYWHERE = Spot("tcp", "0.0.0.0", 8080)
A, B, C = ("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 81)
CHOSEN = {
    "one is a plain element": ([(A, 2)], {A: 1}),
    "all are well": ([(A, 2), (B, 2), (C, 2)], {A: 40, B: 40, C: 40}),
    "an ill one is left out": ([(A, 2), (B, 1), (C, 2)], {A: 60, C: 60}),
    "one is well": ([(A, 2), (B, 1)], {A: 1}),
    "ill ones are better than none": ([(A, 0), (B, 1), (C, 1)], {B: 60, C: 60}),
    "none that can": ([(A, 0), (B, 0)], {A: 60, B: 60}),
    "one without address": ([(("", 80), 2), (B, 1)], {B: 1}),
    "nobody": ([], {}),
    "as even as can be": ([((f"10.0.0.{n}", 80), 2) for n in range(7)], {("10.0.0.0", 80): 18, ("10.0.0.6", 80): 17}),
}


@pytest.mark.parametrize(("given", "counts"), CHOSEN.values(), ids=CHOSEN)
def test_elements(given: list[tuple[tuple[str, int], int]], counts: dict[tuple[str, int], int]) -> None:
    found = elements(ANYWHERE, [Backend(*place, Fit(rank)) for place, rank in given])
    lines = [line for lines in found.values() for line in lines]
    told = Counter(line.partition(" : ")[2] for line in lines)
    assert {f"{address} . {port}": count for (address, port), count in counts.items()}.items() <= told.items()
    assert len(lines) in (0, 1, SLOTS)
    assert len({line.partition(" : ")[0] for line in lines}) == len(lines)


NAMES = {
    ("0.0.0.0", 1): ("any4", "tcp . 8080 : x . 80"),
    ("127.0.0.1", 1): ("host4", "127.0.0.1 . tcp . 8080 : x . 80"),
    ("::", 2): ("any6_shared", "tcp . 8080 . 0 : x . 80"),
    ("fd00::1", 2): ("host6_shared", "fd00::1 . tcp . 8080 . 0 : x . 80"),
}


@pytest.mark.parametrize(("case", "told"), NAMES.items())
def test_which_map(case: tuple[str, int], told: tuple[str, str]) -> None:
    ((name, found),) = elements(Spot("tcp", case[0], 8080), [Backend("x", 80, Fit.WELL)] * case[1]).items()
    assert (name, told[1] in found) == (told[0], True)


PROBED = HealthSpec(test=("CMD", "true"))
FITNESS = {
    "it runs": (State.RUNNING, Desired.RUNNING, None, "", Fit.WELL),
    "paused": (State.PAUSED, Desired.PAUSED, None, "", Fit.NOT),
    "being started": (State.CREATED, Desired.RUNNING, None, "", Fit.NOT),
    "about to stop": (State.RUNNING, Desired.STOPPED, None, "", Fit.NOT),
    "about to go": (State.RUNNING, Desired.REMOVED, PROBED, "healthy", Fit.NOT),
    "starting": (State.RUNNING, Desired.RUNNING, PROBED, "starting", Fit.ILL),
    "never probed": (State.RUNNING, Desired.RUNNING, PROBED, "", Fit.ILL),
    "healthy": (State.RUNNING, Desired.RUNNING, PROBED, "healthy", Fit.WELL),
    "unhealthy": (State.RUNNING, Desired.RUNNING, PROBED, "unhealthy", Fit.ILL),
    "not to be probed": (State.RUNNING, Desired.RUNNING, HealthSpec(test=("NONE",)), "", Fit.WELL),
}


@pytest.mark.parametrize(("state", "desired", "check", "health", "found"), FITNESS.values(), ids=FITNESS)
def test_fit(state: State, desired: Desired, check: HealthSpec | None, health: str, found: Fit) -> None:
    status = ContainerStatus(state=state, health=HealthStatus(status=health) if health else None)
    spec = ContainerSpec(healthcheck=check, labels={"boxship.ports.shared": "g"})
    container = Container(
        id="1", name="a", created=1, image_id="", group="1", spec=spec, desired=desired, status=status
    )
    assert fit(container) is found
    assert group_of(container) == "g"
