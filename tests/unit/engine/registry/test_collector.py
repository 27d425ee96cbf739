"""What a collection takes away and what it must not, step by step with a clock of our own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.base.clock import ManualClock
from boxship.engine.images.manifest import OCI_INDEX, OCI_MANIFEST
from boxship.engine.registry.content import SECOND
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.options import DAY, Options, Quota, Retention
from boxship.engine.registry.service import Registry
from tests.registries import Image, described, digest_of, image, index


class Bench:
    """A registry with a clock that stands still."""

    def __init__(self, root: Path, **options: object) -> None:
        self.clock = ManualClock()
        self.registry = Registry(Options(root=root, grace=0.0, **options), self.clock)  # type: ignore[arg-type]

    async def upload(self, repository: str, content: bytes) -> str:
        uploads = self.registry.uploads
        upload = uploads.begin(repository)

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await uploads.append(repository, upload, pieces())
        return (await self.registry.content.commit(repository, upload, digest_of(content))).digest

    async def push(self, repository: str, tag: str, pushed: Image) -> str:
        for blob in pushed.blobs:
            await self.upload(repository, blob)
        await self.registry.catalog.put(repository, tag, OCI_MANIFEST, pushed.manifest)
        return pushed.digest

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(int(seconds * SECOND))

    def has(self, repository: str, content: bytes) -> bool:
        found = self.registry.content.find(repository, digest_of(content))
        if found is None:
            return False
        path = self.registry.content.local(found)
        assert path is not None
        assert path.read_bytes() == content, "the record is true"
        return True

    @property
    def files(self) -> int:
        return sum(1 for path in (self.registry.options.root / "blobs").rglob("*") if path.is_file())


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(tmp_path)
    yield found
    await found.registry.aclose()


async def test_a_lease_protects_and_its_end_does_not(bench: Bench) -> None:
    await bench.upload("a", b"blob")
    bench.pass_time(DAY - 1)
    assert (await bench.registry.collector.collect()).blobs == 0
    assert bench.has("a", b"blob")
    bench.pass_time(2)
    report = await bench.registry.collector.collect()
    assert (report.links, report.blobs, report.bytes, bench.files) == (1, 1, 4, 0)
    assert not bench.has("a", b"blob")


async def test_asking_leases_anew(bench: Bench) -> None:
    digest = await bench.upload("a", b"blob")
    bench.pass_time(DAY - 10)
    await bench.registry.content.promise("a", digest)
    bench.pass_time(DAY / 2)
    await bench.registry.collector.collect()
    assert bench.has("a", b"blob")


async def test_what_a_manifest_uses_stays_until_the_manifest_goes(bench: Bench) -> None:
    pushed = image(b"layer")
    await bench.push("a", "v1", pushed)
    bench.pass_time(30 * DAY)
    await bench.registry.collector.collect()
    assert bench.has("a", b"layer")
    await bench.registry.catalog.delete("a", pushed.digest)
    assert (await bench.registry.collector.collect()).blobs == 2
    assert bench.files == 0
    assert bench.registry.records.rows("SELECT * FROM repositories") == []


async def test_two_repositories_share_bytes_and_neither_loses_them(bench: Bench) -> None:
    await bench.push("a", "v1", image(b"layer"))
    await bench.push("b", "v1", image(b"layer"))
    assert bench.files == 2
    await bench.registry.catalog.delete("a", image(b"layer").digest)
    bench.pass_time(2 * DAY)
    await bench.registry.collector.collect()
    assert bench.has("b", b"layer")
    assert not bench.has("a", b"layer")


async def test_bytes_that_come_again_are_not_lost_with_the_old_ones(bench: Bench) -> None:
    """A blob is buried, uploaded again, and only then are the old bytes removed."""
    await bench.upload("a", b"blob")
    bench.pass_time(2 * DAY)
    collector = bench.registry.collector
    report = type(await collector.collect(dry=True))()
    await collector._links(report)
    await collector._blobs(report)
    assert report.blobs == 1
    await bench.upload("a", b"blob")
    await collector._graves()
    assert bench.has("a", b"blob")
    assert bench.files == 1


async def test_bytes_without_a_record_go_after_an_hour(bench: Bench, tmp_path: Path) -> None:
    stray = tmp_path / "blobs" / "ab" / ("ab" * 32 + "-1")
    stray.write_bytes(b"half of a push")
    bench.clock.advance(0)
    bench.registry.collector._clock = clock = ManualClock(int(stray.stat().st_mtime * SECOND))
    await bench.registry.collector.collect()
    assert stray.exists()
    clock.advance(3700 * SECOND)
    report = await bench.registry.collector.collect()
    assert (report.strays, stray.exists()) == (1, False)


async def test_a_key_taken_for_a_leftover_is_not_recorded(bench: Bench) -> None:
    from boxship.engine.registry import changes, collecting

    await bench.registry.records.write(lambda db: collecting.bury_strays(db, ["k"], 0.0))
    with pytest.raises(Fault) as caught:
        await bench.registry.records.write(lambda db: changes.add_blob(db, digest_of(b"x"), 1, "k"))
    assert caught.value.code == "UNAVAILABLE"


async def test_unfinished_uploads_go_with_their_lease(bench: Bench) -> None:
    upload = bench.registry.uploads.begin("a")
    bench.registry.collector._clock = clock = ManualClock(
        int((bench.registry.options.root / "uploads").stat().st_mtime * SECOND)
    )
    assert (await bench.registry.collector.collect()).uploads == 0
    clock.advance(int((DAY + 60) * SECOND))
    assert (await bench.registry.collector.collect()).uploads == 1
    with pytest.raises(Fault):
        bench.registry.uploads.size("a", upload)


async def test_retention(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention=(Retention(tags="v*", keep=1, untagged=DAY),))
    catalog, collector = bench.registry.catalog, bench.registry.collector
    images = {f"v{number}": image(b"layer %d" % number) for number in range(3)}
    for tag, pushed in images.items():
        await bench.push("a", tag, pushed)
        bench.pass_time(10)
    report = await collector.collect(dry=True)
    assert report.plan == [f"a: untag {tag}: not among the 1 newest of v*" for tag in ("v1", "v0")]
    assert catalog.tags("a") == ["v0", "v1", "v2"]
    assert (await collector.collect()).tags == 2
    assert catalog.tags("a") == ["v2"]
    bench.pass_time(2 * DAY)
    report = await collector.collect()
    assert (report.manifests, report.blobs) == (2, 2)
    assert bench.has("a", b"layer 2")
    await bench.registry.aclose()


async def test_retention_leaves_what_an_index_or_a_subject_needs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, retention=(Retention(untagged=0.0),))
    catalog = bench.registry.catalog
    part = image(b"part")
    about = image(config=b"about", subject=described(part.manifest, OCI_MANIFEST))
    await bench.push("a", part.digest, part)
    await bench.push("a", about.digest, about)
    await catalog.put("a", "all", OCI_INDEX, index(part.manifest))
    bench.pass_time(10)
    assert (await bench.registry.collector.collect()).manifests == 0
    await catalog.delete("a", "all")
    bench.pass_time(10)
    for _ in range(3):  # the index, then the part, then what was said about it
        await bench.registry.collector.collect()
    assert catalog.find("a", part.digest) is None
    assert catalog.find("a", about.digest) is None
    await bench.registry.aclose()


async def test_quotas(tmp_path: Path) -> None:
    bench = Bench(tmp_path, quotas=(Quota(repositories="team/*", bytes=100),))
    await bench.upload("team/a", b"x" * 60)
    await bench.upload("else", b"y" * 200)
    with pytest.raises(Fault, match="used up: 140 of 100") as caught:
        await bench.upload("team/b", b"z" * 80)
    assert caught.value.code == "DENIED"
    assert not bench.has("team/b", b"z" * 80)
    assert bench.files == 2, "refused bytes are not kept"
    with pytest.raises(Fault):
        await bench.registry.content.mount("team/b", digest_of(b"y" * 200), "else")
    await bench.registry.aclose()
