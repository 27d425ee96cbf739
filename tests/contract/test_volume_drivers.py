"""What every volume driver does: the local one, plain and with a mounted device, and a plugin behind a socket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from boxship.base.errors import PlatformError
from boxship.engine.volumes.drivers.api import VolumeDriver
from boxship.engine.volumes.drivers.calls import PluginCalls
from boxship.engine.volumes.drivers.discovery import Drivers, PluginPlaces
from boxship.engine.volumes.drivers.local import LocalDriver
from boxship.engine.volumes.drivers.plugin import PluginDriver
from boxship.model.volume import VolumeSpec
from tests.unit.engine.volumes.fakes import FakeGround
from tests.volume_plugin import VolumePlugin

TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}


@dataclass(frozen=True)
class Bench:
    drivers: Drivers
    driver: VolumeDriver
    spec: VolumeSpec
    ground: FakeGround
    plugin: VolumePlugin


@pytest.fixture(params=["plain", "tmpfs", "plugin"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    ground = FakeGround()
    (tmp_path / "kept").mkdir()
    (tmp_path / "plugins").mkdir()
    plugin = VolumePlugin(tmp_path / "kept")
    await plugin.start(tmp_path / "plugins/shelf.sock")
    drivers = Drivers(
        {"local": LocalDriver(tmp_path, ground)}, PluginPlaces(tmp_path / "plugins", ()),
        lambda name, address: PluginDriver(name, tmp_path, ground, PluginCalls(name, address)),
    )  # fmt: skip
    name = "shelf" if request.param == "plugin" else "local"
    spec = VolumeSpec(name="vol", driver=name, options=TMPFS if request.param == "tmpfs" else {})
    yield Bench(drivers, drivers[name], spec, ground, plugin)
    await plugin.stop()


async def test_every_step_can_be_repeated(bench: Bench) -> None:
    driver, spec = bench.driver, bench.spec
    driver.check(spec)
    for step in (driver.create, driver.create):
        await step(spec)
    for user in ("one", "one"):
        await driver.mount(spec, user)
    assert driver.path("vol").is_dir()
    for user in ("one", "one"):
        await driver.unmount(spec, user)
    await driver.remove(spec)
    await driver.remove(spec)
    assert not driver.path("vol").exists()
    assert bench.ground.mounted == {}


async def test_contents_stay_until_the_last_user_has_gone(bench: Bench) -> None:
    await bench.driver.create(bench.spec)
    await bench.driver.mount(bench.spec, "one")
    seen = dict(bench.ground.mounted)
    await bench.driver.mount(bench.spec, "two")
    await bench.driver.unmount(bench.spec, "one")
    assert bench.ground.mounted == seen
    await bench.driver.unmount(bench.spec, "two")
    assert bench.ground.mounted == {}


async def test_paths_are_known_before_and_differ(bench: Bench) -> None:
    assert bench.driver.path("vol") == bench.driver.path("vol") != bench.driver.path("other")


@pytest.mark.parametrize("bench", ["plugin"], indirect=True)
class TestPlugin:
    async def test_the_whole_conversation(self, bench: Bench) -> None:
        driver, spec, who = bench.driver, bench.spec, {"Name": "vol", "ID": "one"}
        await driver.create(spec)
        await driver.mount(spec, "one")
        assert bench.ground.mounted == {str(driver.path("vol")): str(bench.plugin.root / "vol")}
        await driver.unmount(spec, "one")
        await driver.remove(spec)
        assert bench.plugin.calls == [
            ("Plugin.Activate", {}),
            ("VolumeDriver.Get", {"Name": "vol"}),
            ("VolumeDriver.Create", {"Name": "vol", "Opts": {}}),
            ("VolumeDriver.Mount", who),
            ("VolumeDriver.Unmount", who),
            ("VolumeDriver.Remove", {"Name": "vol"}),
        ]

    async def test_its_own_words_come_through(self, bench: Bench) -> None:
        refused = VolumeSpec(name="vol", driver="shelf", options={"refuse": "shelf is full"})
        with pytest.raises(PlatformError, match=r"^create vol: VolumeDriver.Create: shelf is full$"):
            await bench.driver.create(refused)
        with pytest.raises(PlatformError, match=r"^mount vol: VolumeDriver.Mount: no volume vol$"):
            await bench.driver.mount(bench.spec, "one")

    async def test_a_refused_removal_is_told(self, bench: Bench) -> None:
        await bench.driver.create(bench.spec)
        bench.plugin.volumes["vol"].add("somebody else")
        with pytest.raises(PlatformError, match=r"^remove vol: VolumeDriver.Remove: vol is mounted$"):
            await bench.driver.remove(bench.spec)

    async def test_one_that_has_gone(self, bench: Bench) -> None:
        await bench.driver.create(bench.spec)
        await bench.driver.mount(bench.spec, "one")
        await bench.plugin.stop()
        await bench.drivers["shelf"].unmount(bench.spec, "one")
        assert bench.ground.mounted == {}
        with pytest.raises(PlatformError, match="cannot reach volume plugin shelf"):
            await bench.driver.mount(bench.spec, "one")

    async def test_one_for_something_else(self, bench: Bench) -> None:
        bench.plugin.implements = ("NetworkDriver",)
        with pytest.raises(PlatformError, match="shelf: Plugin does not implement the requested driver"):
            await bench.driver.create(bench.spec)
