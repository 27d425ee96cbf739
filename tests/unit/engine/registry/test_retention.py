import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.registry.options import Retention
from boxship.engine.registry.retention import DropManifest, DropTag, Tagged, Untagged, plan, render

DAY = 86_400.0
NOW = 100 * DAY
TAGS = [Tagged("v1", 10 * DAY), Tagged("v2", 50 * DAY), Tagged("v3", 99 * DAY), Tagged("pr-1", 20 * DAY)]
LOOSE = [Untagged("sha256:old", 10 * DAY), Untagged("sha256:new", 99 * DAY)]

CASES = {
    "no rules, no loss": ([], ""),
    "other repositories' rules": ([Retention(repositories="else/*", keep=1)], ""),
    "a rule that asks for nothing protects": ([Retention()], ""),
    "the newest stay": ([Retention(tags="v*", keep=1)], "untag v2: not among the 1 newest of v*\n"
                        "untag v1: not among the 1 newest of v*"),
    "young ones stay too": ([Retention(tags="v*", keep=1, within=60 * DAY)],
                            "untag v1: not among the 1 newest of v* and older than 5.184e+06 s"),
    "the first rule decides": ([Retention(tags="v1"), Retention(tags="*", within=60 * DAY)],
                               "untag pr-1: not among the 0 newest of * and older than 5.184e+06 s"),
    "untagged manifests by age": ([Retention(untagged=7 * DAY)],
                                  "remove sha256:old: untagged for more than 604800 s"),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "text"), CASES.values(), ids=CASES)
def test_plan(rules: list[Retention], text: str) -> None:
    assert render(plan(rules, "team/app", TAGS, LOOSE, NOW)) == text


rules = st.lists(
    st.builds(
        Retention,
        tags=st.sampled_from(["*", "v*", "pr-*"]),
        keep=st.integers(0, 3),
        within=st.sampled_from([0.0, DAY, 30 * DAY]),
        untagged=st.sampled_from([None, 0.0, DAY]),
    ),
    max_size=3,
)
tags = st.lists(
    st.builds(Tagged, st.sampled_from(["v1", "v2", "v3", "pr-1", "pr-2", "x"]), st.floats(0, NOW)),
    unique_by=lambda tag: tag.name,
)


@given(rules, tags)
def test_it_settles_and_keeps_what_it_promises(given_rules: list[Retention], given_tags: list[Tagged]) -> None:
    dropped = {a.name for a in plan(given_rules, "r", given_tags, [], NOW) if isinstance(a, DropTag)}
    left = [tag for tag in given_tags if tag.name not in dropped]
    assert plan(given_rules, "r", left, [], NOW) == ()
    for rule in given_rules[:1]:
        if rule.tags == "*" and rule.keep:
            assert len(left) >= min(rule.keep, len(given_tags))


def test_untagged_manifests_are_named_by_digest() -> None:
    actions = plan([Retention(untagged=0.0)], "r", [], LOOSE, NOW)
    assert actions == tuple(DropManifest(m.digest, "untagged for more than 0 s") for m in LOOSE)
