from pathlib import Path

import pytest

from boxship.base.errors import Invalid
from boxship.engine import devices
from boxship.model.container import HostSpec, ThrottleDevice, WeightDevice


def test_one_device() -> None:
    (node,) = devices.nodes("/dev/null")
    assert (node.path, node.kind, node.major, node.minor) == ("/dev/null", "c", 1, 3)
    assert node.mode == 0o666


def test_a_directory_is_all_below_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="not a device node"):
        devices.nodes(str(tmp_path))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(Invalid, match="not a device node"):
        devices.nodes(str(file))


def test_everything_leaves_terminals_out() -> None:
    paths = {node.path for node in devices.everything()}
    assert "/dev/null" in paths
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in paths)


def test_numbers_of_throttled_devices() -> None:
    spec = HostSpec(
        blkio_device_read_iops=(ThrottleDevice(path="/dev/zero", rate=1),),
        blkio_weight_device=(WeightDevice(path="/dev/null", weight=10),),
    )
    assert devices.throttled(spec) == {"/dev/null": (1, 3), "/dev/zero": (1, 5)}
    with pytest.raises(Invalid, match="stat /dev/nope: no such file"):
        devices.number("/dev/nope")


def test_cdi_specs_of_two_directories(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    (first / "x.json").write_text('{"kind": "v.com/gpu", "devices": []}')
    (first / "broken.json").write_text("{")
    (first / "notes.txt").write_text("kind: other")
    (second / "y.yaml").write_text("kind: v.com/net\n")
    kinds = [spec["kind"] for spec in devices.cdi((str(first), str(second), str(tmp_path / "none")))]
    assert kinds == ["v.com/gpu", "v.com/net"]
