"""Words to write a JSON schema with, so that the schema reads as a table. Pure."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
# What an unresolved variable may stand for is text in the file, so most numbers and switches may be text too.
SWITCH: Schema = {"type": ["boolean", "string"]}
COUNT: Schema = {"type": ["integer", "string"]}
AMOUNT: Schema = {"type": ["number", "string"]}
SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}


def refer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def one_of(*kinds: Schema) -> Schema:
    return {"oneOf": list(kinds)}


def list_of(items: Schema, *, once: bool = False) -> Schema:
    """A list; `once`: no entry twice."""
    return {"type": "array", "items": items, **({"uniqueItems": True} if once else {})}


def words(*allowed: str) -> Schema:
    return {"type": "string", "enum": list(allowed)}


def between(least: int, most: int | None = None) -> Schema:
    """A whole number within limits, or text that a variable fills."""
    limits: Schema = {"type": "integer", "minimum": least, **({} if most is None else {"maximum": most})}
    return one_of(TEXT, limits)


def mapping(required: tuple[str, ...] = (), /, **keys: Schema) -> Schema:
    """A mapping of known keys; keys of the user's own that begin with x- may stand beside them."""
    return {
        "type": "object",
        "properties": keys,
        "additionalProperties": False,
        "patternProperties": {"^x-": {}},
        **({"required": list(required)} if required else {}),
    }


def closed(shape: Schema) -> Schema:
    """The same mapping without keys of the user's own."""
    return {key: value for key, value in shape.items() if key != "patternProperties"}


def optional(shape: Schema) -> Schema:
    """The same mapping, or nothing behind the key."""
    return {**shape, "type": ["object", "null"]}


def named(values: Schema, pattern: str = "^[a-zA-Z0-9._-]+$", *, strict: bool = True) -> Schema:
    """A mapping whose keys are names that the user chose."""
    shape: Schema = {"type": "object", "patternProperties": {pattern: values}}
    return {**shape, "additionalProperties": False} if strict else shape


TEXTS = list_of(TEXT)
TEXTS_ONCE = list_of(TEXT, once=True)
TEXT_OR_TEXTS = one_of(TEXT, TEXTS_ONCE)
COMMAND = one_of({"type": "null"}, TEXT, TEXTS)
PAIRS = one_of(named(SCALAR, ".+"), TEXTS_ONCE)
OPTIONS = named(AMOUNT, "^.+$", strict=False)
