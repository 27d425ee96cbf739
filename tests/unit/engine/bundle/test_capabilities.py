import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.bundle import capabilities
from boxship.model.container import HostSpec
from tests.unit.engine.bundle.given import facts

USUAL = set(capabilities.DEFAULT)
ALL = set(capabilities.ALL)
CASES: dict[str, tuple[HostSpec, set[str]]] = {
    "Docker's usual ones": (HostSpec(), USUAL),
    "one more, in any spelling": (HostSpec(cap_add=("net_admin",)), USUAL | {"CAP_NET_ADMIN"}),
    "with its prefix": (HostSpec(cap_add=("CAP_NET_ADMIN",)), USUAL | {"CAP_NET_ADMIN"}),
    "one less": (HostSpec(cap_drop=("CHOWN",)), USUAL - {"CAP_CHOWN"}),
    "all": (HostSpec(cap_add=("ALL",)), ALL),
    "all but one": (HostSpec(cap_add=("ALL",), cap_drop=("SYS_ADMIN",)), ALL - {"CAP_SYS_ADMIN"}),
    "none": (HostSpec(cap_drop=("all",)), set()),
    "none but one": (HostSpec(cap_drop=("ALL",), cap_add=("CHOWN",)), {"CAP_CHOWN"}),
    "all wins over none": (HostSpec(cap_drop=("ALL",), cap_add=("ALL",)), ALL),
    "privileged": (HostSpec(privileged=True, cap_drop=("CHOWN",)), ALL),
}


@pytest.mark.parametrize(("spec", "wanted"), CASES.values(), ids=CASES)
def test_granted(spec: HostSpec, wanted: set[str]) -> None:
    found = capabilities.granted(spec, facts())
    assert set(found) == wanted
    assert list(found) == [name for name in capabilities.ALL if name in found]


def test_there_are_fourteen_usual_ones_and_forty_one_in_all() -> None:
    assert (len(capabilities.DEFAULT), len(capabilities.ALL), len(USUAL - ALL)) == (14, 41, 0)


names = st.sampled_from((*capabilities.ALL, "ALL"))


@any_of(st.lists(names), st.lists(names), st.booleans(), st.lists(st.sampled_from(capabilities.ALL)))
def test_what_the_host_withholds_nobody_gets(
    add: list[str], drop: list[str], privileged: bool, held: list[str]
) -> None:
    spec = HostSpec(cap_add=tuple(add), cap_drop=tuple(drop), privileged=privileged)
    assert not set(capabilities.granted(spec, facts(without=tuple(held)))) & set(held)


@pytest.mark.parametrize("spec", [HostSpec(privileged=True), HostSpec(cap_add=("ALL",))])
def test_who_asks_for_all_is_told_what_is_missing(spec: HostSpec) -> None:
    (told,) = capabilities.warnings(spec, facts(without=("CAP_SYS_RESOURCE",)))
    assert told == "This host withholds CAP_SYS_RESOURCE from the daemon: the container runs without."
    assert capabilities.warnings(spec, facts()) == ()


def test_others_are_told_nothing() -> None:
    assert capabilities.warnings(HostSpec(), facts(without=("CAP_SYS_RESOURCE",))) == ()


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (HostSpec(cap_add=("FOO",)), 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        (HostSpec(cap_drop=("FOO",)), 'invalid CapDrop: unknown capability: "CAP_FOO"'),
        (
            HostSpec(cap_add=("SYS_RESOURCE",)),
            "invalid CapAdd: capability not supported by your kernel or not available in the current environment: "
            '"CAP_SYS_RESOURCE"',
        ),
    ],
)
def test_check(spec: HostSpec, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        capabilities.check(spec, facts(without=("CAP_SYS_RESOURCE",)))
    assert str(caught.value) == text


def test_dropping_what_the_host_lacks_is_fine() -> None:
    capabilities.check(HostSpec(cap_drop=("SYS_RESOURCE", "ALL")), facts(without=("CAP_SYS_RESOURCE",)))


def test_nothing_is_inheritable() -> None:
    assert sorted(capabilities.sets(["CAP_KILL"])) == ["bounding", "effective", "permitted"]
