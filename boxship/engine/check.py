"""Whether a container can be as asked. Pure; dockerd's rules and texts. What depends on the host's abilities is
checked where it is built (engine/bundle), what depends on other things where these live."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from boxship.base.errors import Conflict, Invalid
from boxship.base.units import MILLISECOND
from boxship.engine import groups, signals
from boxship.engine.networks import files
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, RestartPolicy

NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
PORT = re.compile(r"\d{1,5}(-\d{1,5})?(/(tcp|udp|sctp))?")
HOST_PORT = re.compile(r"\d{1,5}(-\d{1,5})?")
POLICIES = ("no", "always", "on-failure", "unless-stopped")
NEVER = "This would result in undefined behavior"


def name(text: str) -> str:
    """Return `text` without its slash. Raises Invalid for what cannot name a container."""
    if not NAME.fullmatch(text):
        raise Invalid(f"Invalid container name ({text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return text.removeprefix("/")


def spec(asked: ContainerSpec) -> tuple[str, ...]:
    """Raise Invalid, or Conflict, for settings that cannot be, alone or together. Return warnings."""
    _program(asked)
    health(asked.healthcheck)
    host(asked.host)
    network(asked)
    return tuple(_warnings(asked.host))


def host(asked: HostSpec) -> None:
    restart_policy(asked.restart_policy)
    if asked.auto_remove and asked.restart_policy.name not in ("", "no"):
        raise Invalid("can't create 'AutoRemove' container with restart policy")
    _ports(asked)
    files.extra_hosts(asked.extra_hosts or (), gateways=("0.0.0.0",))
    for server in asked.dns or ():
        _address(server, "DNS server")
    if "" in (asked.annotations or {}):
        raise Invalid("invalid Annotations: the empty string is not permitted as an annotation key")
    _modes(asked)
    if asked.cgroup:
        raise Invalid(f"Cgroup: {asked.cgroup} cannot be joined (want CgroupParent or CgroupnsMode)")
    if min(asked.console_size) < 0:
        raise Invalid("ConsoleSize can not be less than 0")
    if asked.shm_size < 0:
        raise Invalid("SHM size can not be less than 0")
    if not -1000 <= asked.oom_score_adj <= 1000:
        raise Invalid(f"Invalid value {asked.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if asked.storage_opt:
        raise Invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")


def _address(text: str, what: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise Invalid(f"invalid {what}: {text} is not an IP address") from None


def restart_policy(policy: RestartPolicy) -> None:
    if policy.name and policy.name not in POLICIES:
        raise Invalid(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    negative = policy.maximum_retry_count < 0
    if policy.name == "on-failure" and negative:
        raise Invalid("invalid restart policy: maximum retry count cannot be negative")
    if policy.name not in ("", "on-failure") and policy.maximum_retry_count:
        more = " and cannot be negative" if negative else ""
        raise Invalid(f"invalid restart policy: maximum retry count can only be used with 'on-failure'{more}")


def health(asked: HealthSpec | None) -> None:
    if asked is None:
        return
    for title, value in (
        ("Interval", asked.interval),
        ("Timeout", asked.timeout),
        ("StartPeriod", asked.start_period),
        ("StartInterval", asked.start_interval),
    ):
        if value and value < MILLISECOND:
            raise Invalid(f"{title} in Healthcheck cannot be less than 1ms")
    if asked.retries < 0:
        raise Invalid("Retries in Healthcheck cannot be negative")


def network(asked: ContainerSpec) -> None:
    """Raise for combinations of the network mode with settings that make no sense beside it."""
    mode = asked.host.network_mode
    ref = groups.lender(mode)
    if mode == "container" or ref == "":
        raise Invalid("Invalid network mode: invalid container format container:<name|id>")
    if asked.host.uts_mode == "host" and asked.hostname:
        raise Invalid("conflicting options: hostname and the UTS mode")
    if mode == "host" and asked.host.links:
        raise Invalid(f"conflicting options: host type networking can't be used with links. {NEVER}")
    if mode == "host" and asked.mac_address:
        raise Invalid("conflicting options: mac-address and the network mode")
    if ref is not None:
        _joining(asked)
    elif mode == "none" and len(asked.networks) > 1:
        raise Invalid(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


def _joining(asked: ContainerSpec) -> None:
    """What a container that enters another one's network must leave to that one."""
    host = asked.host
    conflicts = (
        (asked.hostname, "hostname and the network mode"),
        (host.links, f"container type network can't be used with links. {NEVER}"),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (asked.mac_address, "mac-address and the network mode"),
        (host.port_bindings or host.publish_all_ports, "port publishing and the container type network mode"),
        (asked.exposed_ports, "port exposing and the container type network mode"),
    )
    for present, text in conflicts:
        if present:
            raise Invalid(f"conflicting options: {text}")
    if set(asked.networks) - {host.network_mode}:
        raise Invalid(
            "container sharing network namespace with another container or host "
            "cannot be connected to any other network"
        )


