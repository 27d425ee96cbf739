import pytest

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.engine.containers import mountedits
from boxship.engine.containers.mountedits import MountEdit
from boxship.model.container import ContainerSpec, HostSpec, MountSpec
from boxship.model.status import Container, MountPoint


def point(target: str, kind: str = "bind") -> MountPoint:
    return MountPoint(type=kind, destination=target, source="/src")


C = Container(
    id="c" * 64, name="web", created=0, image_id="i", group="c",
    spec=ContainerSpec(
        volumes=("/anon/",),
        host=HostSpec(
            binds=("/src:/a", "/src:/a/b:ro"), mounts=(MountSpec(type="tmpfs", target="/t/"),), tmpfs={"/m": ""}
        ),
    ),
    mounts=(point("/a"), point("/anon", "volume"), point("/image", "volume"), point("/t", "tmpfs"), point("/a/b")),
)  # fmt: skip


def targets(points: tuple[MountPoint, ...]) -> list[str]:
    return [p.destination for p in points]


def test_each_kind_can_be_taken_away_inner_ones_first() -> None:
    edit = MountEdit(remove=("/a", "/a/b/", "/t", "/anon"))
    gone = mountedits.removed(C, edit)
    assert targets(gone) == ["/t", "/anon", "/a/b", "/a"]
    after = mountedits.changed(C, edit, gone, ())
    assert targets(after.mounts) == ["/image"]
    assert (after.spec.host.binds, after.spec.host.mounts, after.spec.volumes) == ((), (), ())
    assert after.spec.host.tmpfs == {"/m": ""}


REFUSED = {
    "none there": ("/no", NotFound, "container web has no mount at /no"),
    "the image's": ("/image", Conflict, "mount /image of container web comes from its image"),
    "holds others": ("/a", Conflict, "mount /a of container web holds others: /a/b"),
    "of --tmpfs": ("/m", NotFound, "no mount at /m"),
}


@pytest.mark.parametrize(("target", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_go(target: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        mountedits.removed(C, MountEdit(remove=(target,)))


def test_added_mounts_take_their_place_in_the_order() -> None:
    edit = MountEdit(binds=("/src:/b",), add=(MountSpec(type="bind", source="/s", target="/b/c"),))
    after = mountedits.changed(C, edit, (), (point("/b/c"), point("/b")))
    assert targets(after.mounts) == ["/a", "/anon", "/b", "/image", "/t", "/a/b", "/b/c"]
    assert after.spec.host.binds == ("/src:/a", "/src:/a/b:ro", "/src:/b")
    assert [m.target for m in after.spec.host.mounts or ()] == ["/t/", "/b/c"]


@pytest.mark.parametrize("target", ["/a", "/image", "/m"])
def test_two_never_meet(target: str) -> None:
    with pytest.raises(Invalid, match=f"Duplicate mount point: {target}"):
        mountedits.changed(C, MountEdit(), (), (point(target),))


def test_one_may_be_put_in_the_place_of_another() -> None:
    edit = MountEdit(remove=("/t",), binds=("/src:/t",))
    after = mountedits.changed(C, edit, mountedits.removed(C, edit), (point("/t"),))
    assert (after.spec.host.mounts, after.spec.host.binds) == ((), ("/src:/a", "/src:/a/b:ro", "/src:/t"))


def test_the_wish_for_what_is_added_has_nothing_else() -> None:
    wish = mountedits.wish(C, MountEdit(binds=("/src:/b",)))
    assert (wish.host.binds, wish.host.mounts, wish.host.tmpfs, wish.volumes) == (("/src:/b",), (), None, ())
