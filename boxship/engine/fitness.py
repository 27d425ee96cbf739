"""Judge what a machine has for containers. Pure: the looking is done by host/fitness.py."""

from collections.abc import Callable, Iterator

from boxship.base.fitness import Check, Probed
from boxship.base.units import human_size

OLDEST_KERNEL = (5, 6)  # nftables maps with ranges, pidfds
WANTED_NAMESPACES = ("mnt", "pid", "net", "ipc", "uts", "cgroup")
WANTED_CONTROLLERS = ("memory", "cpu", "cpuset", "pids")
MEANINGS = {
    "crun": "runs containers", "runc": "runs containers", "conmon": "holds terminal, log and exit code of containers",
    "nft": "sets the firewall's table", "libarchive": "unpacks layers", "init": "is what --init runs",
}  # fmt: skip
INSTALL = (
    (("debian", "ubuntu"), "apt-get install"), (("fedora", "rhel", "centos"), "dnf install"),
    (("alpine",), "apk add"), (("arch",), "pacman -S"), (("suse", "opensuse"), "zypper install"),
)  # fmt: skip
PACKAGES = {"nft": "nftables", "libarchive": "libarchive13", "init": "tini", "ip": "iproute2"}
ELSEWHERE = {"libarchive": "libarchive"}  # other names than Debian's
LITTLE = 2 << 30  # bytes of a disk that fill up with one image


def diagnose(seen: Probed) -> tuple[Check, ...]:
    """Return all checks, in the order in which one would mend."""
    return tuple(check for judge in JUDGES for check in judge(seen))


def code(checks: tuple[Check, ...]) -> int:
    """Return 0 when containers can run here, 1 when not."""
    return 1 if any(check.level == "failure" for check in checks) else 0


def _kernel(seen: Probed) -> Iterator[Check]:
    enough = seen.kernel >= OLDEST_KERNEL
    wanted = ".".join(map(str, OLDEST_KERNEL))
    yield Check(
        name="kernel", level="ok" if enough else "failure", found=f"Linux {seen.release}",
        mend="" if enough else f"Boot Linux {wanted} or newer: your distribution's newest kernel package, then reboot.",
    )  # fmt: skip
    lacking = [kind for kind in WANTED_NAMESPACES if kind not in seen.namespaces]
    yield Check(
        name="namespaces", level="failure" if lacking else "ok",
        found=f"the kernel lacks namespaces of these kinds: {', '.join(lacking)}" if lacking else "all kinds",
        mend="Boot a kernel with CONFIG_NAMESPACES and its kinds; in a container, ask its host." if lacking else "",
    )  # fmt: skip
    yield Check(
        name="seccomp", level="ok" if seen.seccomp else "warning",
        found="system calls can be filtered" if seen.seccomp else "the kernel cannot filter system calls",
        mend="" if seen.seccomp else "Boot a kernel with CONFIG_SECCOMP_FILTER, or run with seccomp=unconfined.",
    )  # fmt: skip


def _privileges(seen: Probed) -> Iterator[Check]:
    if not seen.root:
        yield Check(
            name="privileges", level="note", found="you are not root: what needs trying was not tried",
            mend="Run `sudo boxship system doctor` for the whole picture.",
        )  # fmt: skip
        return
    needed = {"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_MKNOD", "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN"}
    fatal = sorted(needed & set(seen.missing_capabilities))
    rest = [name for name in seen.missing_capabilities if name not in needed]
    if fatal:
        found, mend = f"root lacks {', '.join(fatal)}", "Give these to the service or container that Boxship runs in."
    elif rest:
        found = f"root lacks {', '.join(rest)}: containers, --privileged too, go without"
        mend = "Nothing, unless a container needs one of them; then give it to the service or container we run in."
    else:
        found, mend = "root with all capabilities", ""
    yield Check(name="privileges", level="failure" if fatal else "note" if rest else "ok", found=found, mend=mend)


def _programs(seen: Probed) -> Iterator[Check]:
    runtimes = [name for name in ("crun", "runc") if seen.programs.get(name)]
    yield Check(
        name="runtime", level="ok" if runtimes else "failure",
        found=", ".join(seen.programs[name] for name in runtimes) or "neither crun nor runc is there",
        mend="" if runtimes else install(seen, "crun"),
    )  # fmt: skip
    for name in ("conmon", "nft", "libarchive", "init"):
        path = seen.programs.get(name, "")
        yield Check(
            name=name, level="ok" if path else "warning" if name == "init" else "failure",
            found=path or f"there is no {'static init program' if name == 'init' else name}, which {MEANINGS[name]}",
            mend="" if path else install(seen, name),
        )  # fmt: skip


def install(seen: Probed, program: str) -> str:
    """Return how this distribution brings a program."""
    for names, command in INSTALL:
        if set(names) & set(seen.distribution):
            name = PACKAGES.get(program, program)
            return f"{command} {name if command.startswith('apt') else ELSEWHERE.get(program, name)}"
    return f"Install {PACKAGES.get(program, program)} by your distribution's means."


