import json
from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.engine.bundle import capabilities, seccomp
from boxship.engine.bundle.seccomp_default import NEW_NAMESPACES, profile
from boxship.model.container import HostSpec
from tests.unit.engine.bundle.given import facts

USUAL = capabilities.DEFAULT
NEW_KERNEL, OLD_KERNEL = (6, 1), (4, 4)


def default(
    caps: tuple[str, ...] = USUAL, machine: str = "x86_64", kernel: tuple[int, int] = NEW_KERNEL
) -> dict[str, Any]:
    found = seccomp.choose(HostSpec(), None, caps, facts(architecture=machine, kernel=kernel))
    assert found is not None
    return found


def verdict(table: dict[str, Any], name: str, *args: int) -> str:
    """What the filter says to a call: `allow`, or the number of the error."""
    for rule in table["syscalls"]:
        if name in rule["names"] and all(_holds(condition, args) for condition in rule.get("args", ())):
            return "allow" if rule["action"] == "SCMP_ACT_ALLOW" else str(rule["errnoRet"])
    return str(table["defaultErrnoRet"])


def _holds(condition: dict[str, Any], args: tuple[int, ...]) -> bool:
    seen = args[condition["index"]] if condition["index"] < len(args) else 0
    match condition["op"]:
        case "SCMP_CMP_EQ":
            return bool(seen == condition["value"])
        case "SCMP_CMP_NE":
            return bool(seen != condition["value"])
        case "SCMP_CMP_MASKED_EQ":
            return bool(seen & condition["value"] == condition.get("valueTwo", 0))
    raise AssertionError(condition)


WORK = (
    "read openat2 statx clone fork execve futex_waitv epoll_pwait2 close_range faccessat2 fchmodat2 "
    "memfd_create rseq pidfd_open landlock_create_ruleset clock_adjtime sendmmsg semtimedop chroot arch_prctl "
    "ptrace mseal cachestat"
)


@pytest.mark.parametrize("name", WORK.split())
def test_ordinary_programs_work(name: str) -> None:
    assert verdict(default(), name) == "allow"


REFUSED = (
    "mount umount2 unshare setns pivot_root bpf perf_event_open keyctl add_key request_key kexec_load "
    "init_module finit_module delete_module reboot swapon swapoff acct settimeofday iopl ioperm "
    "open_by_handle_at userfaultfd io_uring_setup io_uring_enter quotactl syslog fsopen move_mount "
    "mount_setattr vhangup kcmp nosuchcall"
)


@pytest.mark.parametrize("name", REFUSED.split())
def test_what_rules_the_host_is_refused(name: str) -> None:
    assert verdict(default(), name) == "1"


OPENED = {
    "CAP_SYS_ADMIN": "mount umount2 unshare setns bpf clone3 fsopen quotactl perf_event_open sethostname",
    "CAP_SYS_MODULE": "init_module finit_module delete_module",
    "CAP_SYS_TIME": "settimeofday clock_settime stime",
    "CAP_SYS_PTRACE": "kcmp process_madvise pidfd_getfd ptrace",
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_RAWIO": "iopl ioperm",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "mbind set_mempolicy",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
}


@pytest.mark.parametrize(("capability", "names"), OPENED.items(), ids=OPENED)
def test_a_capability_opens_its_calls(capability: str, names: str) -> None:
    table = default((*USUAL, capability))
    assert {verdict(table, name) for name in names.split()} == {"allow"}


def test_without_the_capability_even_usual_ones_are_closed() -> None:
    assert verdict(default(()), "chroot") == "1"


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [(0x11, "allow"), (0x3D0F00, "allow"), (0x10000000, "1"), (0x40000000, "1"), (0x02000000, "1"), (0x20000, "1")],
    ids=["fork", "thread", "user", "network", "cgroup", "mount"],
)
def test_new_namespaces_are_for_admins(flags: int, wanted: str) -> None:
    assert verdict(default(), "clone", flags) == wanted
    assert verdict(default((*USUAL, "CAP_SYS_ADMIN")), "clone", flags) == "allow"


def test_clone3_does_not_exist_for_others() -> None:
    assert verdict(default(), "clone3") == "38"


def test_clone_on_s390_has_its_flags_elsewhere() -> None:
    table = default(machine="s390x")
    assert verdict(table, "clone", NEW_NAMESPACES, 0x11) == "allow"
    assert verdict(table, "clone", 0x11, NEW_NAMESPACES) == "1"


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [(0, "allow"), (8, "allow"), (0x20000, "allow"), (0xFFFFFFFF, "allow"), (1, "1"), (0x40000, "1")],
)
def test_personalities(domain: int, wanted: str) -> None:
    assert verdict(default(), "personality", domain) == wanted


def test_machine_sockets_are_refused() -> None:
    assert verdict(default(), "socket", 2) == "allow"
    assert verdict(default(), "socket", 40) == "1"


def test_old_kernels_have_a_hole_in_ptrace() -> None:
    assert verdict(default(kernel=OLD_KERNEL), "ptrace") == "1"
    assert verdict(default((*USUAL, "CAP_SYS_PTRACE"), kernel=OLD_KERNEL), "ptrace") == "allow"


