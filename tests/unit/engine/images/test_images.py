"""The service: what comes in is there whole, named, counted, and goes only when nothing needs it."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.engine.images import Images
from boxship.engine.images.making import ImportWish
from boxship.engine.images.reference import parse
from boxship.model.container import ContainerSpec
from boxship.model.image import Image
from boxship.model.status import Container, ContainerStatus, State

LAYER = {"etc/os": b"tiny", "bin/sh": b"#!" * 4000}


def quiet(*_: object) -> None:
    return


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def archive(tar: Callable[..., bytes], layers: list[bytes], tags: list[str] | None, **more: Any) -> bytes:
    """A docker-archive as docker save of the classic kind writes it: manifest last."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["sh"], "Labels": {"k": "v"}},
            "rootfs": {"type": "layers", "diff_ids": [digest(gunzipped(layer)) for layer in layers]},
            **more,
        }
    ).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": name, "RepoTags": tags, "Layers": paths}]).encode()
    files = {name: config, **dict(zip(paths, layers, strict=True)), "manifest.json": manifest}
    result: bytes = tar(files)
    return result


def gunzipped(layer: bytes) -> bytes:
    if layer[:2] == b"\x1f\x8b":
        return gzip.decompress(layer)
    return zstandard.ZstdDecompressor().decompressobj().decompress(layer) if layer[:2] == b"\x28\xb5" else layer


async def load(images: Images, pieces: Any, data: bytes) -> list[str]:
    return await images.load(pieces(data), quiet)


async def test_load_names_and_stores(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    lines = await load(images, pieces, archive(tar, [tar(LAYER)], ["app:1"]))
    assert lines == ["Loaded image: app:1\n"]
    image = images.get("app:1")
    assert image.tags == ("app:1",)
    assert image.size == sum(map(len, LAYER.values()))
    assert image.config.labels == {"k": "v"}
    (lower,) = images.lowers(image)
    assert Path(lower, "etc/os").read_bytes() == b"tiny"
    assert world.actions() == ["load", "tag"]
    assert os.listdir(world.root / "tmp") == []


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress, lambda d: d])
async def test_compressed_layers_and_archives(
    world: Any, tar: Any, pieces: Any, pack: Callable[[bytes], bytes]
) -> None:
    images = await world.daemon()
    await load(images, pieces, pack(archive(tar, [pack(tar(LAYER))], ["app"])))
    assert images.get("app").layers == (digest(tar(LAYER)),)


