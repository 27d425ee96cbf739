"""Every difference between host and records is found, explained, and no motion is taken for one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.audit.holdings import Finding, Holdings, Remedy, compare, expected
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.status import Container, ContainerStatus, State

A, B = "a" * 64, "b" * 64
ONE = frozenset({A})


def container(identifier: str, state: State) -> Container:
    return Container(
        id=identifier, name=identifier[:3], created=1, image_id="sha256:0", group=identifier, spec=ContainerSpec(),
        status=ContainerStatus(state=state),
    )  # fmt: skip


RUNNING = expected([container(A, State.RUNNING)])
STOPPED = expected([container(A, State.EXITED)])
NOTHING = expected([])

CASES = {
    "all well": (RUNNING, RUNNING, []),
    "a leaked mount": (STOPPED, Holdings(roots=ONE, homes=ONE), [("roots", Remedy.UNMOUNT)]),
    "a leaked cgroup": (STOPPED, Holdings(cgroups=ONE, homes=ONE), [("cgroups", Remedy.KILL)]),
    "a runtime that keeps what is gone": (NOTHING, Holdings(launched=ONE), [("launched", Remedy.DELETE)]),
    "files without a record": (NOTHING, Holdings(homes=ONE), [("homes", Remedy.TRASH)]),
    "a lost container is told once": (RUNNING, Holdings(homes=ONE), [("launched", Remedy.LOOK)]),
    "a dead monitor": (
        RUNNING,
        Holdings(roots=ONE, launched=ONE, cgroups=ONE, homes=ONE),
        [("monitored", None)],
    ),
    "a root somebody unmounted": (
        RUNNING,
        Holdings(launched=ONE, monitored=ONE, cgroups=ONE, homes=ONE),
        [("roots", None)],
    ),
    "vanished files": (STOPPED, Holdings(), [("homes", None)]),
}


@pytest.mark.parametrize(("wanted", "seen", "found"), CASES.values(), ids=CASES)
def test_compare(wanted: Holdings, seen: Holdings, found: list[tuple[str, Remedy | None]]) -> None:
    findings = compare(wanted, seen)
    assert [(f.kind, f.remedy) for f in findings] == found
    assert all(f.subject == A and "aaaaaaaaaaaa" in f.text for f in findings)


def test_a_control_group_elsewhere_is_not_looked_for_here() -> None:
    apart = msgspec.structs.replace(
        container(A, State.RUNNING), spec=ContainerSpec(host=HostSpec(cgroup_parent="/theirs"))
    )
    assert expected([apart]).cgroups == frozenset()


def test_a_container_in_motion_is_no_finding() -> None:
    assert compare(RUNNING, Holdings(), busy=[A]) == ()
    assert compare(NOTHING, Holdings(roots=ONE), busy=[A]) == ()


def test_the_runtime_is_told_before_files_are_removed() -> None:
    seen = Holdings(roots=ONE, launched=ONE, cgroups=ONE, homes=ONE)
    assert [f.kind for f in compare(NOTHING, seen)] == ["launched", "cgroups", "roots", "homes"]


ids = st.frozensets(st.sampled_from([A, B]))
holdings = st.builds(Holdings, roots=ids, launched=ids, monitored=ids, cgroups=ids, homes=ids)


@given(holdings, holdings)
def test_equal_sides_and_only_those_have_no_findings(wanted: Holdings, seen: Holdings) -> None:
    findings: tuple[Finding, ...] = compare(wanted, seen)
    differ = any(getattr(wanted, k) - getattr(seen, k) for k in ("launched", "homes")) or any(
        getattr(seen, k) - getattr(wanted, k) for k in ("roots", "launched", "cgroups", "homes")
    )
    assert compare(wanted, wanted) == ()
    assert bool(findings) >= differ
