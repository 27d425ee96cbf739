"""Which form of an answer a client prefers. Pure. Source: RFC 9110, section 12.5.1."""

from typing import NamedTuple


class Form(NamedTuple):
    """prefix: what precedes each object in a stream."""

    content_type: str
    prefix: bytes = b""


PLAIN = Form("application/json")
JSON_STREAMS = (
    Form("application/x-ndjson"),
    Form("application/jsonl"),
    Form("application/json-seq", b"\x1e"),
)


def json_stream(accept: str) -> Form:
    """Return how to send a stream of JSON objects: as plain JSON unless a stream's own type is asked for by name."""
    weights = _weights(accept)
    best, weight = PLAIN, 0.0
    for form in JSON_STREAMS:
        if weights.get(form.content_type, 0.0) > weight:
            best, weight = form, weights[form.content_type]
    return best


def _weights(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            found[kind.lower()] = float(weight)
        except ValueError:
            continue
    return found
