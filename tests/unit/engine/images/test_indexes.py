"""Names of several platforms, and what is stated about images: kept, carried by archives, gone together."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from boxship.base.errors import Conflict, NotFound
from boxship.engine.images import Images
from boxship.engine.images.manifest import Platform
from boxship.engine.images.reference import parse
from boxship.model.image import Image, Statement
from tests.unit.engine.images.test_images import archive, load

AMD, ARM = Platform("amd64", "linux"), Platform("arm64", "linux")
STATED = Statement(
    kind="urn:kind", raw=b'{"_type":"t","subject":[],"predicateType":"urn:kind"}', names=("pkg:docker/a",)
)


async def index(images: Images, tar: Any, pieces: Any) -> tuple[Image, Image]:
    """Make `both:1` of an image for each of two platforms."""
    for architecture in ("amd64", "arm64"):
        layer = tar({"etc/arch": architecture.encode()})
        await load(images, pieces, archive(tar, [layer], [f"{architecture}:1"], architecture=architecture))
    one, two = images.get("amd64:1"), images.get("arm64:1")
    await images.tag_index([one.id, two.id], one.id, parse("both:1"))
    await images.state(two.id, [STATED])
    for name in ("amd64:1", "arm64:1"):
        await images.remove(name)
    return one, two


async def saved(images: Images, name: str) -> bytes:
    return b"".join([piece async for piece in await images.save([name])])


async def test_a_name_for_two_platforms(world: Any, tar: Callable[..., bytes], pieces: Any) -> None:
    images = await world.daemon()
    one, two = await index(images, tar, pieces)
    await images.tag("both:1", "other:1")
    images = await world.daemon()
    for name in ("both:1", "other:1"):
        assert images.get(name).id == images.get_for(name, AMD).id == one.id
        assert images.get_for(name, ARM).id == two.id
    with pytest.raises(NotFound, match="does not match the specified platform"):
        images.get_for("both:1", Platform("s390x", "linux"))
    assert images.parents() == {two.id}
    assert [image.id for image in images.siblings(images.get(one.id))] == [one.id, two.id]
    whole = await images.whole(images.get(one.id), parse("both:1"))
    assert ([member.image.id for member in whole.members], whole.plain) == ([one.id, two.id], False)
    assert whole.members[1].statements == (STATED,)


async def test_all_of_it_goes_with_the_last_name(world: Any, tar: Callable[..., bytes], pieces: Any) -> None:
    images = await world.daemon()
    _, two = await index(images, tar, pieces)
    await images.tag("both:1", "other:1")
    with pytest.raises(Conflict, match="one of the platforms of both:1"):
        await images.remove(two.id, force=True)
    await images.prune(lambda image: True)
    await images.remove("both:1")
    assert len(images.all()) == 2
    await images.remove("other:1")
    assert images.all() == []
    assert (await world.store.list("stated/"))[0] == []


async def test_an_archive_brings_all_of_it_back(world: Any, tar: Callable[..., bytes], pieces: Any) -> None:
    images = await world.daemon()
    one, two = await index(images, tar, pieces)
    data = await saved(images, "both:1")
    await images.remove("both:1")
    assert await load(images, pieces, data) == ["Loaded image: both:1\n"]
    assert images.get_for("both:1", ARM).id == two.id
    whole = await images.whole(images.get(one.id), parse("both:1"))
    assert whole.members[1].statements[0].names == STATED.names
    assert await saved(images, "both:1") == data
    await images.remove("both:1")
    await images.load(pieces(data), lambda *_: None, ARM)
    assert [image.id for image in images.all()] == [two.id]


async def test_what_is_stated_is_replaced(world: Any, tar: Callable[..., bytes], pieces: Any) -> None:
    images = await world.daemon()
    await load(images, pieces, archive(tar, [tar({"f": b"x"})], ["app:1"]))
    image = images.get("app:1")
    plain = await saved(images, "app:1")
    await images.state(image.id, [STATED])
    assert await saved(images, "app:1") != plain
    assert not (await images.whole(image)).plain
    await images.state(image.id, [])
    assert await saved(images, "app:1") == plain
    assert json.loads(images.raw_config(image.id))["architecture"] == "amd64"
