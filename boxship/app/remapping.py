"""From the setting `userns-remap` to maps of ids, and the view of the data root that shows files with these."""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from boxship.app.settings import Settings
from boxship.base.errors import Invalid, NotFound
from boxship.engine.remap import Remap
from boxship.host import mounts, users, userspaces
from boxship.model.runtime import IdMap


def remap(settings: Settings) -> Remap:
    """Return how containers' ids are mapped, with the view of the data root that shows them so. Views of other
    mappings go; containers that run keep what they have of them."""
    views = Path(settings.exec_root, "mapped")
    uid_map, gid_map = maps(settings.userns_remap)
    view = views / f"{uid_map[0].host}.{gid_map[0].host}" if uid_map else views / "none"
    for other in mounts.mounted_under(str(views)):
        if other != str(view):
            mounts.unmount(other)
    if not uid_map:
        return Remap()
    for name in ("data_root", "exec_root"):
        _require_open(getattr(settings, name), name.replace("_", "-"), uid_map[0].host)
    userspaces.show_mapped(settings.data_root, str(view), uid_map, gid_map)
    root = Path(settings.data_root)
    return Remap(uid_map=uid_map, gid_map=gid_map, data_root=root, view=view, is_mounted=mounts.is_mounted)


def _require_open(path: str, name: str, uid: int) -> None:
    """Raise Invalid unless containers' root gets through to `path`, where its files are."""
    for directory in (Path(path), *Path(path).parents):
        if directory.exists() and not directory.stat().st_mode & stat.S_IXOTH:
            raise Invalid(f"userns-remap: uid {uid} does not get to {name}: {directory} is closed (want chmod o+x)")


def maps(choice: str) -> tuple[tuple[IdMap, ...], tuple[IdMap, ...]]:
    """Return id maps for `userns-remap`: "", "default", "user" or "user:group". Raises NotFound naming the file."""
    if not choice:
        return (), ()
    user, _, group = ("dockremap" if choice == "default" else choice).partition(":")
    return _map(user, "uid"), _map(group or user, "gid")


def _map(name: str, kind: str) -> tuple[IdMap, ...]:
    number = int(name) if name.isdecimal() else -1
    try:
        ranges = users.subordinate(name, number, kind)
    except NotFound as e:
        raise Invalid(f"userns-remap: {e}") from e
    return tuple(_laid_out(ranges))


def _laid_out(ranges: Iterable[users.Range]) -> Iterator[IdMap]:
    """Put the ranges one behind the other, from 0 on inside."""
    inside = 0
    for found in ranges:
        yield IdMap(container=inside, host=found.first, size=found.size)
        inside += found.size
