"""dockerd's rules for `docker rmi`, as plans that print."""

import pytest

from boxship.base.errors import Conflict
from boxship.engine.images.reference import parse
from boxship.engine.images.removal import Snapshot, User, is_single, plan, render

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
RUNNING, STOPPED = "1" * 64, "2" * 64
DIGEST = "sha256:" + "d" * 64


def seen(
    names: dict[str, list[str]],
    parents: dict[str, str] | None = None,
    users: list[tuple[str, str, bool]] = [],  # noqa: B006
    indexes: dict[str, list[str]] | None = None,
) -> Snapshot:
    return Snapshot(
        names={image: [parse(n).with_default_tag() for n in called] for image, called in names.items()},
        parents=dict.fromkeys((A, B, C), "") | (parents or {}),
        users=[User(container_id=c, image_id=i, running=r) for c, i, r in users],
        indexes={parse(n).with_default_tag(): ids for n, ids in (indexes or {}).items()},
    )


PLANS = {
    "only name": (A, "a", seen({A: ["a"]}), "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it"),
    "one of two names": (A, "a", seen({A: ["a", "b"]}), "untag a:latest: asked for"),
    "by id": (A, None, seen({A: ["a"]}), "untag a:latest: the image goes\ndelete aaaaaaaaaaaa: nobody needs it"),
    "by id, unnamed": (A, None, seen({}), "delete aaaaaaaaaaaa: nobody needs it"),
    "digests follow the last tag": (
        A, "a", seen({A: ["a", f"a@{DIGEST}"]}),
        f"untag a:latest: asked for\nuntag a@{DIGEST}: no tag of it is left\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "digests stay with another tag": (A, "a", seen({A: ["a", "a:2", f"a@{DIGEST}"]}), "untag a:latest: asked for"),
    "by digest": (A, f"a@{DIGEST}", seen({A: ["a", f"a@{DIGEST}"]}), f"untag a@{DIGEST}: asked for"),
    "parents without names go": (
        A, "a", seen({A: ["a"]}, {A: B, B: C}),
        "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it\n"
        "delete bbbbbbbbbbbb: its last child has gone\ndelete cccccccccccc: its last child has gone",
    ),
    "named parents stay": (
        A, "a", seen({A: ["a"], B: ["b"]}, {A: B}), "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "parents with another child stay": (
        A, "a", seen({A: ["a"]}, {A: C, B: C}), "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "parents in use stay": (
        A, None, seen({}, {A: B}, [(STOPPED, B, False)]), "delete aaaaaaaaaaaa: nobody needs it",
    ),
    "a parent's name goes, the parent stays": (B, "b", seen({B: ["b"]}, {A: B}), "untag b:latest: asked for"),
    "other platforms go with the last name of their index": (
        A, "a", seen({A: ["a"]}, indexes={"a": [B]}),
        "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it\ndelete bbbbbbbbbbbb: its index has gone",
    ),
    "other platforms stay with another index": (
        A, "a", seen({A: ["a", "b"]}, indexes={"a": [B], "b": [B]}), "untag a:latest: asked for",
    ),
    "other platforms stay with a name of their own": (
        A, "a", seen({A: ["a"], B: ["b"]}, indexes={"a": [B]}),
        "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "other platforms stay while a container needs them": (
        A, "a", seen({A: ["a"]}, users=[(STOPPED, B, False)], indexes={"a": [B]}),
        "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "a name of what an index brings goes alone": (
        B, "b", seen({A: ["a"], B: ["b"]}, indexes={"a": [B]}), "untag b:latest: asked for",
    ),
    "another name of an image in use": (
        A, "a", seen({A: ["a", "b"]}, users=[(RUNNING, A, True)]), "untag a:latest: asked for",
    ),
}  # fmt: skip

FORCED = {
    "the last name of a running one goes, the image stays": (
        A, "a", seen({A: ["a"]}, users=[(RUNNING, A, True)]), "untag a:latest: asked for",
    ),
    "a stopped user is left behind": (
        A, "a", seen({A: ["a"]}, users=[(STOPPED, A, False)]),
        "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
    "by id with several names": (
        A, None, seen({A: ["a", "b"]}),
        "untag a:latest: the image goes\nuntag b:latest: the image goes\ndelete aaaaaaaaaaaa: nobody needs it",
    ),
}  # fmt: skip

REFUSALS = {
    "one of an index": (
        B, None, seen({A: ["a"]}, indexes={"a": [B]}), True,
        "conflict: unable to delete bbbbbbbbbbbb (cannot be forced) - image is one of the platforms of a:latest",
    ),
    "name in use": (
        A, "a", seen({A: ["a"]}, users=[(STOPPED, A, False)]), False,
        'conflict: unable to remove repository reference "a:latest" (must force) - container 222222222222 is using '
        "its referenced image aaaaaaaaaaaa",
    ),
    "running": (
        A, None, seen({A: ["a"]}, users=[(RUNNING, A, True)]), True,
        "conflict: unable to delete aaaaaaaaaaaa (cannot be forced) - image is being used by running container "
        "111111111111",
    ),
    "stopped": (
        A, None, seen({A: ["a"]}, users=[(STOPPED, A, False)]), False,
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is being used by stopped container "
        "222222222222",
    ),
    "several repositories": (
        A, None, seen({A: ["a", "b"]}), False,
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is referenced in multiple repositories",
    ),
    "children": (
        B, None, seen({}, {A: B}), True,
        "conflict: unable to delete bbbbbbbbbbbb (cannot be forced) - image has dependent child images",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("image", "name", "snapshot", "text"), PLANS.values(), ids=PLANS)
def test_plans(image: str, name: str | None, snapshot: Snapshot, text: str) -> None:
    assert render(plan(image, parse(name) if name else None, snapshot, force=False, prune=True)) == text


@pytest.mark.parametrize(("image", "name", "snapshot", "text"), FORCED.values(), ids=FORCED)
def test_forced_plans(image: str, name: str | None, snapshot: Snapshot, text: str) -> None:
    assert render(plan(image, parse(name) if name else None, snapshot, force=True, prune=True)) == text


@pytest.mark.parametrize(("image", "name", "snapshot", "force", "text"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(image: str, name: str | None, snapshot: Snapshot, force: bool, text: str) -> None:
    with pytest.raises(Conflict) as raised:
        plan(image, parse(name) if name else None, snapshot, force=force, prune=True)
    assert str(raised.value) == text


def test_noprune_keeps_parents() -> None:
    actions = plan(A, parse("a"), seen({A: ["a"]}, {A: B}), force=False, prune=False)
    assert render(actions) == "untag a:latest: asked for\ndelete aaaaaaaaaaaa: nobody needs it"


@pytest.mark.parametrize(
    ("names", "single"),
    [
        ([], True),
        (["a"], True),
        (["a", "b"], False),
        (["a", f"a@{DIGEST}"], True),
        (["a", f"b@{DIGEST}"], False),
        ([f"a@{DIGEST}", f"a@{A}"], True),
        ([f"a@{DIGEST}", f"b@{DIGEST}"], False),
    ],
)
def test_single_reference(names: list[str], single: bool) -> None:
    assert is_single([parse(name).with_default_tag() for name in names]) is single
