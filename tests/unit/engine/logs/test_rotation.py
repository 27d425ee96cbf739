import gzip
from pathlib import Path

import pytest

from boxship.engine.logs import files
from boxship.engine.logs.options import Rotation
from boxship.engine.logs.rotation import Reopen, execute, pack, plan, render

CASES = {
    "the first time": (["log"], 5, True, "rename log log.1\nreopen"),
    "the second time packs the older": (
        ["log", "log.1"], 5, True, "rename log.1 log.2\nrename log log.1\nreopen\npack log.2",
    ),
    "full": (
        ["log", "log.1", "log.2.gz"], 3, True,
        "remove log.2.gz\nrename log.1 log.2\nrename log log.1\nreopen\npack log.2",
    ),
    "unpacked": (["log", "log.1", "log.2"], 3, False, "remove log.2\nrename log.1 log.2\nrename log log.1\nreopen"),
    "fewer are kept than before": (
        ["log", "log.1", "log.2.gz", "log.3.gz"], 2, False,
        "remove log.3.gz\nremove log.2.gz\nremove log.1\nrename log log.1\nreopen",
    ),
    "one file": (["log"], 1, False, "remove log\nreopen"),
    "a gap, after a crash": (["log", "log.2"], 5, True, "rename log.2 log.3\nrename log log.1\nreopen\npack log.3"),
    "packing cut short": (
        ["log", "log.1", "log.2"], 5, True,
        "rename log.2 log.3\nrename log.1 log.2\nrename log log.1\nreopen\npack log.3\npack log.2",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("present", "count", "compress", "text"), CASES.values(), ids=CASES)
def test_plan(tmp_path: Path, present: list[str], count: int, compress: bool, text: str) -> None:
    for name in present:
        (tmp_path / name).write_text(name)
    path = str(tmp_path / "log")
    policy = Rotation(max_size=1, max_file=count, compress=compress)
    assert render(plan(path, files.names(path), policy)) == text


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_never_more_files_than_allowed_and_none_lost_before(tmp_path: Path, count: int) -> None:
    path = tmp_path / "log"
    policy = Rotation(max_size=1, max_file=count, compress=True)
    for number in range(8):
        path.write_text(str(number))
        actions = plan(str(path), files.names(str(path)), policy)
        execute(actions, lambda: path.write_text("new"))
        assert Reopen() in actions
        for action in actions:
            if type(action).__name__ == "Pack":
                pack(action.path)  # type: ignore[union-attr]
        kept = [_content(tmp_path / Path(n.path).name) for n in files.names(str(path))]
        assert kept == [str(n) for n in range(max(0, number - count + 2), number + 1)] + ["new"]


def _content(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def test_packing_may_be_repeated(tmp_path: Path) -> None:
    plain = tmp_path / "log.2"
    plain.write_text("text")
    plain.chmod(0o640)
    (tmp_path / "log.2.gz.tmp").write_bytes(b"rubbish of a crash")
    pack(str(plain))
    assert [p.name for p in tmp_path.iterdir()] == ["log.2.gz"]
    assert _content(tmp_path / "log.2.gz") == "text"
    assert (tmp_path / "log.2.gz").stat().st_mode & 0o777 == 0o640
