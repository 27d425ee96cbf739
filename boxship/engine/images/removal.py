"""May an image go, and what goes with it: dockerd's rules as a plan. Pure.

Source of rules and sentences: Docker Engine API, ImageDelete, and what dockerd answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from boxship.base.errors import Conflict
from boxship.base.ids import short
from boxship.engine.images.reference import Reference


@dataclass(frozen=True, slots=True)
class Untag:
    reference: Reference
    cause: str


@dataclass(frozen=True, slots=True)
class Delete:
    image_id: str
    cause: str


Action = Untag | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A container made from an image."""

    container_id: str
    image_id: str
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the rules look at.

    names:    image id -> all names of it.  parents: image id -> the image it was made from, "" if none.
    users:    containers in the order they should be named in refusals.
    indexes:  name of an index -> the images it brings besides the one it names.
    """

    names: Mapping[str, Sequence[Reference]]
    parents: Mapping[str, str]
    users: Sequence[User] = field(default=())
    indexes: Mapping[Reference, Sequence[str]] = field(default_factory=dict)

    def children(self, image_id: str) -> bool:
        return image_id in self.parents.values()

    def index(self, image_id: str) -> Reference | None:
        """Return the name of an index that brings this image."""
        return next((name for name, brought in self.indexes.items() if image_id in brought), None)

    def user(self, image_id: str, running: bool | None = None) -> User | None:
        wanted = (u for u in self.users if u.image_id == image_id and running in (None, u.running))
        return next(wanted, None)


class _Refused(Conflict):
    """used: a container is the cause."""

    def __init__(self, image_id: str, hard: bool, used: bool, message: str) -> None:
        force = "cannot be forced" if hard else "must be forced"
        super().__init__(f"conflict: unable to delete {short(image_id)} ({force}) - {message}")
        self.used = used


def plan(image_id: str, reference: Reference | None, seen: Snapshot, *, force: bool, prune: bool) -> tuple[Action, ...]:
    """Return what removing an image takes, in order. `reference` is how the user named it, None for an id;
    with `prune` parents that nobody needs go too. Raises Conflict with dockerd's sentence."""
    if reference is None:
        actions = _by_id(image_id, seen, force, prune)
    else:
        actions = _by_name(image_id, reference.with_default_tag(), seen, force, prune)
    return (*actions, *_brought(actions, seen))


def _brought(actions: Sequence[Action], seen: Snapshot) -> Iterator[Action]:
    """Images of other platforms go with the last name of their index, if nothing else speaks for them."""
    gone = {action.reference for action in actions if isinstance(action, Untag)}
    deleted = {action.image_id for action in actions if isinstance(action, Delete)}
    left = replace(seen, indexes={name: ids for name, ids in seen.indexes.items() if name not in gone})
    for image_id in dict.fromkeys(id for name in gone for id in seen.indexes.get(name, ())):
        named = [name for name in seen.names.get(image_id, ()) if name not in gone]
        if image_id not in deleted and not named and not _refusal(image_id, _without(left, image_id), force=False):
            yield Delete(image_id, "its index has gone")


def _by_name(image_id: str, reference: Reference, seen: Snapshot, force: bool, prune: bool) -> tuple[Action, ...]:
    names = seen.names.get(image_id, ())
    user = seen.user(image_id)
    if not force and user and is_single(names):
        raise Conflict(
            f'conflict: unable to remove repository reference "{reference.familiar}" (must force) - container '
            f"{short(user.container_id)} is using its referenced image {short(image_id)}"
        )
    gone = [reference, *_orphaned_digests(reference, names)]
    untags = tuple(Untag(name, "asked for" if name == reference else "no tag of it is left") for name in gone)
    left = [name for name in names if name not in gone]
    if left:
        return untags
    return (*untags, *_delete(image_id, _without(seen, image_id), force, prune, quiet=True))


