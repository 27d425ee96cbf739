"""Records of the cache, and which of them are asked for. Pure."""

import re
from collections.abc import Mapping, Sequence

from boxship.base.errors import Invalid
from boxship.engine.build.prune import PruneWish, Record
from boxship.front.docker.buildkit.pb import control_pb2 as pb
from boxship.front.docker.buildkit.wire.status import stamp

SECOND = 1_000_000_000
_PLAIN = re.compile(r"[\w /:,=-]*")


def record(found: Record) -> pb.UsageRecord:
    return pb.UsageRecord(
        id=found.id.removeprefix("sha256:")[:25],
        mutable=found.kind != "regular",
        in_use=found.in_use,
        size=found.size,
        created_at=stamp(found.created),
        last_used_at=stamp(found.used) if found.used else None,
        usage_count=found.uses,
        description=found.text,
        record_type=found.kind,
        shared=found.shared,
    )


def filters_of(asked: Sequence[str]) -> dict[str, list[str]]:
    """Return filters by name. Each is name==value or name=value. Raises Invalid for other comparisons."""
    found: dict[str, list[str]] = {}
    for each in (part for line in asked for part in line.split(",") if part):
        name, equals, value = each.partition("=")
        value = value.removeprefix("=")
        if name == "description~" and _PLAIN.fullmatch(value):
            name = "description"  # which is looked for within the text in any case
        elif name.endswith(("!", "~")):
            raise Invalid(f"filter {each!r}: only name=value and description~=text can be asked for")
        found.setdefault(name, []).append(value if equals else "true")
    return found


def wish_of(request: pb.PruneRequest) -> PruneWish:
    filters: Mapping[str, Sequence[str]] = filters_of(request.filter)
    if request.keep_duration:
        filters = {**filters, "until": [str(request.keep_duration // SECOND)]}
    return PruneWish(all=request.all, keep=request.reserved_space, filters=filters)
