"""Law: what was split and put together again is the same tar, however it came in pieces."""

import io
import random
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.images.tarhead import HeadReader
from boxship.engine.images.tarsplit import Splitter
from boxship.host.jobs.assemble import assemble

Files = dict[str, bytes]


def make(files: Files, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def split(raw: bytes, step: int) -> tuple[Splitter, bytes]:
    sink = io.BytesIO()
    splitter = Splitter(sink)
    for at in range(0, len(raw), step):
        splitter.feed(raw[at : at + step])
    splitter.close()
    return splitter, sink.getvalue()


def again(form: bytes, files: Files) -> bytes:
    return b"".join(assemble(io.BytesIO(form), lambda path: io.BytesIO(files[path])))


NAMES = st.text(alphabet="abcß/", min_size=1, max_size=300).filter(lambda n: "//" not in n and n[0] != "/")


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(NAMES, st.binary(max_size=2000), max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 3000),
)
def test_any_tar_comes_back(files: Files, form: int, step: int) -> None:
    files = {name.rstrip("/") or "x": data for name, data in files.items()}
    files = {name: data for name, data in files.items() if not any(other.startswith(f"{name}/") for other in files)}
    raw = make(files, form)
    splitter, kept = split(raw, step)
    assert again(kept, files) == raw
    assert splitter.size == sum(map(len, files.values()))
    assert splitter.entries == len(files)


def test_split_form_is_small() -> None:
    files = {f"d/{i}": random.Random(i).randbytes(10_000) for i in range(50)}
    raw = make(files)
    assert len(split(raw, 1 << 16)[1]) < len(raw) / 100


def test_kinds_without_body_in_the_tree() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, link in (("d", tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, "d"), ("h", tarfile.LNKTYPE, "f")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info)
        whiteout = tarfile.TarInfo("d/.wh.gone")
        whiteout.size = 3
        tar.addfile(whiteout, io.BytesIO(b"odd"))
    raw = out.getvalue()
    splitter, kept = split(raw, 700)
    assert again(kept, {}) == raw
    assert splitter.entries == 4


def test_paths_lose_what_points_out_of_the_root() -> None:
    raw = make({"./a": b"1", "/b": b"2", ".//c": b"3"})
    assert again(split(raw, 512)[1], {"a": b"1", "b": b"2", "c": b"3"}) == raw


def test_gnu_sparse_files_are_kept_whole() -> None:
    head = bytearray(make({"sparse": b"x" * 600}, tarfile.GNU_FORMAT))
    head[156:157] = b"S"
    head[483:495] = b"00000010000\0"
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    splitter, kept = split(bytes(head), 100)
    assert again(kept, {}) == bytes(head)
    assert splitter.size == 0o10000


def test_global_headers_and_junk_after_the_end() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "c" * 900}) as tar:
        info = tarfile.TarInfo("f")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"1"))
    raw = out.getvalue() + b"junk that no header is"
    assert again(split(raw, 300)[1], {"f": b"1"}) == raw


@pytest.mark.parametrize("cut", [1, 511, 513, 600, 1100])
def test_a_cut_archive_is_refused(cut: int) -> None:
    with pytest.raises(Invalid, match="cut off"):
        split(make({"f": b"x" * 700})[:cut], 100)


def test_a_broken_header_is_refused() -> None:
    raw = bytearray(make({"f": b"x"}))
    raw[0:1] = b"g"
    with pytest.raises(Invalid, match="invalid tar header"):
        split(bytes(raw), 512)


def test_a_changed_file_is_noticed() -> None:
    kept = split(make({"f": b"x" * 700}), 512)[1]
    with pytest.raises(Invalid, match="f is shorter"):
        again(kept, {"f": b"x"})


def test_a_file_that_is_as_long_but_not_the_same_is_noticed() -> None:
    kept = split(make({"d/f": b"x" * 700}), 100)[1]
    with pytest.raises(Invalid, match="d/f has changed"):
        again(kept, {"d/f": b"x" * 699 + b"y"})


def entries(*wanted: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind in wanted:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "elsewhere"
            info.size = 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"abc"))
    return out.getvalue()


FILE, DIR, LINK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
TWICE = {
    "file over file": [("a", FILE), ("a", FILE)],
    "the same, told apart by spelling": [("./d//a", FILE), ("d/a", FILE)],
    "directory over file": [("a", FILE), ("a", DIR)],
    "link over file": [("a", FILE), ("a", LINK)],
    "link over a directory of files": [("d/e/f", FILE), ("d", LINK)],
    "file over a directory of files": [("d/e/f", FILE), ("d/e", FILE)],
    "a directory where a file was": [("d/e/f", FILE), ("e", FILE), ("e/g/h", FILE), ("e", FILE)],
}


@pytest.mark.parametrize("wanted", TWICE.values(), ids=TWICE)
def test_what_could_not_be_given_back_is_refused_by_name(wanted: list[tuple[str, bytes]]) -> None:
    with pytest.raises(Invalid, match=f"{wanted[-1][0]}/? is in the layer's archive twice"):
        split(entries(*wanted), 512)


@pytest.mark.parametrize(
    "wanted",
    [
        [("d", DIR), ("d/a", FILE), ("d", DIR)],
        [("l", LINK), ("l", LINK), ("a", FILE)],
        [("da", FILE), ("d", FILE), ("d.a", FILE)],
    ],
)
def test_what_loses_nothing_may_come_twice(wanted: list[tuple[str, bytes]]) -> None:
    raw = entries(*wanted)
    files = {name: b"abc" for name, kind in wanted if kind == FILE}
    assert again(split(raw, 512)[1], files) == raw


@given(st.binary(min_size=512, max_size=512))
def test_no_block_breaks_the_reader(block: bytes) -> None:
    try:
        HeadReader().block(block)
    except Invalid:
        return


def test_an_enormous_extended_header_is_refused() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    with pytest.raises(Invalid, match="extended header"):
        HeadReader().block(info.tobuf(tarfile.USTAR_FORMAT))


def _entry(pax: dict[str, str], **fields: object) -> bytes:
    info = tarfile.TarInfo("f")
    info.pax_headers = pax
    for key, value in fields.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT)


IMPOSSIBLE = {
    "a size beyond all files": _entry({}, size=1 << 80),
    "a size of too many digits": _entry({"size": "9" * 5000}),
    "a size just too big": _entry({"size": str(1 << 63)}),
    "a record of too many digits": b"9" * 5000 + b" x=y\n",
    "a record without an end": b"10 path=abX" + bytes(5),
    "a name that ends in the middle": _entry({"path": "a\0b"}),
    "a name no kernel takes": _entry({"path": "n" * 70_000}),
}


@pytest.mark.parametrize("raw", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_no_file_can_be(raw: bytes) -> None:
    if raw[1:2] not in (b"0", b"9"):
        data = raw
    else:  # the body of an extended header
        info = tarfile.TarInfo("x")
        info.type, info.size = b"x", len(raw)
        data = info.tobuf() + raw + bytes(-len(raw) % 512)
    with pytest.raises(Invalid, match="invalid tar header"):
        split(data + bytes(512), 512)
