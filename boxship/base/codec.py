"""JSON in and out of our own types. One place, so that the library below can change."""

from typing import Any, TypeVar

import msgspec

from boxship.base.errors import Invalid

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: object) -> bytes:
    """Return compact JSON. Fields at their default are left out where the type says so."""
    return _encoder.encode(value)


def decode(text: bytes | str, kind: type[T]) -> T:
    """Return `text` as a `kind`. Raises Invalid naming the field that does not fit."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(text)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as e:
        raise Invalid(f"invalid JSON: {e}") from e


def convert(value: object, kind: type[T]) -> T:
    """Return plain dictionaries and lists as a `kind`. Raises Invalid naming the field that does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as e:
        raise Invalid(f"invalid value: {e}") from e