def _cgroups(seen: Probed) -> Iterator[Check]:
    present = {*seen.v1, *(seen.v2 or ())}
    kind = "hybrid" if seen.v1 and seen.v2 is not None else "version 1" if seen.v1 else "version 2"
    if not seen.v1 and seen.v2 is None:
        yield Check(
            name="cgroups", level="failure", found="no control groups are mounted",
            mend="mount -t cgroup2 none /sys/fs/cgroup",
        )  # fmt: skip
        return
    lacking = [name for name in WANTED_CONTROLLERS if name not in present]
    yield Check(
        name="cgroups", level="warning" if lacking else "ok",
        found=f"{kind}; limits of {', '.join(lacking)} cannot be set" if lacking else f"{kind}, with all controllers",
        mend=_controllers(seen, lacking) if lacking else "",
    )  # fmt: skip
    if seen.v1 and seen.v2:
        yield Check(
            name="cgroups hybrid", level="note",
            found=f"version 2 rules {', '.join(seen.v2)} beside version 1, which crun refuses",
            mend="Nothing: the daemon takes them over. Better: boot with systemd.unified_cgroup_hierarchy=1.",
        )  # fmt: skip
    if not seen.favordynmods:
        can = seen.kernel >= (6, 0) and seen.v2 is not None
        yield Check(
            name="favordynmods", level="note",
            found="entering a cgroup waits for the kernel, 7 to 20 ms at each start",
            mend="Nothing: the daemon turns it on (--favordynmods)." if can else "Linux 6.0 can do without the wait.",
        )  # fmt: skip


def _controllers(seen: Probed, lacking: list[str]) -> str:
    if "memory" in lacking and seen.v1:
        return "Add cgroup_enable=memory to the kernel's command line (GRUB_CMDLINE_LINUX) and reboot."
    return "Enable them for child groups in cgroup.subtree_control of the root, or in systemd with Delegate=yes."


def _files(seen: Probed) -> Iterator[Check]:
    disk = seen.disk
    if seen.overlay is not None:
        yield Check(
            name="overlay", level="failure" if seen.overlay else "ok",
            found=seen.overlay or f"layers can be mounted at {disk.path} ({disk.kind})",
            mend=(
                "modprobe overlay; if that is there, put the data root on ext4, xfs or btrfs: --data-root DIRECTORY."
                if seen.overlay else ""
            ),
        )  # fmt: skip
    little = disk.free < LITTLE or disk.free * 20 < disk.total or disk.inodes < 5
    yield Check(
        name="disk", level="warning" if little else "ok",
        found=f"{human_size(disk.free)} of {human_size(disk.total)}, {disk.inodes} % of the inodes free at {disk.path}",
        mend="`boxship system prune -a` removes what nothing uses; --data-root moves." if little else "",
    )  # fmt: skip


def _network(seen: Probed) -> Iterator[Check]:
    if seen.nftables is not None:
        yield Check(
            name="nftables", level="failure" if seen.nftables else "ok",
            found=seen.nftables or "tables with address translation can be made",
            mend="modprobe nf_tables; else boot a kernel with CONFIG_NF_TABLES_INET." if seen.nftables else "",
        )  # fmt: skip
    if seen.loopback is not None:
        yield Check(
            name="[::1]", level="note" if seen.loopback else "ok",
            found=f"published ports are not reached there: {seen.loopback}" if seen.loopback
            else "published ports are reached there, too",
            mend="Nothing, 127.0.0.1 leads to them; else Linux 5.14 with CONFIG_CGROUP_BPF and a cgroup2 tree."
            if seen.loopback else "",
        )  # fmt: skip
    for kind, reason in (seen.links or {}).items():
        needed = kind in ("bridge", "veth")
        cure = f"modprobe {kind}; else boot a kernel that has it."
        if not reason and needed:
            yield Check(name=kind, level="ok", found="links of this kind can be made")
        elif reason:
            yield Check(
                name=kind, level="failure" if needed else "note", found=f"links of this kind cannot be made: {reason}",
                mend=cure if needed else f"Nothing, unless you want networks of this driver; then {cure}",
            )  # fmt: skip


def _users(seen: Probed) -> Iterator[Check]:
    able = seen.user_namespaces > 0 and "user" in seen.namespaces
    mapped = seen.kernel >= (5, 19)
    if able and mapped:
        found, mend = "userns-remap and --userns work", ""
    elif able:
        found, mend = "userns-remap needs mounts with mapped ids", "Boot Linux 5.19 or newer, if you want userns-remap."
    else:
        found, mend = "there may be no user namespaces", "sysctl user.max_user_namespaces=15000, for userns-remap."
    yield Check(name="user namespaces", level="ok" if not mend else "note", found=found, mend=mend)


def _socket(seen: Probed) -> Iterator[Check]:
    told = {
        "answers": ("ok", f"a daemon answers at {seen.socket_path}", ""),
        "denied": (
            "warning", f"you may not use {seen.socket_path}",
            "usermod -aG docker $USER, then log in anew; or use sudo. Members of the group are as good as root.",
        ),
        "silent": ("warning", f"{seen.socket_path} is there, but nobody answers", "systemctl restart boxship"),
        "absent": (
            "note", f"no daemon listens at {seen.socket_path}",
            "systemctl enable --now boxship; or `boxship daemon` in the foreground.",
        ),
    }  # fmt: skip
    level, found, mend = told[seen.socket]
    yield Check(name="daemon", level=level, found=found, mend=mend)  # type: ignore[arg-type]


JUDGES: tuple[Callable[[Probed], Iterator[Check]], ...] = (
    _kernel, _privileges, _programs, _cgroups, _files, _network, _users, _socket,
)  # fmt: skip


_MARKS = {"ok": "✔", "note": "·", "warning": "!", "failure": "✘"}


def render(checks: tuple[Check, ...]) -> str:
    """Return one line for each check, under it what to do, and a verdict."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{_MARKS[check.level]} {check.name.ljust(width)}  {check.found}")
        if check.mend:
            lines.append(f"  {' ' * width}  → {check.mend}")
    count = {level: sum(check.level == level for check in checks) for level in ("failure", "warning")}
    if count["failure"]:
        verdict = f"Containers cannot run here yet: mend what is marked ✘ ({count['failure']})."
    elif count["warning"]:
        verdict = f"Containers can run here; {count['warning']} marked ! will not work as it should."
    else:
        verdict = "Containers can run here."
    return "\n".join([*lines, "", verdict])
