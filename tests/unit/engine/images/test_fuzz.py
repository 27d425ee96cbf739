"""Whatever bytes come, the parsers of tars, manifests, configurations and references answer or say Invalid.

Bounded: BOXSHIP_FUZZ says how many examples each has, 150 by default. Mutations begin with what is valid, since random
bytes get nowhere.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable

import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxship.base.errors import Invalid, PlatformError
from boxship.engine.images import config, manifest
from boxship.engine.images.inflate import Intake
from boxship.engine.images.reference import parse, parse_any
from boxship.engine.images.tarsplit import Splitter
from boxship.engine.images.tarstream import entries
from boxship.host.jobs.assemble import assemble

bounded = settings(
    max_examples=int(os.environ.get("BOXSHIP_FUZZ", "150")), deadline=None, suppress_health_check=list(HealthCheck)
)
DIGEST = "sha256:" + "a" * 64


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "c"}) as tar:
        for name, kind, size in (("d", tarfile.DIRTYPE, 0), ("d/" + "f" * 200, tarfile.REGTYPE, 700),
                                 ("l", tarfile.SYMTYPE, 0), ("g", tarfile.REGTYPE, 3)):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname, info.mtime = kind, size, "d", 1.5
            tar.addfile(info, io.BytesIO(b"x" * size))
    return out.getvalue()


TAR = archive()
LAYER = {"mediaType": manifest.OCI_LAYER, "digest": DIGEST, "size": 3}
DOCUMENTS = {
    "manifest": json.dumps({"schemaVersion": 2, "config": LAYER, "layers": [LAYER]}).encode(),
    "index": json.dumps({"schemaVersion": 2, "manifests": [{**LAYER, "platform": {"os": "linux"}}]}).encode(),
    "entries": json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l"]}]).encode(),
    "config": json.dumps({"os": "linux", "created": "2026-01-01T00:00:00Z", "config": {"Cmd": ["sh"], "Env": ["a=b"]},
                          "rootfs": {"type": "layers", "diff_ids": [DIGEST]}, "history": [{"comment": "x"}]}).encode(),
}  # fmt: skip
PARSERS = {
    "manifest": manifest.parse_manifest,
    "index": manifest.parse_index,
    "entries": manifest.parse_entries,
    "config": config.parse,
}
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(max_size=9), st.booleans()), min_size=1, max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


def changed(data: bytes, changes: list[tuple[int, bytes, bool]]) -> bytes:
    """Each change overwrites, or goes in between."""
    for place, what, inserted in changes:
        at = place % (len(data) + 1)
        data = data[:at] + what + data[at + (0 if inserted else len(what)) :]
    return data


def check_tar(data: bytes) -> None:
    sink = io.BytesIO()
    splitter = Splitter(sink)
    with contextlib.suppress(Invalid):
        for at in range(0, len(data), 300):
            splitter.feed(data[at : at + 300])
        splitter.close()
    stream = io.BytesIO(data)
    with contextlib.suppress(Invalid):
        for head, body in entries(stream.read):
            assert head.size >= 0
            assert head.stored >= 0
            body.peek(512)


@bounded
@given(CHANGES)
def test_tars(changes: list[tuple[int, bytes, bool]]) -> None:
    check_tar(changed(TAR, changes))


@bounded
@given(st.integers(0, 5), st.integers(0, 511), st.binary(min_size=1, max_size=12))
def test_headers_whose_sum_is_right(number: int, place: int, what: bytes) -> None:
    """A wrong sum hides what is behind it."""
    data = bytearray(TAR)
    at = (number * 512) % len(data)
    data[at + place : at + place + len(what)] = what
    head = data[at : at + 512]
    head[148:156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(head)
    check_tar(bytes(data))


@bounded
@given(CHANGES)
def test_packed_layers(changes: list[tuple[int, bytes, bool]]) -> None:
    intake = Intake(io.BytesIO(changed(gzip.compress(TAR, mtime=0), changes)).read)
    with contextlib.suppress(PlatformError):
        while intake.read():
            pass


@bounded
@given(st.sampled_from((gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress)), CHANGES)
def test_layers_packed_in_other_ways(pack: Callable[[bytes], bytes], changes: list[tuple[int, bytes, bool]]) -> None:
    packed = pack(TAR)
    intake = Intake(io.BytesIO(packed[:6] + changed(packed[6:], changes)).read)
    with contextlib.suppress(PlatformError):
        while intake.read():
            pass


@bounded
@given(CHANGES)
def test_split_forms(changes: list[tuple[int, bytes, bool]]) -> None:
    """A damaged file of ours is told of as well."""
    sink = io.BytesIO()
    splitter = Splitter(sink)
    splitter.feed(TAR)
    splitter.close()
    damaged = io.BytesIO(changed(sink.getvalue(), changes))
    with contextlib.suppress(PlatformError):
        for _ in assemble(damaged, lambda path: io.BytesIO(b"x" * 700)):
            pass


@bounded
@given(st.sampled_from(sorted(PARSERS)), CHANGES)
def test_damaged_documents(kind: str, changes: list[tuple[int, bytes, bool]]) -> None:
    with contextlib.suppress(Invalid):
        PARSERS[kind](changed(DOCUMENTS[kind], changes))


@bounded
@given(st.sampled_from(sorted(PARSERS)), st.integers(0, 50), JSON)
def test_documents_with_other_things_in_them(kind: str, number: int, value: object) -> None:
    with contextlib.suppress(Invalid):
        PARSERS[kind](json.dumps(_put(json.loads(DOCUMENTS[kind]), [number], value)).encode())


def _put(document: object, count: list[int], value: object) -> object:
    """Put `value` in the place of the n-th part of a document."""
    count[0] -= 1
    if count[0] < 0:
        count[0] = 1 << 30
        return value
    if isinstance(document, dict):
        return {key: _put(inner, count, value) for key, inner in document.items()}
    if isinstance(document, list):
        return [_put(inner, count, value) for inner in document]
    return document


@bounded
@given(st.text(max_size=60) | st.text(alphabet="ab:/@.-_[]0Z ", max_size=60))
def test_references(text: str) -> None:
    with contextlib.suppress(Invalid):
        found = parse(text)
        assert parse(found.canonical) == found
        assert parse(found.familiar) == found
    with contextlib.suppress(Invalid):
        parse_any(text)
