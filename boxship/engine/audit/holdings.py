"""What a host holds for containers, compared with what their records ask for. Pure.

The same shape describes both sides, so that a difference is a difference of sets."""

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from boxship.base.ids import short
from boxship.engine.states import LIVE
from boxship.model.status import Container


class Remedy(enum.StrEnum):
    """What mends a finding. LOOK lets the container's own worker see the host anew and settle it."""

    UNMOUNT = "unmount it"
    DELETE = "let the runtime forget it"
    KILL = "end its processes and remove it"
    TRASH = "remove its files"
    LOOK = "record how it ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Ids of containers, by what there is of them.

    roots: a mounted root file system.  launched: something the runtime keeps.  monitored: a living monitor.
    cgroups: a control group.  homes: a directory with its files.
    """

    roots: frozenset[str] = frozenset()
    launched: frozenset[str] = frozenset()
    monitored: frozenset[str] = frozenset()
    cgroups: frozenset[str] = frozenset()
    homes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference. subject: container id, or what a network names. remedy None: only its user can decide."""

    kind: str
    subject: str
    text: str
    remedy: Remedy | None = None


_LEAKED: dict[str, tuple[str, Remedy]] = {
    "launched": ("the runtime keeps container {}, which does not run", Remedy.DELETE),
    "cgroups": ("control group of container {}, which does not run, is there", Remedy.KILL),
    "roots": ("root file system of container {}, which does not run, is mounted", Remedy.UNMOUNT),
    "homes": ("files of container {}, which does not exist, are there", Remedy.TRASH),
}
_MISSING: dict[str, tuple[str, Remedy | None]] = {
    "launched": ("container {} is recorded as running, but the runtime has nothing of it", Remedy.LOOK),
    "monitored": (
        "the monitor of container {} is gone: its output is lost and its exit code will be; restart it",
        None,
    ),
    "cgroups": ("control group of container {} is gone: its limits do not hold; restart it", None),
    "roots": ("root file system of container {} is not mounted on the host, though it runs; restart it", None),
    "homes": ("files of container {} are gone; remove it and create it again", None),
}


def expected(containers: Iterable[Container]) -> Holdings:
    """Return what the host should hold for these records. Containers whose control group their user put
    elsewhere have none below our own parent."""
    listed = list(containers)
    up = [c for c in listed if c.status.state in LIVE]
    live = frozenset(c.id for c in up)
    ours = frozenset(c.id for c in up if not c.spec.host.cgroup_parent)
    return Holdings(roots=live, launched=live, monitored=live, cgroups=ours, homes=frozenset(c.id for c in listed))


def compare(wanted: Holdings, seen: Holdings, busy: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return all differences, leaks first, in the order in which they can be mended. `busy` ones are in motion,
    and what is true of them now is no difference."""
    findings = [
        Finding(kind=kind, subject=i, text=text.format(short(i)), remedy=remedy)
        for kind, (text, remedy) in _LEAKED.items()
        for i in sorted(getattr(seen, kind) - getattr(wanted, kind))
    ]
    lost = wanted.launched - seen.launched
    for kind, (text, cure) in _MISSING.items():
        for i in sorted(getattr(wanted, kind) - getattr(seen, kind)):
            if kind in ("launched", "homes") or i not in lost:
                findings.append(Finding(kind=kind, subject=i, text=text.format(short(i)), remedy=cure))
    return tuple(f for f in findings if f.subject not in busy)
