"""Which rules let published ports pass the host's firewall, as its owner wishes."""

import json

import pytest

from boxship.engine.networks.opening import Chain, Rule, chains, comment, own_chains, plan, rules

HERE = Chain("ip", "filter", "FORWARD")
OURS = comment("t")
INSERT = f'insert rule ip filter FORWARD meta mark and 0x10000000 == 0x10000000 counter accept comment "{OURS}"'


def chain(
    table: str, name: str, hook: str = "forward", family: str = "inet", kind: str = "filter"
) -> dict[str, object]:
    return {"chain": {"family": family, "table": table, "name": name, "hook": hook, "type": kind, "prio": 0}}


def test_the_forward_chains_of_others() -> None:
    found = [
        chain("filter", "FORWARD", family="ip"), chain("filter", "INPUT", "input", family="ip"),
        chain("mine", "pass"), chain("mine", "route", kind="route"), chain("b", "x", family="bridge"),
        chain("t", "forward"), chain("t", "opening"), chain("other", "forward"),
        chain("other_state", "tracked", "prerouting"),
        {"chain": {"family": "inet", "table": "mine", "name": "jumped"}},
    ]  # fmt: skip
    listed = json.dumps({"nftables": [{"metainfo": {}}, *found]})
    assert chains(listed, "t") == [HERE, Chain("inet", "mine", "pass")]
    assert chains("", "t") == []


def test_rules_in_order() -> None:
    listed = json.dumps({"nftables": [{"rule": {"handle": 7, "comment": "a"}}, {"rule": {"handle": 3}}]})
    assert rules(listed) == [Rule(7, "a"), Rule(3, "")]


CASES = {
    "not there": ([Rule(1, "")], True, [INSERT]),
    "an empty chain that drops": ([], True, [INSERT]),
    "in its place": ([Rule(9, OURS), Rule(1, "")], True, []),
    "behind another": ([Rule(1, ""), Rule(9, OURS)], True, ["delete rule ip filter FORWARD handle 9", INSERT]),
    "twice": (
        [Rule(9, OURS), Rule(8, OURS)], True,
        ["delete rule ip filter FORWARD handle 9", "delete rule ip filter FORWARD handle 8", INSERT],
    ),
    "not wanted": ([Rule(9, OURS), Rule(1, "")], False, ["delete rule ip filter FORWARD handle 9"]),
    "not wanted and not there": ([Rule(1, comment("other"))], False, []),
}  # fmt: skip


@pytest.mark.parametrize(("present", "on", "commands"), CASES.values(), ids=CASES)
def test_plan(present: list[Rule], on: bool, commands: list[str]) -> None:
    assert plan(HERE, present, "t", on) == commands


def test_our_chains_go_when_they_are_not_wanted() -> None:
    assert sum(line.startswith("delete chain") for line in own_chains("t", False)) == 2
    assert not any(line.startswith("delete chain") for line in own_chains("t", True))
