"""Where a request ends: whatever way the bytes are cut, what belongs to it and what is behind it come out the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.rest.framing import HEAD_LIMIT, Boundary, may_take_over

HEAD = b"POST /v1.41/exec/e/start HTTP/1.1\r\nHost: d\r\n"
REQUESTS = {
    "no body": HEAD + b"\r\n",
    "counted": HEAD + b"content-LENGTH:  5 \r\n\r\n12345",
    "empty counted": HEAD + b"Content-Length: 0\r\n\r\n",
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\n\r\n\r\n0\r\n\r\n",
    "chunked with trailers": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    "empty chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

PATHS = {
    b"POST /containers/x/attach HTTP/1.1\r\n": True,
    b"POST /v1.51/containers/x/attach?stream=1 HTTP/1.1\r\n": True,
    b"POST http://docker/v1.51/exec/e/start HTTP/1.1\r\n": True,
    b"POST /session HTTP/1.1\r\n": True,
    b"POST /v1.41/grpc HTTP/1.1\r\n": True,
    b"POST /containers/x/attach/ws HTTP/1.1\r\n": False,
    b"POST /containers/x/start HTTP/1.1\r\n": False,
    b"GET /containers/x/attach HTTP/1.1\r\n": False,
    b"POST /exec/e/resize?h=1 HTTP/1.1\r\n": False,
    b"PO": True,
    b"POST /containers/x/sta": True,
    b"PUT /": False,
}


@pytest.mark.parametrize(("start", "may"), PATHS.items())
def test_which_requests_may_take_over(start: bytes, may: bool) -> None:
    assert may_take_over(start) is may


@given(st.sampled_from(list(REQUESTS.values())), st.binary(max_size=60), st.data())
def test_cutting_changes_nothing(request: bytes, behind: bytes, data: st.DataObject) -> None:
    whole = request + behind
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    boundary, mine, rest = Boundary(), b"", b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        ours, later = boundary.split(whole[start:end])
        mine, rest = mine + ours, rest + later
    assert (mine, rest) == (request, behind)
    assert boundary.done
    assert not boundary.refused


def test_an_ordinary_request_is_given_back_whole() -> None:
    boundary = Boundary()
    assert boundary.split(b"POST /cont") == (b"", b"")
    assert boundary.split(b"ainers/x/start HTTP/1.1\r\nHost") == (b"POST /containers/x/start HTTP/1.1\r\nHost", b"")
    assert boundary.refused


def test_a_head_without_end_is_given_to_the_parser() -> None:
    boundary = Boundary()
    mine, _ = boundary.split(b"POST /exec/e/start HTTP/1.1\r\nX: " + b"a" * HEAD_LIMIT)
    assert boundary.refused
    assert len(mine) > HEAD_LIMIT


def test_nonsense_for_a_chunk_size_ends_the_body() -> None:
    boundary = Boundary()
    mine, behind = boundary.split(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\nrest")
    assert mine.endswith(b"zz\r\n\r\n")
    assert behind == b"rest"
