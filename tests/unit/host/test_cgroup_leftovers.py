"""Limits of the first version that runtimes leave to us, on a tree of plain files."""

from pathlib import Path
from typing import Any

import pytest

from boxship.host.cgroups import leftovers
from boxship.host.cgroups.directories import Hierarchy

WEIGHTS = {"weight": 300, "weightDevice": [{"major": 7, "minor": 0, "weight": 400}]}
LEFT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "no block limits": ({"pids": {"limit": 1}}, {"pids": {"limit": 1}}),
    "throttles": ({"blockIO": {"throttleReadBpsDevice": []}}, {"blockIO": {"throttleReadBpsDevice": []}}),
    "weights": ({"blockIO": WEIGHTS, "pids": {}}, {"blockIO": {}, "pids": {}}),
    "both": ({"blockIO": {**WEIGHTS, "x": 1}}, {"blockIO": {"x": 1}}),
}


@pytest.mark.parametrize(("asked", "left"), LEFT.values(), ids=LEFT)
def test_weights_are_kept_back(asked: dict[str, Any], left: dict[str, Any]) -> None:
    assert leftovers.without_weights(asked) == left


def group(root: Path, name: str, runtime: int = 0, period: int = 1_000_000) -> Path:
    made = root / name
    made.mkdir(parents=True)
    (made / leftovers.RUNTIME).write_text(f"{runtime}\n")
    (made / leftovers.PERIOD).write_text(f"{period}\n")
    return made


def test_weights_are_written(tmp_path: Path) -> None:
    made = group(tmp_path, "box")
    for name in leftovers.BFQ_WEIGHTS.values():
        (made / name).touch()
    leftovers.set_weights(Hierarchy(str(tmp_path)), "/box", {"blockIO": WEIGHTS})
    assert (made / "blkio.bfq.weight").read_text() == "300"
    assert (made / "blkio.bfq.weight_device").read_text() == "7:0 400"


# Runtimes of (top, top/mine, top/mine/other, top/beside) before; wish; of top and top/mine after.
SHARES = {
    "nothing is asked": ((0, 0, 0, 0), {}, (0, 0)),
    "first": ((0, 0, 0, 0), {"realtimeRuntime": 50_000}, (50_000, 50_000)),
    "its own period": ((0, 0, 0, 0), {"realtimeRuntime": 50_000, "realtimePeriod": 100_000}, (500_000, 500_000)),
    "beside another": ((200, 200, 200, 0), {"realtimeRuntime": 100}, (300, 300)),
    "and beside a group": ((300, 200, 200, 100), {"realtimeRuntime": 100}, (400, 300)),
    "enough is there": ((900, 800, 200, 100), {"realtimeRuntime": 100}, (900, 800)),
}


@pytest.mark.parametrize(("before", "cpu", "after"), SHARES.values(), ids=SHARES)
def test_groups_above_get_enough_real_time(
    tmp_path: Path, before: tuple[int, ...], cpu: dict[str, int], after: tuple[int, int]
) -> None:
    names = ("top", "top/mine", "top/mine/other", "top/beside")
    made = [group(tmp_path, name, runtime) for name, runtime in zip(names, before, strict=True)]
    leftovers.make_real_time(Hierarchy(str(tmp_path)), "/top/mine/box", {"cpu": cpu})
    assert tuple(int((where / leftovers.RUNTIME).read_text()) for where in made[:2]) == after
