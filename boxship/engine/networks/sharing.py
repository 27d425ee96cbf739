"""Several containers behind one published port: who of them gets new connections. Pure.

A port that is shared has a fixed number of slots in the firewall's table, which the kernel goes round in turn; each
container that is fit has as many of them as the others. Membership changes are changes of elements, never of rules.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple

from boxship.engine.networks.ports import ANY4, ANY6
from boxship.engine.networks.rules import SLOTS, Elements
from boxship.model.container import HealthSpec
from boxship.model.status import Container, Desired, State

LABEL = "boxship.ports.shared"


class Spot(NamedTuple):
    """One port of the host."""

    protocol: str
    address: str
    port: int

    @property
    def owner(self) -> str:
        """Whose elements these are in the firewall; no id of a container looks so."""
        return f"shared {self.protocol} {self.address} {self.port}"


class Fit(enum.IntEnum):
    """How good it is to send new connections to a container: to one that does not run or is about to stop only when
    there is no other, to one that starts or is unhealthy only when there is none that is well."""

    NOT = 0
    ILL = 1
    WELL = 2


class Backend(NamedTuple):
    """address, port: of the container."""

    address: str
    port: int
    fit: Fit


def group_of(container: Container) -> str:
    """Return the group that a container shares its ports with, "" for none."""
    return container.spec.labels.get(LABEL, "")


def fit(container: Container) -> Fit:
    status = container.status
    if status.state is not State.RUNNING or container.desired in (Desired.STOPPED, Desired.REMOVED):
        return Fit.NOT
    if not _is_probed(container.spec.healthcheck):
        return Fit.WELL
    return Fit.WELL if status.health is not None and status.health.status == "healthy" else Fit.ILL


def _is_probed(check: HealthSpec | None) -> bool:
    return check is not None and len(check.test) > 1 and check.test[0] != "NONE"


def elements(spot: Spot, backends: Sequence[Backend]) -> Elements:
    """Return what sends the connections of a port to its fittest backends in turn."""
    able = [b for b in backends if b.address]
    if not able:
        return {}
    best = max(b.fit for b in able)
    chosen = [b for b in able if b.fit == best]
    family = "6" if ":" in spot.address else "4"
    anywhere = spot.address in (ANY4, ANY6)
    key = f"{spot.protocol} . {spot.port}" if anywhere else f"{spot.address} . {spot.protocol} . {spot.port}"
    if len(chosen) == 1:
        name = f"{'any' if anywhere else 'host'}{family}"
        return {name: frozenset({f"{key} : {chosen[0].address} . {chosen[0].port}"})}
    name = f"{'any' if anywhere else 'host'}{family}_shared"
    turns = [chosen[slot % len(chosen)] for slot in range(SLOTS)]
    return {name: frozenset(f"{key} . {slot} : {b.address} . {b.port}" for slot, b in enumerate(turns))}