@pytest.mark.parametrize(
    ("machine", "wanted", "own"),
    [
        ("x86_64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "modify_ldt"),
        ("aarch64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"], "cacheflush"),
        ("riscv64", ["SCMP_ARCH_RISCV64"], "riscv_hwprobe"),
    ],
)
def test_architectures(machine: str, wanted: list[str], own: str) -> None:
    table = default(machine=machine)
    assert table["architectures"] == wanted
    assert verdict(table, own) == "allow"


def test_other_architectures_calls_are_refused() -> None:
    assert verdict(default(), "cacheflush") == "1"


def test_no_call_is_in_two_lists_that_both_always_hold() -> None:
    rules = [r for r in profile()["syscalls"] if not {"args", "includes", "excludes"} & r.keys()]
    names = [name for rule in rules for name in rule["names"]]
    assert len(names) == len(set(names)) > 300


CHOICES: dict[str, tuple[HostSpec, str | None, str]] = {
    "usual": (HostSpec(), None, "default"),
    "unconfined": (HostSpec(security_opt=("seccomp=unconfined",)), None, "none"),
    "old spelling": (HostSpec(security_opt=("seccomp:unconfined",)), None, "none"),
    "by the daemon": (HostSpec(), "unconfined", "none"),
    "by the daemon, but built-in here": (HostSpec(security_opt=("seccomp=builtin",)), "unconfined", "default"),
    "a profile of the daemon": (HostSpec(), '{"defaultAction": "SCMP_ACT_LOG"}', "own"),
    "a profile of the user": (
        HostSpec(security_opt=('seccomp={"defaultAction": "SCMP_ACT_LOG"}',)),
        "unconfined",
        "own",
    ),
    "privileged": (HostSpec(privileged=True), '{"defaultAction": "SCMP_ACT_LOG"}', "none"),
    "privileged with a profile": (
        HostSpec(privileged=True, security_opt=('seccomp={"defaultAction": "SCMP_ACT_LOG"}',)),
        None,
        "own",
    ),
}


@pytest.mark.parametrize(("spec", "daemon", "wanted"), CHOICES.values(), ids=CHOICES)
def test_choice(spec: HostSpec, daemon: str | None, wanted: str) -> None:
    found = seccomp.choose(spec, daemon, USUAL, facts())
    seen = "none" if found is None else "own" if found["defaultAction"] == "SCMP_ACT_LOG" else "default"
    assert seen == wanted


def rule(**more: Any) -> str:
    return json.dumps(
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["x"], "action": "SCMP_ACT_ALLOW", **more}]}
    )


CONDITIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "none": ({}, True),
    "a capability it has": ({"includes": {"caps": ["CAP_CHOWN"]}}, True),
    "all must be there": ({"includes": {"caps": ["CAP_CHOWN", "CAP_BPF"]}}, False),
    "one is enough to exclude": ({"excludes": {"caps": ["CAP_CHOWN", "CAP_BPF"]}}, False),
    "a capability it lacks": ({"excludes": {"caps": ["CAP_BPF"]}}, True),
    "this architecture": ({"includes": {"arches": ["arm", "amd64"]}}, True),
    "another architecture": ({"includes": {"arches": ["arm"]}}, False),
    "not this architecture": ({"excludes": {"arches": ["amd64"]}}, False),
    "an older kernel": ({"includes": {"minKernel": "4.8"}}, True),
    "a newer kernel": ({"includes": {"minKernel": "7.0"}}, False),
    "not from some kernel on": ({"excludes": {"minKernel": "4.8"}}, False),
    "empty conditions": ({"includes": {}, "excludes": {}}, True),
}


@pytest.mark.parametrize(("more", "there"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(more: dict[str, Any], there: bool) -> None:
    found = seccomp.lower(seccomp.parse(rule(**more)), USUAL, "x86_64", NEW_KERNEL)
    assert bool(found.get("syscalls")) == there


def test_everything_a_profile_can_say_is_handed_on() -> None:
    text = json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 0,
            "architectures": ["SCMP_ARCH_X86_64"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/l",
            "listenerMetadata": "m",
            "syscalls": [
                {
                    "name": "old",
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 9,
                    "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}],
                    "comment": "ignored",
                }
            ],
        }
    )
    assert seccomp.lower(seccomp.parse(text), (), "x86_64", NEW_KERNEL) == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 0,
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/l",
        "listenerMetadata": "m",
        "syscalls": [
            {
                "names": ["old"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 9,
                "args": [{"index": 1, "value": 2, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 3}],
            }
        ],
    }


WRONG = {
    "not JSON": ("{", "Decoding seccomp profile failed"),
    "no action": ("{}", "Decoding seccomp profile failed"),
    "two ways to name architectures": (
        '{"defaultAction": "A", "architectures": ["x"], "archMap": [{"architecture": "x"}]}',
        "both 'architectures' and 'archMap'",
    ),
    "two ways to name calls": (
        '{"defaultAction": "A", "syscalls": [{"name": "x", "names": ["y"], "action": "A"}]}',
        "both 'name' and 'names'",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_profiles_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        seccomp.parse(text)


def test_a_kernel_version_that_is_none() -> None:
    with pytest.raises(Invalid, match="invalid kernel version"):
        seccomp.lower(seccomp.parse(rule(includes={"minKernel": "x"})), (), "x86_64", NEW_KERNEL)
