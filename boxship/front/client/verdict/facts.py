"""What a verdict is made of, and the verdict. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event. time: seconds since 1970. action: as the API tells it, `die`, `health_status: unhealthy`."""

    time: float
    action: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known. inspect: as the API tells it, None for a container that has gone. happenings: oldest first.
    lines: the last of its log. others: the list of containers. now: seconds since 1970."""

    name: str
    now: float
    inspect: Mapping[str, Any] | None = None
    happenings: tuple[Happening, ...] = ()
    lines: tuple[str, ...] = ()
    others: tuple[Mapping[str, Any], ...] = ()

    @property
    def state(self) -> Mapping[str, Any]:
        return (self.inspect or {}).get("State") or {}

    @property
    def host(self) -> Mapping[str, Any]:
        return (self.inspect or {}).get("HostConfig") or {}

    @property
    def config(self) -> Mapping[str, Any]:
        return (self.inspect or {}).get("Config") or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """cause: one stable word for programs. text: one sentence without the name. details: what shows it.
    step: what to do next, "" if nothing."""

    cause: str
    text: str
    details: tuple[str, ...] = ()
    step: str = ""

    @property
    def well(self) -> bool:
        """Nothing is wrong that anybody could mend."""
        return self.cause in ("runs", "starting", "finished")
