"""The first process of a container, and those that join it later: OCI's `process` object."""

from collections.abc import Iterable
from typing import Any

from boxship.engine.bundle import capabilities
from boxship.engine.bundle.security import no_new_privileges, profiles
from boxship.engine.bundle.security import warnings as security_warnings
from boxship.model.container import HostSpec, Ulimit
from boxship.model.exec import ExecSpec
from boxship.model.runtime import HostFacts, Identity, Surroundings
from boxship.model.status import Container

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = "/sbin/docker-init"
UMASK = 0o022


def process(container: Container, host: HostFacts, around: Surroundings) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the first process and what was clamped."""
    spec = container.spec
    limits, _ = rlimits((*around.ulimits, *(spec.host.ulimits or ())), host)
    score, _ = oom_score(spec.host.oom_score_adj, host)
    command = [container.path, *container.args]
    built: dict[str, Any] = {
        "terminal": spec.tty,
        "user": user(around.identity),
        "args": [INIT, "--", *command] if runs_init(spec.host, around) else command,
        "env": first_environment(container, around),
        "cwd": spec.working_dir or "/",
        "capabilities": capabilities.sets(capabilities.granted(spec.host, host)),
        "noNewPrivileges": no_new_privileges(spec.host, around.no_new_privileges),
        "oomScoreAdj": score,
        **profiles(spec.host, host),
    }
    if limits:
        built["rlimits"] = limits
    if spec.tty and spec.host.console_size != (0, 0):
        built["consoleSize"] = _size(spec.host.console_size)
    return built, clamped(spec.host, host, around.ulimits)


def clamped(spec: HostSpec, host: HostFacts, ulimits: Iterable[Ulimit] = ()) -> tuple[str, ...]:
    """Say what a process of such a container will not get although it was asked for. ulimits: the daemon's own."""
    _, limits = rlimits((*ulimits, *(spec.ulimits or ())), host)
    _, score = oom_score(spec.oom_score_adj, host)
    return (*capabilities.warnings(spec, host), *security_warnings(spec, host), *limits, *score)


def exec_process(
    container: Container, spec: ExecSpec, host: HostFacts, identity: Identity, first: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the process of one exec. `identity` is of spec.user, or of the container's user when that is empty.

    first: `process` of the container's own bundle; its limits and oom score hold here too.
    """
    asked = container.spec.host
    if spec.privileged:
        caps = tuple(name for name in capabilities.ALL if name in host.capabilities)
    else:
        caps = capabilities.granted(asked, host)
    built: dict[str, Any] = {
        "terminal": spec.tty,
        "user": user(identity),
        "args": list(spec.cmd),
        "env": exec_environment(container, spec, identity, first),
        "cwd": spec.working_dir or container.spec.working_dir or "/",
        "capabilities": capabilities.sets(caps),
        "noNewPrivileges": bool(first and first.get("noNewPrivileges")) or no_new_privileges(asked, False),
        **profiles(asked, host),
    }
    built.update({key: first[key] for key in ("rlimits", "oomScoreAdj") if first and key in first})
    if spec.tty and spec.console_size != (0, 0):
        built["consoleSize"] = _size(spec.console_size)
    return built


def user(identity: Identity) -> dict[str, Any]:
    built: dict[str, Any] = {"uid": identity.uid, "gid": identity.gid, "umask": UMASK}
    if identity.groups:
        built["additionalGids"] = list(identity.groups)
    return built


def runs_init(spec: HostSpec, around: Surroundings) -> bool:
    """True when an init goes in front: as asked, else as the daemon does; only in a pid namespace of its own."""
    wanted = around.init if spec.init is None else spec.init
    return wanted and spec.pid_mode in ("", "private")


def first_environment(container: Container, around: Surroundings) -> list[str]:
    """Docker's order: path, host name, terminal, links, then what image and user say; home last if nobody said it."""
    spec = container.spec
    base = [DEFAULT_PATH, f"HOSTNAME={around.hostname or spec.hostname}"]
    if spec.tty:
        base.append("TERM=xterm")
    return merged([*base, *around.link_env], spec.env or (), around.identity.home)


def exec_environment(
    container: Container, spec: ExecSpec, identity: Identity, first: dict[str, Any] | None
) -> list[str]:
    """The container's environment; home is the exec's own unless the user set one; then what the exec adds."""
    own = container.spec.env or ()
    given = any(entry.startswith("HOME=") for entry in own)
    base = first["env"] if first else merged([DEFAULT_PATH, f"HOSTNAME={container.spec.hostname}"], own, "")
    base = [entry for entry in base if given or not entry.startswith("HOME=")]
    if spec.tty and not any(entry.startswith("TERM=") for entry in base):
        base = [*base, "TERM=xterm"]
    return merged(base, spec.env, identity.home)


def merged(base: Iterable[str], over: Iterable[str], home: str) -> list[str]:
    """Return `base` changed by `over`: same name replaces in place, a name without `=` removes it."""
    values = {entry.partition("=")[0]: entry for entry in base}
    for entry in over:
        name, sign, _ = entry.partition("=")
        if sign:
            values[name] = entry
        else:
            values.pop(name, None)
    if home and "HOME" not in values:
        values["HOME"] = f"HOME={home}"
    return list(values.values())


def rlimits(asked: Iterable[Ulimit], host: HostFacts) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return OCI rlimits, later ones of a name winning. Without CAP_SYS_RESOURCE none can exceed our own."""
    free = "CAP_SYS_RESOURCE" in host.capabilities
    built, warnings = [], []
    for limit in {limit.name: limit for limit in asked}.values():
        ceiling = -1 if free else host.hard_limits.get(limit.name, -1)
        hard, soft = _lower(limit.hard, ceiling), _lower(limit.soft, ceiling)
        if (hard, soft) != (limit.hard, limit.soft):
            warnings.append(
                f"ulimit {limit.name}: the daemon lacks CAP_SYS_RESOURCE, {limit.soft}:{limit.hard} is lowered to "
                f"{soft}:{hard}."
            )
        built.append({"type": f"RLIMIT_{limit.name.upper()}", "soft": _unsigned(soft), "hard": _unsigned(hard)})
    return built, tuple(warnings)


def oom_score(asked: int, host: HostFacts) -> tuple[int, tuple[str, ...]]:
    """Return the score in force: going below our own needs CAP_SYS_RESOURCE."""
    if asked >= host.oom_score_adj or "CAP_SYS_RESOURCE" in host.capabilities:
        return asked, ()
    return host.oom_score_adj, (
        f"oom-score-adj: the daemon lacks CAP_SYS_RESOURCE, {asked} is raised to {host.oom_score_adj}.",
    )


def _lower(value: int, ceiling: int) -> int:
    """The smaller of two limits, where -1 is more than anything."""
    if ceiling == -1:
        return value
    return ceiling if value == -1 else min(value, ceiling)


def _unsigned(value: int) -> int:
    return 2**64 - 1 if value == -1 else value


def _size(size: tuple[int, int]) -> dict[str, int]:
    return {"height": size[0], "width": size[1]}