def _orphaned_digests(reference: Reference, names: Iterable[Reference]) -> list[Reference]:
    """Digests of the same repository follow its last tag."""
    same = [name for name in names if name.name == reference.name and name != reference]
    if reference.digest or any(not name.digest for name in same):
        return []
    return same


def _by_id(image_id: str, seen: Snapshot, force: bool, prune: bool) -> tuple[Action, ...]:
    names = seen.names.get(image_id, ())
    if not is_single(names):
        return _delete(image_id, seen, force, prune, quiet=False)
    refusal = _refusal(image_id, _without(seen, image_id), force)
    if refusal is not None:
        raise refusal
    untags = tuple(Untag(name, "the image goes") for name in names)
    return (*untags, *_delete(image_id, _without(seen, image_id), force, prune, quiet=False))


def _delete(image_id: str, seen: Snapshot, force: bool, prune: bool, *, quiet: bool) -> tuple[Action, ...]:
    """With `quiet` an image that others need is left alone without a word, as when only its name was to go."""
    refusal = _refusal(image_id, seen, force)
    if refusal is not None:
        needed = seen.names.get(image_id) or seen.children(image_id) or seen.index(image_id)
        if quiet and (needed or refusal.used):
            return ()
        raise refusal
    untags = tuple(Untag(name, "the image goes") for name in seen.names.get(image_id, ()))
    parent = seen.parents.get(image_id, "")
    rest: tuple[Action, ...] = ()
    if prune and parent in seen.parents:
        rest = _parents(parent, _forgotten(seen, image_id))
    return (*untags, Delete(image_id, "nobody needs it"), *rest)


def _parents(image_id: str, seen: Snapshot) -> tuple[Action, ...]:
    """Parents go only when nothing at all speaks for them."""
    if seen.names.get(image_id) or _refusal(image_id, seen, force=False):
        return ()
    parent = seen.parents.get(image_id, "")
    rest = _parents(parent, _forgotten(seen, image_id)) if parent in seen.parents else ()
    return (Delete(image_id, "its last child has gone"), *rest)


def _refusal(image_id: str, seen: Snapshot, force: bool) -> _Refused | None:
    if seen.children(image_id):
        return _Refused(image_id, True, False, "image has dependent child images")
    name = seen.index(image_id)
    if name is not None:
        return _Refused(image_id, True, False, f"image is one of the platforms of {name.familiar}")
    running = seen.user(image_id, running=True)
    if running:
        text = f"image is being used by running container {short(running.container_id)}"
        return _Refused(image_id, True, True, text)
    if force:
        return None
    if seen.names.get(image_id):
        return _Refused(image_id, False, False, "image is referenced in multiple repositories")
    stopped = seen.user(image_id, running=False)
    if stopped:
        text = f"image is being used by stopped container {short(stopped.container_id)}"
        return _Refused(image_id, False, True, text)
    return None


def is_single(names: Sequence[Reference]) -> bool:
    """Tell whether an image has at most one tag, and digests only of the same repository."""
    tags = [name for name in names if not name.digest]
    repositories = {name.name for name in names if name.digest}
    if len(names) <= 1:
        return True
    if len(tags) > 1:
        return False
    return repositories == {tags[0].name} if tags else len(repositories) == 1


def _without(seen: Snapshot, image_id: str) -> Snapshot:
    """Return the snapshot as it is once the image has no name."""
    names = {key: value for key, value in seen.names.items() if key != image_id}
    return replace(seen, names=names)


def _forgotten(seen: Snapshot, image_id: str) -> Snapshot:
    parents = {key: value for key, value in seen.parents.items() if key != image_id}
    return replace(seen, parents=parents)


def render(actions: Sequence[Action]) -> str:
    """One line per action, for logs and tests."""
    return "\n".join(
        f"untag {a.reference.familiar}: {a.cause}" if isinstance(a, Untag) else f"delete {short(a.image_id)}: {a.cause}"
        for a in actions
    )