def _program(asked: ContainerSpec) -> None:
    if asked.stop_signal:
        signals.number(asked.stop_signal)
    if asked.working_dir and not asked.working_dir.startswith("/"):
        raise Invalid(f"the working directory '{asked.working_dir}' is invalid, it needs to be an absolute path")
    for entry in asked.env or ():
        if not entry.partition("=")[0]:
            raise Invalid(f"invalid environment variable: {entry}")
    for port in asked.exposed_ports:
        if not PORT.fullmatch(port):
            raise Invalid(f'invalid port specification: "{port}"')


def _ports(asked: HostSpec) -> None:
    for port, bindings in (asked.port_bindings or {}).items():
        if not PORT.fullmatch(port) or not 0 < int(re.split("[-/]", port)[0]) < 65536:
            raise Invalid(f'invalid port specification: "{port}"')
        for binding in bindings or ():
            if binding.host_port and not HOST_PORT.fullmatch(binding.host_port):
                raise Invalid(f'invalid port specification: "{binding.host_port}"')


def _modes(asked: HostSpec) -> None:
    borrowing: Callable[[str], bool] = lambda mode: mode.startswith(groups.PREFIX) and mode != groups.PREFIX  # noqa: E731
    rules: Iterable[tuple[str, str, tuple[str, ...], bool]] = (
        ("IPC", asked.ipc_mode, ("", "none", "private", "shareable", "host"), True),
        ("PID", asked.pid_mode, ("", "host"), True),
        ("UTS", asked.uts_mode, ("", "host"), False),
        ("cgroup namespace", asked.cgroupns_mode, ("", "private", "host"), False),
        ("user namespace", asked.userns_mode, ("", "host"), False),
    )
    for title, mode, allowed, borrows in rules:
        if mode not in allowed and not (borrows and borrowing(mode)):
            raise Invalid(f"invalid {title} mode: {mode}")


def _warnings(asked: HostSpec) -> Iterable[str]:
    if asked.network_mode == "host" and (asked.port_bindings or asked.publish_all_ports):
        yield "Published ports are discarded when using host network mode"


def renaming(old: str, new: str) -> str:
    """Return the new name without its slash. Raises Invalid when there is none, or it is the old one."""
    if not new.removeprefix("/"):
        raise Invalid("Neither old nor new names may be empty")
    if new.removeprefix("/") == old:
        raise Invalid("Renaming a container with the same name as its current name")
    return name(new)


def platform(wanted: str, os: str, architecture: str, image: str) -> None:
    """Raise Conflict when the image is not for the platform asked for: "linux/arm64", "arm64", "linux"."""
    if not is_for(wanted, os, architecture):
        raise Conflict(
            f"image with reference {image} was found but its platform ({os}/{architecture}) "
            f"does not match the specified platform ({wanted})"
        )


def is_for(wanted: str, os: str, architecture: str) -> bool:
    """Tell whether an image is for the platform asked for."""
    return all(_alias(part) in (os, architecture) for part in wanted.lower().split("/")[:2] if part)


def _alias(part: str) -> str:
    return {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}.get(part, part)
