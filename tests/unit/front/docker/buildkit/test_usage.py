"""Which records of the cache are asked for."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.build.prune import PruneWish, Record
from boxship.front.docker.buildkit import usage
from boxship.front.docker.buildkit.pb import control_pb2 as pb


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], {}),
        (["type==regular"], {"type": ["regular"]}),
        (["type=regular,shared"], {"type": ["regular"], "shared": ["true"]}),
        (["description~==RUN make"], {"description": ["RUN make"]}),
    ],
)
def test_filters(asked: list[str], found: dict[str, list[str]]) -> None:
    assert usage.filters_of(asked) == found


@pytest.mark.parametrize("asked", ["type!=regular", "id~=x", "description~=a.*b"])
def test_other_comparisons_are_refused(asked: str) -> None:
    with pytest.raises(Invalid, match="name=value"):
        usage.filters_of([asked])


def test_what_is_to_go() -> None:
    request = pb.PruneRequest(all=True, filter=["type=regular"], keep_duration=7_000_000_000, reserved_space=9)
    assert usage.wish_of(request) == PruneWish(all=True, keep=9, filters={"type": ["regular"], "until": ["7"]})


def test_a_record() -> None:
    shown = usage.record(Record(id="sha256:" + "a" * 64, kind="regular", text="t", size=5, created=1, used=0, uses=2))
    assert (shown.id, shown.size, shown.usage_count, shown.mutable) == ("a" * 25, 5, 2, False)
    assert not shown.HasField("last_used_at")