async def test_a_layer_is_kept_once(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    shared = tar(LAYER)
    await load(images, pieces, archive(tar, [shared], ["one"]))
    await load(images, pieces, archive(tar, [shared, tar({"x": b"y"})], ["two"]))
    assert len(os.listdir(world.root / "layers")) == 2
    assert images.shared_sizes()[images.get("two").id] == images.get("one").size
    done = await images.remove("two")
    assert [next(iter(step)) for step in done] == ["Untagged", "Deleted", "Deleted"]
    assert len(os.listdir(world.root / "layers")) == 1


async def test_a_new_daemon_sees_the_same(world: Any, tar: Any, pieces: Any) -> None:
    await load(await world.daemon(), pieces, archive(tar, [tar(LAYER)], ["app", "host:1/x/app:2"]))
    images = await world.daemon()
    assert images.get("host:1/x/app:2") == images.get("app")
    assert images.get("app").tags == ("app:latest", "host:1/x/app:2")


async def test_what_a_crash_leaves_is_swept(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    staged = await images.stage(pieces(tar(LAYER)))
    orphan = world.root / "layers" / "00"
    os.rename((await images.stage(pieces(tar({"a": b"b"})))).path, orphan)
    (orphan / "layer.json").write_bytes((orphan / "layer.json").read_bytes())
    await world.daemon()
    assert staged.path.name in world.trees.trashed
    assert os.listdir(world.root / "tmp") == []
    assert (await world.daemon()).all() == []


async def test_a_second_load_reads_nothing_twice(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    await load(images, pieces, archive(tar, [tar(LAYER)], ["app"]))
    saved = b"".join([piece async for piece in await images.save(["app"])])
    before = world.trees.unpacked
    assert await load(images, pieces, saved) == ["Loaded image: app:latest\n"]
    assert world.trees.unpacked == before


async def test_save_gives_every_byte_back(world: Any, tar: Any, pieces: Any, tmp_path: Any) -> None:
    images = await world.daemon()
    layer = tar(LAYER) + bytes(9000)
    await load(images, pieces, archive(tar, [layer], ["app:1"]))
    before = images.get("app:1")
    saved = b"".join([piece async for piece in await images.save(["app"])])
    with tarfile.open(fileobj=io.BytesIO(saved)) as read:
        blob = read.extractfile(f"blobs/sha256/{digest(layer)[7:]}")
        assert blob is not None
        assert blob.read() == layer
        names = read.getnames()
    assert {"manifest.json", "index.json", "oci-layout", "repositories"} <= set(names)
    await images.remove("app:1")
    assert images.all() == []
    await load(images, pieces, saved)
    assert images.get("app:1").id == before.id


async def test_an_oci_layout_without_dockers_list(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    await load(images, pieces, archive(tar, [tar(LAYER)], ["app:1"]))
    saved = b"".join([piece async for piece in await images.save(["app:1"])])
    files = {}
    with tarfile.open(fileobj=io.BytesIO(saved)) as read:
        for member in read:
            body = read.extractfile(member)
            if body is not None and member.name not in ("manifest.json", "repositories"):
                files[member.name] = body.read()
    other = await world.__class__(world.root / "other").daemon()
    assert await load(other, pieces, tar(files)) == ["Loaded image: app:1\n"]


FAULTS: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "no manifest": (lambda files: files.pop("manifest.json") and None, "open manifest.json: no such file"),
    "no layer": (lambda files: files.pop("0/layer.tar") and None, "open 0/layer.tar: no such file or directory"),
    "another layer": (lambda files: files.update({"0/layer.tar": bytes(1024)}), "invalid diffID for layer 0"),
    "cut layer": (lambda files: files.update({"0/layer.tar": files["0/layer.tar"][:700]}), "cut off"),
}


@pytest.mark.parametrize(("harm", "text"), FAULTS.values(), ids=FAULTS)
async def test_faulty_archives_leave_nothing(world: Any, tar: Any, pieces: Any, harm: Any, text: str) -> None:
    images = await world.daemon()
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive(tar, [tar(LAYER)], ["app"]))) as read:
        for member in read:
            body = read.extractfile(member)
            assert body is not None
            files[member.name] = body.read()
    harm(files)
    with pytest.raises(Invalid, match=text):
        await load(images, pieces, tar(files))
    assert images.all() == []
    assert os.listdir(world.root / "tmp") == os.listdir(world.root / "layers") == []


async def test_a_layer_that_climbs_out_is_refused(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    with pytest.raises(Invalid, match="climbs out"):
        await load(images, pieces, archive(tar, [tar({"../x": b"y"})], ["app"]))
    assert os.listdir(world.root / "tmp") == []


async def test_a_client_that_goes_away_leaves_nothing(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()

    async def broken() -> Any:
        yield archive(tar, [tar({"f": bytes(300_000)})], ["app"])[:200_000]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await images.load(broken(), quiet)
    assert os.listdir(world.root / "tmp") == []


async def imported(images: Images, pieces: Any, data: bytes, name: str = "", *changes: str) -> Image:
    wish = ImportWish(reference=parse(name).with_default_tag() if name else None, changes=changes)
    return await images.import_(pieces(data), wish)


async def test_import(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    image = await imported(images, pieces, gzip.compress(tar(LAYER)), "base", 'CMD ["sh"]', "ENV A=1")
    assert image.tags == ("base:latest",)
    assert image.config.cmd == ("sh",)
    assert image.config.env == ("A=1",)
    assert image.comment == "Imported from -"
    assert world.actions() == ["import", "tag"]
    with pytest.raises(Invalid, match="foo is not a valid change command"):
        await imported(images, pieces, tar(LAYER), "", "FOO bar")


async def test_lookup(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    image = await imported(images, pieces, tar(LAYER), "base")
    digits = image.id.removeprefix("sha256:")
    for text in ("base", "base:latest", "docker.io/library/base", image.id, digits, digits[:1], f"sha256:{digits[:5]}"):
        assert images.get(text) is images.get("base")
    with pytest.raises(NotFound) as raised:
        images.get("nope:1")
    assert str(raised.value) == "No such image: nope:1"
    with pytest.raises(NotFound, match="No such image: nope:latest"):
        images.get("nope")
    with pytest.raises(Invalid, match="invalid reference format"):
        images.get("No:such:thing")
    assert images.find("No:such:thing") is None
    await images.tag("base", digits[:12])
    other = await imported(images, pieces, tar({"z": b"z"}))
    await images.tag(other.id, digits[:12])
    assert images.get(digits[:12]).id == other.id


async def test_tagging(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    one = await imported(images, pieces, tar(LAYER), "base")
    two = await imported(images, pieces, tar({"z": b"z"}), "base")
    assert images.get(one.id).tags == ()
    assert images.get("base").id == two.id
    await images.tag(one.id, "host:5000/a/b", "v1")
    assert images.get(one.id).tags == ("host:5000/a/b:v1",)
    assert images.get(one.id).last_tagged == world.clock.now()
    with pytest.raises(Invalid, match="refusing to create a tag with a digest reference"):
        await images.tag(one.id, "x@" + one.id)
    with pytest.raises(Invalid, match="must be lowercase"):
        await images.tag(one.id, "X")
    with pytest.raises(Invalid, match="ambiguous tag"):
        await images.tag(one.id, "sha256", "abc")


def container(image: Image, state: State, lowers: tuple[str, ...] = ()) -> Container:
    return Container(
        id="c" * 64, name="c", created=0, image_id=image.id, group="c", spec=ContainerSpec(),
        status=ContainerStatus(state=state), layers=lowers,
    )  # fmt: skip


async def test_layers_of_containers_stay(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    image = await imported(images, pieces, tar(LAYER), "base")
    world.containers.append(container(image, State.EXITED, images.lowers(image)))
    with pytest.raises(Conflict, match=r"must force"):
        await images.remove("base")
    assert await images.remove("base", force=True) == [{"Untagged": "base:latest"}, {"Deleted": image.id}]
    assert len(os.listdir(world.root / "layers")) == 1
    world.containers.clear()
    assert await images.release() == set(image.layers)
    assert os.listdir(world.root / "layers") == []


async def test_prune(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    await imported(images, pieces, tar(LAYER), "kept")
    dangling = await imported(images, pieces, tar({"z": b"zz"}))
    used = await imported(images, pieces, tar({"u": b"u"}))
    world.containers.append(container(used, State.RUNNING))
    done, reclaimed = await images.prune(lambda _: True)
    assert {"Deleted": dangling.id} in done
    assert reclaimed == 2
    assert len(images.all()) == 2
    done, _ = await images.prune(lambda _: True, dangling=False)
    assert {"Untagged": "kept:latest"} in done
    assert [image.id for image in images.all()] == [used.id]


async def test_save_by_id_has_no_names(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    image = await imported(images, pieces, tar(LAYER), "base")
    saved = b"".join([piece async for piece in await images.save([image.id])])
    await images.remove("base")
    assert await load(images, pieces, saved) == [f"Loaded image ID: {image.id}\n"]
    with pytest.raises(NotFound):
        await images.save(["nope"])


async def test_lost_layers_take_their_images_along(world: Any, tar: Any, pieces: Any) -> None:
    images = await world.daemon()
    await imported(images, pieces, tar(LAYER), "gone")
    await imported(images, pieces, tar({"z": b"z"}), "kept")
    (layer,) = images.get("gone").layers
    (world.root / "layers" / layer.removeprefix("sha256:") / "layer.json").write_bytes(b"")
    images = await world.daemon()
    assert [image.tags for image in images.all()] == [("kept:latest",)]
    assert len(os.listdir(world.root / "layers")) == 1
    assert [image.tags for image in (await world.daemon()).all()] == [("kept:latest",)]
