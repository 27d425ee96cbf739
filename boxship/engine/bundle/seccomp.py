"""System call filters: from Docker's profile format, with its conditions, to what an OCI runtime takes.

Source of the conditions: moby/profiles, seccomp.json and its README.
"""

from functools import lru_cache
from typing import Any

import msgspec

from boxship.base.errors import Invalid
from boxship.engine.bundle import security
from boxship.engine.bundle.seccomp_default import ARCHITECTURES, profile
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts

UNCONFINED = "unconfined"
BUILTIN = "builtin"

_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}


class _When(msgspec.Struct, frozen=True, rename="camel"):
    """Conditions of a rule. caps: all of them (includes), any of them (excludes); arches: Go's names."""

    caps: tuple[str, ...] | None = None
    arches: tuple[str, ...] | None = None
    min_kernel: str = ""


class _Argument(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    index: int
    value: int
    op: str
    value_two: int = 0


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    action: str
    name: str = ""
    names: tuple[str, ...] | None = None
    errno_ret: int | None = None
    args: tuple[_Argument, ...] | None = None
    includes: _When | None = None
    excludes: _When | None = None
    comment: str = ""


class _Family(msgspec.Struct, frozen=True, rename="camel"):
    architecture: str
    sub_architectures: tuple[str, ...] | None = None


class Profile(msgspec.Struct, frozen=True, rename="camel"):
    default_action: str
    default_errno_ret: int | None = None
    listener_path: str = ""
    listener_metadata: str = ""
    architectures: tuple[str, ...] | None = None
    arch_map: tuple[_Family, ...] | None = None
    flags: tuple[str, ...] | None = None
    syscalls: tuple[_Rule, ...] | None = None


def choose(spec: HostSpec, daemon_default: str | None, caps: tuple[str, ...], host: HostFacts) -> dict[str, Any] | None:
    """Return OCI `linux.seccomp`, None to run without a filter.

    daemon_default: UNCONFINED, a profile as JSON text, or None for the built-in one. A privileged container has
    no filter unless it names one. Raises Invalid for a profile that cannot be read.
    """
    said = security.seccomp(spec)
    if said is None and spec.privileged:
        return None
    wanted = said if said is not None else daemon_default
    if wanted == UNCONFINED:
        return None
    if wanted in (None, "", BUILTIN):
        return _builtin(caps, host.architecture, host.kernel)
    return lower(parse(wanted or ""), caps, host.architecture, host.kernel)


def parse(text: str) -> Profile:
    """Return the profile in `text`. Raises Invalid in dockerd's words."""
    try:
        found = msgspec.json.decode(text, type=Profile)
    except (msgspec.DecodeError, msgspec.ValidationError) as e:
        raise Invalid(f"Decoding seccomp profile failed: {e}") from e
    if found.architectures and found.arch_map:
        raise Invalid(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    if any(rule.name and rule.names for rule in found.syscalls or ()):
        raise Invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")
    return found


def lower(found: Profile, caps: tuple[str, ...], machine: str, kernel: tuple[int, int]) -> dict[str, Any]:
    """Return `found` without conditions: rules that do not apply here are gone. machine: as `uname -m`."""
    arch = _GO_ARCHITECTURES.get(machine, machine)
    rules = [rule for rule in found.syscalls or () if _applies(rule, caps, arch, kernel)]
    built: dict[str, Any] = {
        "defaultAction": found.default_action,
        "defaultErrnoRet": found.default_errno_ret,
        "architectures": _architectures(found, arch),
        "flags": list(found.flags or ()),
        "listenerPath": found.listener_path,
        "listenerMetadata": found.listener_metadata,
        "syscalls": [_lowered(rule) for rule in rules],
    }
    return {name: value for name, value in built.items() if value not in (None, "", [])}


@lru_cache(maxsize=64)
def _builtin(caps: tuple[str, ...], machine: str, kernel: tuple[int, int]) -> dict[str, Any]:
    """The default filter; shared, never to be changed."""
    return lower(msgspec.convert(profile(), Profile), caps, machine, kernel)


def _architectures(found: Profile, arch: str) -> list[str]:
    if found.architectures:
        return list(found.architectures)
    native = ARCHITECTURES.get(arch, ("",))[0]
    for family in found.arch_map or ():
        if family.architecture == native:
            return [native, *(family.sub_architectures or ())]
    return []


def _applies(rule: _Rule, caps: tuple[str, ...], arch: str, kernel: tuple[int, int]) -> bool:
    no, yes = rule.excludes or _When(), rule.includes or _When()
    if arch in (no.arches or ()) or any(cap in caps for cap in no.caps or ()):
        return False
    if no.min_kernel and kernel >= _version(no.min_kernel):
        return False
    if yes.arches and arch not in yes.arches:
        return False
    if any(cap not in caps for cap in yes.caps or ()):
        return False
    return not yes.min_kernel or kernel >= _version(yes.min_kernel)


def _lowered(rule: _Rule) -> dict[str, Any]:
    built: dict[str, Any] = {"names": list(rule.names or (rule.name,)), "action": rule.action}
    if rule.errno_ret is not None:
        built["errnoRet"] = rule.errno_ret
    if rule.args:
        built["args"] = [msgspec.to_builtins(argument) for argument in rule.args]
    return built


def _version(text: str) -> tuple[int, int]:
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise Invalid(f"invalid kernel version: '{text}'")
    return int(parts[0]), int(parts[1])
