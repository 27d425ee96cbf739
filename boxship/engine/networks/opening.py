"""Docker's way with the host's firewall, for who wants it: what is published passes, whatever its forward chains say.

An `accept` ends only the chain it is in, so a table of ours cannot speak for others. Our table marks packets of
published ports before all chains that see forwarded packets, and takes the mark off behind them; the first rule of each
of those chains accepts what is marked. That rule has a comment that is this daemon's, by which it is found again.
Decides only; `Wall` carries it out.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

FAMILIES = ("ip", "ip6", "inet")
MARK = "0x10000000"
UNMARK = "0xefffffff"
HOOKS = {"opening": -500, "opened": 500}  # chain -> priority, before and behind all others


class Chain(NamedTuple):
    """A chain of somebody that sees forwarded packets."""

    family: str
    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"


class Rule(NamedTuple):
    handle: int
    comment: str


def comment(table: str) -> str:
    """Return how rules of the daemon with this table are told from others."""
    return f"published ports of {table}"


def own_chains(table: str, on: bool) -> list[str]:
    """Return the commands that mark, or that end marking, whether or not it was begun."""
    lines = []
    for chain, priority in HOOKS.items():
        hook = f"type filter hook forward priority {priority}; policy accept;"
        lines += [f"add chain inet {table} {chain} {{ {hook} }}", f"flush chain inet {table} {chain}"]
        if not on:
            lines.append(f"delete chain inet {table} {chain}")
    if on:
        lines += [
            f"add rule inet {table} opening ct status dnat {side} @bridges meta mark set meta mark or {MARK}"
            for side in ("oifname", "iifname")
        ]
        lines.append(
            f"add rule inet {table} opened meta mark and {MARK} == {MARK} meta mark set meta mark and {UNMARK}"
        )
    return lines


def chains(listed: str, table: str) -> list[Chain]:
    """Return the chains of others that may drop what is forwarded. listed: `list chains` as JSON.

    Tables of other Boxship daemons keep to their own bridges, and mend what is added to them."""
    found = list(_objects(listed, "chain"))
    ours = {table, *(each["table"].removesuffix("_state") for each in found if each["table"].endswith("_state"))}
    return [
        Chain(each["family"], each["table"], each["name"])
        for each in found
        if each.get("hook") == "forward" and each.get("type") == "filter" and each["family"] in FAMILIES
        and each["table"] not in ours
    ]  # fmt: skip


def rules(listed: str) -> list[Rule]:
    """Return the rules of one chain in order. listed: `list chain` as JSON."""
    return [Rule(found["handle"], found.get("comment", "")) for found in _objects(listed, "rule")]


def plan(chain: Chain, present: Iterable[Rule], table: str, on: bool) -> list[str]:
    """Return the commands that bring our rule to the chain's head, or take it away; [] when all is well."""
    present = list(present)
    ours = [rule for rule in present if rule.comment == comment(table)]
    if on and len(ours) == 1 and present[0] == ours[0]:
        return []
    gone = [f"delete rule {chain} handle {rule.handle}" for rule in ours]
    word = comment(table)
    come = f'insert rule {chain} meta mark and {MARK} == {MARK} counter accept comment "{word}"'
    return [*gone, come] if on else gone


def _objects(listed: str, kind: str) -> Iterator[dict[str, Any]]:
    for line in filter(None, listed.splitlines()):
        for found in json.loads(line).get("nftables", ()):
            if kind in found:
                yield found[kind]
