"""Groups: containers that share a network namespace, and other namespaces borrowed from containers. Pure.

A group has the id of the container that brought its namespace. Most have that one member; a Pod has several."""

from collections.abc import Callable, Iterable

from boxship.base.errors import Conflict
from boxship.engine.states import LIVE
from boxship.model.container import HostSpec
from boxship.model.status import Container, State

PREFIX = "container:"
Find = Callable[[str], Container]


def lender(mode: str) -> str | None:
    """Return whom a namespace is borrowed from by a mode like `container:web`; None for other modes."""
    return mode.removeprefix(PREFIX) if mode.startswith(PREFIX) else None


def group_of(container_id: str, spec: HostSpec, find: Find) -> str:
    """Return the group of a container in the making: its own, or that of the one whose network it joins."""
    ref = lender(spec.network_mode)
    return container_id if ref is None else find(ref).group


def pinned(spec: HostSpec, find: Find) -> dict[str, str]:
    """Return the modes of `spec` that borrow a namespace with the lender's full id in place of its name, so that
    renaming it changes nothing. Raises NotFound for an unknown lender."""
    modes = {"network_mode": spec.network_mode, "pid_mode": spec.pid_mode, "ipc_mode": spec.ipc_mode}
    return {name: PREFIX + find(ref).id for name, mode in modes.items() if (ref := lender(mode)) is not None}


def members(group: str, containers: Iterable[Container]) -> list[Container]:
    return [c for c in containers if c.group == group]


def joins(container: Container) -> bool:
    return container.group != container.id


def require_running(other: Container, what: str) -> None:
    """Raise Conflict unless `other` can lend its namespace `what`: network, PID, IPC."""
    if other.status.state is State.RESTARTING:
        raise Conflict(f"Container {other.id} is restarting, wait until the container is running")
    if other.status.state not in LIVE:
        raise Conflict(f"cannot join {what} of a non running container: {other.id}")


def borrowed(spec: HostSpec, find: Find) -> dict[str, str]:
    """Return OCI namespace type -> path for the pid and ipc namespaces that `spec` borrows.

    Raises Conflict when the lender does not run, NotFound when it is gone."""
    paths = {}
    for kind, mode in (("pid", spec.pid_mode), ("ipc", spec.ipc_mode)):
        ref = lender(mode)
        if ref is not None:
            other = find(ref)
            require_running(other, kind.upper())
            paths[kind] = f"/proc/{other.status.pid}/ns/{kind}"
    return paths
