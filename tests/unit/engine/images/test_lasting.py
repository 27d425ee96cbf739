"""What a fall of the machine leaves: layers that were on disk, and no others."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from boxship.engine.images import lasting
from boxship.engine.images.layers import Packed
from tests.unit.engine.images.test_images import LAYER, archive, digest, load


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "PAUSE", 0.0)


def mark(root: Path, diff_id: str) -> str:
    """Return the boot that a layer's file names."""
    return str(json.loads((root / "layers" / diff_id[7:] / "layer.json").read_bytes()).get("boot", ""))


async def test_a_layer_that_was_not_on_disk_is_given_up(world: Any, tar: Any, pieces: Any) -> None:
    world.boot = "one"
    layer = tar(LAYER)
    await load(await world.daemon(), pieces, archive(tar, [layer], ["app"]))
    assert mark(world.root, digest(layer)) == "one"
    world.boot = "two"
    assert (await world.daemon()).all() == []
    assert list((world.root / "layers").iterdir()) == []


async def test_a_killed_daemon_is_no_fall(world: Any, tar: Any, pieces: Any) -> None:
    world.boot = "one"
    await load(await world.daemon(), pieces, archive(tar, [tar(LAYER)], ["app"]))
    assert [image.tags for image in (await world.daemon()).all()] == [("app:latest",)]


async def test_layers_on_disk_are_trusted(world: Any, tar: Any, pieces: Any) -> None:
    world.boot = "one"
    images = await world.daemon()
    layer = tar(LAYER)
    await load(images, pieces, archive(tar, [layer], ["app"]))
    assert images._lasting._waiting is not None
    await images._lasting._waiting
    assert (mark(world.root, digest(layer)), world.trees.synced) == ("", 1)
    world.boot = "two"
    assert [image.tags for image in (await world.daemon()).all()] == [("app:latest",)]


async def test_the_end_waits_for_the_disk(world: Any, tar: Any, pieces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "PAUSE", 3600.0)
    world.boot = "one"
    images = await world.daemon()
    layer = tar(LAYER)
    await load(images, pieces, archive(tar, [layer], ["app"]))
    await images.remember(digest(layer), Packed(digest="sha256:" + "a" * 64, size=3))
    assert mark(world.root, digest(layer)) == "one"
    await images.aclose()
    assert (mark(world.root, digest(layer)), world.trees.synced) == ("", 1)
    again = await world.daemon()
    assert [form.size for form in again.packed_forms(digest(layer))] == [3]


async def test_a_layer_dropped_meanwhile_stays_dropped(world: Any, tar: Any, pieces: Any) -> None:
    world.boot = "one"
    images = await world.daemon()
    layer = tar(LAYER)
    await load(images, pieces, archive(tar, [layer], ["app"]))
    unsettled = images._layers.unsettled()
    await images.remove("app")
    await asyncio.to_thread(images._layers.settle, unsettled)
    assert not images.has_layer(digest(layer))
    assert list((world.root / "layers").iterdir()) == []
