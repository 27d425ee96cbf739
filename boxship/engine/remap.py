"""Containers in a user namespace: their ids on the host, and where their files are seen with these. Pure.

On disk everything has the ids that containers know: layers, what containers write, volumes. A view of the data root,
made once, shows all of it with the host's ids, so that the same layers and volumes serve containers with a user
namespace and without.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.base.errors import Invalid
from boxship.engine import groups
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.runtime import IdMap
from boxship.model.status import Container

Owner = tuple[int, int]
FRESH = ""  # a user namespace of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Remap:
    """uid_map, gid_map: () means that containers have no user namespace.
    data_root, view: the same tree, seen with the ids on disk and with the host's. The view does not show what is
    mounted below the data root; places of a container's own (engine/volumes/copyup.py) are mounted from the view.
    is_mounted: whether something is mounted at a path of the host."""

    uid_map: tuple[IdMap, ...] = ()
    gid_map: tuple[IdMap, ...] = ()
    data_root: Path = Path("/")
    view: Path = Path("/")
    is_mounted: Callable[[str], bool] = lambda path: False

    def applies(self, host: HostSpec) -> bool:
        return bool(self.uid_map) and host.userns_mode != "host"

    def maps(self, host: HostSpec) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]]:
        return (self.uid_map, self.gid_map) if self.applies(host) else ((), ())

    def root(self, host: HostSpec) -> Owner | None:
        """Return the container's root as the host numbers it; None where that is ours."""
        return (self.uid_map[0].host, self.gid_map[0].host) if self.applies(host) else None

    def users_of(self, container: Container | None, find: groups.Find) -> str | None:
        """Return which user namespace the container's network belongs to: None for ours, FRESH for one of its own, or
        the path of a namespace whose owner it is, that of the container whose processes or ipc it shares.
        Raises Conflict, NotFound, when that one cannot lend it."""
        if container is None or not self.applies(container.spec.host):
            return None
        return next(iter(groups.borrowed(container.spec.host, find).values()), FRESH)

    def seen(self, host: HostSpec, path: str) -> str:
        """Return where `path` is seen with the host's ids. What is not below the data root is seen as it is."""
        inside = f"{self.data_root}/"
        if not self.applies(host) or not path.startswith(inside) or path.startswith(f"{inside}mounts/"):
            return path
        return f"{self.view}/{path.removeprefix(inside)}"

    def seen_volume(self, host: HostSpec, path: str) -> str:
        """As `seen`; a volume that some device is mounted on keeps the ids of that device."""
        return path if not self.applies(host) or self.is_mounted(path) else self.seen(host, path)

    def all_seen(self, host: HostSpec, paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.seen(host, path) for path in paths)

    def check(self, spec: ContainerSpec) -> None:
        """Raise Invalid, in dockerd's words, for what a user namespace does not allow."""
        host = spec.host
        if not self.applies(host):
            return
        if host.privileged:
            raise Invalid(
                "privileged mode is incompatible with user namespaces.  You must run the container in the host "
                "namespace when running privileged mode"
            )
        if host.network_mode == "host":
            raise Invalid("cannot share the host's network namespace when user namespaces are enabled")
        if host.pid_mode == "host":
            raise Invalid("cannot share the host PID namespace when user namespaces are enabled")


UNMAPPED = Remap()
