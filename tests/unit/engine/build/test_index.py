"""A context's archive looked at gives what its files would give."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.base.errors import Invalid, NotFound
from boxship.engine.build.index import Index, Unplain
from boxship.host.jobs import fingerprint, select

Selection = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool]
TREE = {
    "Dockerfile": b"FROM x",
    "a.txt": b"a",
    "dir/b.txt": b"b" * 2000,
    "dir/deep/c.log": b"",
    "dir/deep/d.txt": b"d",
    "other/odd [1]": b"o",
    "long/" + "n" * 90 + "/" + "m" * 90: b"long",
}


def archive(tree: dict[str, bytes], links: dict[str, str] | None = None, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for path, content in tree.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o640
            tar.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


def index(content: bytes, home: Path) -> Index:
    file = home / "context.tar"
    file.write_bytes(content)
    with file.open("rb") as opened:
        return Index(opened)


def unpacked(content: bytes, home: Path) -> Path:
    root = home / "root"
    root.mkdir(mode=0o755)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for entry in tar:
            (root / entry.name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            tar.extract(entry, root)
    return root


def asked(root: Path, selection: Selection) -> str:
    """What a child process would say that has made `root` its root."""
    child_reads, child_writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            os.write(child_writes, fingerprint.fingerprint(select.Wish(*selection), False).encode())
        except NotFound as e:
            os.write(child_writes, f"not found {e}".encode())
        finally:
            os._exit(0)
    os.close(child_writes)
    with os.fdopen(child_reads) as told:
        said = told.read()
    os.waitpid(pid, 0)
    return said


def looked(found: Index, selection: Selection) -> str | None:
    try:
        return found.fingerprint(*selection)
    except NotFound as e:
        return f"not found {e}"


SELECTIONS: list[Selection] = [
    (("/",), (), (), False),
    (("dir",), (), (), False),
    (("dir/",), (), (), False),
    (("a.txt", "dir/b.txt"), (), (), False),
    (("*.txt", "d*"), (), (), False),
    (("dir/*/*.txt",), (), (), False),
    (("/",), ("*.txt",), (), False),
    (("/",), ("dir", "!dir/deep/d.txt"), (), False),
    (("dir",), ("dir", "!dir/deep"), (), False),
    (("/",), (), ("*.log", "deep"), False),
    (("/",), (), ("dir", "!dir/b.txt"), False),
    (("other/odd [[]1]",), (), (), False),
    (("nothing",), (), (), False),
    (("*.nothing",), (), (), False),
    (("a.txt",), ("a.txt",), (), False),
    (("a.txt/",), (), (), False),
    (("../a.txt",), (), (), False),
]


@pytest.mark.root
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_it_says_what_the_files_say(tmp_path: Path, form: int) -> None:
    content = archive(TREE, {"link": "a.txt", "dir/up": "../a.txt"}, form)
    found, root = index(content, tmp_path), unpacked(content, tmp_path)
    for selection in SELECTIONS:
        said = looked(found, selection)
        assert said == asked(root, selection) or (said is None and "dir/*/*.txt" in selection[0]), selection


def test_what_needs_the_files(tmp_path: Path) -> None:
    found = index(archive({"d/f": b"x"}, {"link": "d"}), tmp_path)
    assert found.fingerprint(("link",), (), (), False) is None
    assert found.fingerprint(("link/f",), (), (), False) is None
    assert found.fingerprint(("link/*",), (), (), False) is None
    assert found.fingerprint(("d",), (), (), True) is None
    assert found.fingerprint(("d/f",), (), (), False)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_not_plain(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("odd")
    entry.type, entry.linkname = kind, "a"
    with pytest.raises(Unplain):
        index(entry.tobuf() + bytes(1024), tmp_path)


@pytest.mark.parametrize("path", ["../x", "a/../../x"])
def test_what_climbs_is_left_to_the_unpacking(tmp_path: Path, path: str) -> None:
    with pytest.raises(Unplain):
        index(tarfile.TarInfo(path).tobuf() + bytes(1024), tmp_path)


def test_a_file_below_a_link_is_not_plain(tmp_path: Path) -> None:
    link = tarfile.TarInfo("l")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with pytest.raises(Unplain):
        index(link.tobuf() + tarfile.TarInfo("l/passwd").tobuf() + bytes(1024), tmp_path)


def test_files_can_be_read(tmp_path: Path) -> None:
    found = index(archive(TREE), tmp_path)
    assert found.read("./Dockerfile") == b"FROM x"
    assert found.read("/dir/../dir/b.txt") == b"b" * 2000
    for path in ("dir", "no", "a.txt/b"):
        with pytest.raises(NotFound):
            found.read(path)
    linked = index(archive({"a": b"x"}, {"l": "a"}), tmp_path)
    assert (linked.read("l"), linked.read("a")) == (None, b"x")


def test_no_archive(tmp_path: Path) -> None:
    assert index(b"", tmp_path).fingerprint(("/",), (), (), False)
    for content in (b"x" * 2000, archive({"a": b"x" * 5000})[:1024]):
        with pytest.raises(Invalid):
            index(content, tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/e/f"]), st.binary(max_size=20), min_size=1),
    st.integers(0, 2**31),
)
def test_law_time_stamps_and_order_do_not_count(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, bytes], time: int
) -> None:
    home = tmp_path_factory.mktemp("index")
    whole = index(archive(tree), home).fingerprint(("/",), (), (), False)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in reversed(tree.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime, entry.uid = len(content), 0o640, time, 1000
            tar.addfile(entry, io.BytesIO(content))
    assert index(buffer.getvalue(), home).fingerprint(("/",), (), (), False) == whole
    path, content = next(iter(tree.items()))
    assert index(archive({**tree, path: content + b"!"}), home).fingerprint(("/",), (), (), False) != whole


PEAK = """
import sys
from pathlib import Path
from boxship.engine.build.index import Index
def most():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
before = most()
Index(open(sys.argv[1], "rb"))
print(most() - before)
"""


def test_a_large_archive_is_not_held_in_memory(tmp_path: Path) -> None:
    with open(tmp_path / "big.tar", "wb") as file:
        for name in ("one", "two"):
            entry = tarfile.TarInfo(name)
            entry.size = 100 << 20
            file.write(entry.tobuf())
            file.seek(entry.size, os.SEEK_CUR)
        file.write(bytes(1024))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "big.tar")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 80
