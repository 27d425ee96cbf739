"""Security options: `--security-opt`, masked and read-only system paths."""

from collections.abc import Iterable
from typing import Any

from boxship.base.errors import Invalid
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts

MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def options(spec: HostSpec) -> tuple[tuple[str, str], ...]:
    """Return security options as (name, value); `:` separates as well as `=` (old clients).
    Raises Invalid in dockerd's words."""
    return tuple(_parsed(text) for text in spec.security_opt or ())


def check(spec: HostSpec) -> None:
    """Raise Invalid for security options that do not exist."""
    options(spec)


def no_new_privileges(spec: HostSpec, default: bool) -> bool:
    said = [value for name, value in options(spec) if name == "no-new-privileges"]
    return said[-1] != "false" if said else default


def writable_cgroups(spec: HostSpec) -> bool | None:
    """None when the user said nothing."""
    said = [value for name, value in options(spec) if name == "writable-cgroups"]
    return said[-1] == "true" if said else None


def warnings(spec: HostSpec, host: HostFacts) -> tuple[str, ...]:
    """Say which security options find nobody here who enforces them. Taking protection away needs nobody."""
    found = []
    for name, value in options(spec):
        if name == "apparmor" and not host.apparmor and value not in ("unconfined", ""):
            found.append(f"This host has no AppArmor: --security-opt apparmor={value} has no effect.")
        if name == "label" and not host.selinux and value != "disable":
            found.append(f"This host has no SELinux: --security-opt label={value} has no effect.")
    return tuple(found)


def seccomp(spec: HostSpec) -> str | None:
    """Return "unconfined", a profile as JSON text, or None when the user said nothing."""
    said = [value for name, value in options(spec) if name == "seccomp"]
    return said[-1] if said else None


def system_paths(spec: HostSpec) -> tuple[list[str], list[str]]:
    """Return masked and read-only paths; None in the spec means Docker's list, () means none."""
    if spec.privileged or ("systempaths", "unconfined") in options(spec):
        return [], []
    return (
        list(MASKED if spec.masked_paths is None else spec.masked_paths),
        list(READ_ONLY if spec.readonly_paths is None else spec.readonly_paths),
    )


def profiles(spec: HostSpec, host: HostFacts) -> dict[str, Any]:
    """Return AppArmor and SELinux members of OCI's `process`, where the host has these."""
    built: dict[str, Any] = {}
    said = dict(options(spec))
    if host.apparmor and said.get("apparmor", "unconfined") not in ("unconfined", ""):
        built["apparmorProfile"] = said["apparmor"]
    labels = [value for name, value in options(spec) if name == "label"]
    if host.selinux and labels and "disable" not in labels and not spec.privileged:
        built["selinuxLabel"] = _label(labels)
    return built


def _label(parts: Iterable[str]) -> str:
    """Return user:role:type:level from `user:U` and the like; what is not said is what containers usually have."""
    said = dict(part.split(":", 1) for part in parts if ":" in part)
    return ":".join(
        (
            said.get("user", "system_u"),
            said.get("role", "system_r"),
            said.get("type", "container_t"),
            said.get("level", "s0"),
        )
    )


def _parsed(text: str) -> tuple[str, str]:
    if text == "no-new-privileges":
        return text, "true"
    if text == "disable":
        return "label", "disable"
    name, sign, value = text.partition("=")
    if not sign:
        name, sign, value = text.partition(":")
    if not sign:
        raise Invalid(f'invalid --security-opt 1: "{text}"')
    if name not in ("label", "apparmor", "seccomp", "no-new-privileges", "systempaths", "writable-cgroups"):
        raise Invalid(f'invalid --security-opt 2: "{text}"')
    if name == "systempaths" and value != "unconfined":
        raise Invalid(f'invalid --security-opt 2: "{text}"')
    if name in ("no-new-privileges", "writable-cgroups"):
        if value.lower() not in ("true", "false", "1", "0"):
            raise Invalid(f'invalid --security-opt 2: "{text}"')
        value = "true" if value.lower() in ("true", "1") else "false"
    return name, value
