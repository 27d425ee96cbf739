import pytest

from boxship.base.errors import Invalid
from boxship.engine.bundle import security
from boxship.model.container import HostSpec
from tests.unit.engine.bundle.given import facts


def spec(*options: str, privileged: bool = False) -> HostSpec:
    return HostSpec(security_opt=options, privileged=privileged)


OPTIONS = {
    "no-new-privileges": ("no-new-privileges", "true"),
    "no-new-privileges=true": ("no-new-privileges", "true"),
    "no-new-privileges:1": ("no-new-privileges", "true"),
    "no-new-privileges=FALSE": ("no-new-privileges", "false"),
    "seccomp=unconfined": ("seccomp", "unconfined"),
    'seccomp={"a":"b=c"}': ("seccomp", '{"a":"b=c"}'),
    "apparmor:docker-default": ("apparmor", "docker-default"),
    "label=type:svirt_t": ("label", "type:svirt_t"),
    "label:disable": ("label", "disable"),
    "systempaths=unconfined": ("systempaths", "unconfined"),
}


@pytest.mark.parametrize(("text", "wanted"), OPTIONS.items(), ids=OPTIONS)
def test_options(text: str, wanted: tuple[str, str]) -> None:
    assert security.options(spec(text)) == (wanted,)


@pytest.mark.parametrize(
    "text", ["", "x", "apparmor", "foo=bar", "no-new-privileges=maybe", "writable-cgroups=x", "systempaths=x"]
)
def test_options_that_do_not_exist(text: str) -> None:
    with pytest.raises(Invalid, match="invalid --security-opt"):
        security.check(spec(text))


def test_the_last_word_counts() -> None:
    assert security.seccomp(spec("seccomp=unconfined", "seccomp=builtin")) == "builtin"
    assert not security.no_new_privileges(spec("no-new-privileges", "no-new-privileges=false"), True)
    assert security.no_new_privileges(spec(), True)


@pytest.mark.parametrize(
    ("options", "said"), [((), None), (("writable-cgroups=true",), True), (("writable-cgroups=FALSE",), False)]
)
def test_writable_cgroups(options: tuple[str, ...], said: bool | None) -> None:
    assert security.writable_cgroups(spec(*options)) is said


def test_what_nobody_enforces_is_told() -> None:
    asked = spec("apparmor=mine", "label=type:t", "label=disable", "apparmor=unconfined", "seccomp=unconfined")
    told = security.warnings(asked, facts())
    assert [text.split("--security-opt ")[1] for text in told] == [
        "apparmor=mine has no effect.",
        "label=type:t has no effect.",
    ]
    assert security.warnings(asked, facts(apparmor=True, selinux=True)) == ()


PATHS: dict[str, tuple[HostSpec, bool, bool]] = {
    "usual": (HostSpec(), True, True),
    "none": (HostSpec(masked_paths=(), readonly_paths=()), False, False),
    "own": (HostSpec(masked_paths=("/x",), readonly_paths=()), True, False),
    "privileged": (HostSpec(privileged=True, masked_paths=("/x",)), False, False),
    "unconfined": (HostSpec(security_opt=("systempaths=unconfined",)), False, False),
}


@pytest.mark.parametrize(("given", "masked", "read_only"), PATHS.values(), ids=PATHS)
def test_system_paths(given: HostSpec, masked: bool, read_only: bool) -> None:
    found = security.system_paths(given)
    assert (bool(found[0]), bool(found[1])) == (masked, read_only)


@pytest.mark.parametrize(
    ("options", "privileged", "label"),
    [
        ((), False, None),
        (("label=disable",), False, None),
        (("label=type:svirt_t",), True, None),
        (("label=type:svirt_t", "label=level:s0:c1"), False, "system_u:system_r:svirt_t:s0:c1"),
        (("label=user:u", "label=role:r"), False, "u:r:container_t:s0"),
    ],
)
def test_selinux(options: tuple[str, ...], privileged: bool, label: str | None) -> None:
    asked = spec(*options, privileged=privileged)
    assert security.profiles(asked, facts(selinux=True)).get("selinuxLabel") == label
    assert security.profiles(asked, facts()) == {}


def test_apparmor() -> None:
    asked = spec("apparmor=mine")
    assert security.profiles(asked, facts(apparmor=True)) == {"apparmorProfile": "mine"}
    assert security.profiles(asked, facts()) == {}
    assert security.profiles(spec("apparmor=unconfined"), facts(apparmor=True)) == {}
