"""The verdict over a container, from facts written down. The real faults are in tests/e2e/test_why.py."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.client.verdict.codes import meaning, signal_of
from boxship.front.client.verdict.decide import decide
from boxship.front.client.verdict.facts import Facts, Happening
from boxship.front.client.verdict.lines import HINTS, hint
from boxship.front.client.verdict.starts import RULES, failed_start

NOW = 1_700_000_000.0
PORT = "driver failed programming external connectivity on endpoint web: "


def facts(
    status: str, code: int = 0, *, error: str = "", happened: str = "", lines: tuple[str, ...] = (), **more: Any
) -> Facts:
    """happened: `start kill=15 die=0 stop`, a second apart, the last one now."""
    words = happened.split()
    happenings = tuple(
        Happening(time=NOW - len(words) + n, action=word.partition("=")[0], attributes=_attributes(word))
        for n, word in enumerate(words)
    )
    state = {
        "Status": status,
        "ExitCode": code,
        "Error": error,
        "Running": status == "running",
        **more.pop("state", {}),
    }
    inspect = {"Id": "a" * 64, "State": state, "Config": {"Image": "img"}, "HostConfig": {}, **more}
    return Facts(name="web", now=NOW, inspect=inspect, happenings=happenings, lines=lines)


def _attributes(word: str) -> dict[str, str]:
    action, _, value = word.partition("=")
    return {"kill": {"signal": value}, "die": {"exitCode": value}}.get(action, {})


CASES = {
    "well": (facts("running"), "runs"),
    "made": (facts("created"), "never-started"),
    "done": (facts("exited", 0, happened="start die=0"), "finished"),
    "stopped": (facts("exited", 0, happened="start kill=15 die=0 stop"), "stopped"),
    "stopped in an earlier run only": (facts("exited", 0, happened="start kill=15 die=0 stop start die=0"), "finished"),
    "deaf": (facts("exited", 137, happened="start kill=15 kill=9 die=137 stop"), "stopped-hard"),
    "killed": (facts("exited", 137, happened="start kill=9 die=137"), "killed"),
    "a signal long before": (facts("exited", 1, happened="start kill=10 pause unpause update die=1"), "failed"),
    "nobody's signal": (facts("exited", 137, happened="start die=137"), "killed-outside"),
    "no events left": (facts("exited", 137), "killed-outside"),
    "memory": (facts("exited", 137, happened="start oom die=137", state={"OOMKilled": True}), "oom"),
    "a crash": (facts("exited", 139, happened="start die=139"), "crashed"),
    "told by its lines": (facts("exited", 1, lines=("x", "bind: Address already in use")), "address-in-use"),
    "the newest line counts": (
        facts("exited", 1, lines=("Permission denied", "", "Connection refused")),
        "refused",
    ),
    "paused": (facts("paused"), "paused"),
    "gone": (Facts(name="web", now=NOW, happenings=facts("", happened="start die=3 destroy").happenings), "removed"),
    "never heard of": (Facts(name="web", now=NOW), "unknown"),
    "a failed start": (facts("created", 128, error="network nowhere not found"), "no-network"),
    "a second start that failed": (facts("exited", 128, error="no such device /dev/x"), "no-device"),
}


@pytest.mark.parametrize(("known", "cause"), CASES.values(), ids=CASES)
def test_causes(known: Facts, cause: str) -> None:
    assert decide(known).cause == cause


STARTS = {
    PORT + "Bind for 0.0.0.0:8080 failed: port is already allocated": (
        "port-taken",
        "port 8080 is taken by the container db",
    ),
    PORT + "failed to bind host port 0.0.0.0:80/tcp: address already in use": (
        "port-in-use",
        "port 80 of this machine",
    ),
    PORT + "failed to bind host port for 10.0.0.9:80:172.17.0.2:80/tcp: cannot assign requested address": (
        "no-address",
        "",
    ),
    'OCI runtime create failed: runc create failed: unable to start container process: exec: "x": executable file not '
    "found in $PATH: unknown": ("command-not-found", "x is not in the image"),
    'error during container init: exec: "/a": permission denied: unknown': ("not-executable", "/a cannot be executed"),
    "exec /app: exec format error": ("wrong-platform", "another kind of processor"),
    "cannot join network of a non running container: bbbb": ("no-peer", "namespace of db,"),
    "error while mounting volume '/x': failed to mount local volume: mount :/share:/x: no such host": (
        "mount-failed",
        "could not be mounted",
    ),
    "write /x: no space left on device": ("disk-full", ""),
    "something new": ("start-failed", "the daemon refused"),
}


@pytest.mark.parametrize("error", STARTS)
def test_starts(error: str) -> None:
    other = {"Id": "b" * 64, "Names": ["/db"], "Ports": [{"PrivatePort": 1, "PublicPort": 8080, "Type": "tcp"}]}
    known = facts("created", 128, error=error)
    verdict = failed_start(Facts(name="web", now=NOW, inspect=known.inspect, others=(other,)))
    cause, words = STARTS[error]
    assert verdict.cause == cause
    assert words in verdict.text


def test_a_policy_that_gave_up_is_told() -> None:
    policy = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}
    verdict = decide(facts("exited", 3, happened="start die=3", RestartCount=2, HostConfig=policy))
    assert "as often as --restart on-failure:2 allows" in verdict.text


def test_every_rule_has_a_next_step() -> None:
    assert all(rule.cause and rule.text and rule.step for rule in (*RULES, *HINTS))


@pytest.mark.parametrize(
    ("code", "word"), [(0, "without"), (137, "SIGKILL"), (143, "SIGTERM"), (127, "not found"), (77, "own")]
)
def test_codes_mean_something(code: int, word: str) -> None:
    assert word in meaning(code)


@given(st.integers(0, 255))
def test_every_code_has_a_meaning(code: int) -> None:
    assert meaning(code)
    assert signal_of(code) in range(65)


HAPPENED = st.lists(st.sampled_from(("start", "kill=9", "kill=15", "die=1", "stop", "oom")), max_size=9)


@given(st.integers(0, 255), HAPPENED, st.lists(st.text(max_size=40), max_size=4))
def test_something_is_always_said(code: int, happened: list[str], lines: list[str]) -> None:
    verdict = decide(facts("exited", code, happened=" ".join(happened), lines=tuple(lines)))
    assert verdict.text
    assert verdict.well or verdict.step


def test_nothing_is_read_into_other_lines() -> None:
    assert hint(["listening on port 80", "ready"]) is None
