"""The verdict over one container. Pure: facts in, one cause out, with what shows it and what to do."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from boxship.base.units import human_duration, human_size
from boxship.front.client.verdict.codes import CRASHES, meaning, name_of, signal_of
from boxship.front.client.verdict.facts import Facts, Happening, Verdict
from boxship.front.client.verdict.lines import hint
from boxship.front.client.verdict.starts import failed_start

NEVER = "0001"
_KILL = 9
REACTION = 2.0  # seconds between a signal and an end that it caused


def decide(facts: Facts) -> Verdict:
    """Return why the container is as it is."""
    if facts.inspect is None:
        return _gone(facts)
    status = facts.state.get("Status", "")
    if status == "running":
        return _running(facts)
    if status == "paused":
        return Verdict(cause="paused", text="is paused: its processes are frozen", step=f"boxship unpause {facts.name}")
    if status == "restarting":
        return _restarting(facts)
    if status == "created":
        return _created(facts)
    if status in ("removing", "dead"):
        step = f"boxship rm -f {facts.name}"
        return Verdict(cause="dead", text="is being removed, and that did not end well", step=step)
    return _exited(facts)


def _running(facts: Facts) -> Verdict:
    health = facts.state.get("Health") or {}
    since = _ago(facts, str(facts.state.get("StartedAt", "")))
    restarts = int((facts.inspect or {}).get("RestartCount") or 0)
    again = (f"it has been restarted {restarts} {'time' if restarts == 1 else 'times'}",) if restarts else ()
    if health.get("Status") == "unhealthy":
        return _unhealthy(facts, health, again)
    if health.get("Status") == "starting":
        text = f"runs{since}; its health check has not passed yet"
        return Verdict(cause="starting", text=text, details=(*_probe(health), *again))
    if facts.state.get("OOMKilled") or _last(facts, "oom"):
        text = f"runs{since}, but the kernel killed one of its processes for want of memory{_limit(facts)}"
        step = f"raise its limit: `boxship update --memory 1g --memory-swap 1g {facts.name}`"
        return Verdict(cause="oom-inside", text=text, details=again, step=step)
    return Verdict(cause="runs", text=f"runs{since}; nothing is wrong", details=again)


def _unhealthy(facts: Facts, health: Mapping[str, Any], again: tuple[str, ...]) -> Verdict:
    streak = health.get("FailingStreak", 0)
    text = f"runs but is unhealthy: its check failed {streak} times in a row"
    test = " ".join((facts.config.get("Healthcheck") or {}).get("Test") or ())
    details = (*_probe(health), *((f"the check is: {test}",) if test else ()), *again)
    step = f"try the check by hand: `boxship exec {facts.name} …`"
    return Verdict(cause="unhealthy", text=text, details=details, step=step)


def _probe(health: Mapping[str, Any]) -> tuple[str, ...]:
    log = health.get("Log") or []
    if not log:
        return ()
    said = str(log[-1].get("Output", "")).strip().splitlines()
    return (f"the last check ended with {log[-1].get('ExitCode')}{f': {said[-1][:200]}' if said else ''}",)


def _restarting(facts: Facts) -> Verdict:
    count = int((facts.inspect or {}).get("RestartCount") or 0)
    ended = _ended(facts)
    text = f"ends again and again, and is being restarted (so far {count} times): {ended.text}"
    step = ended.step or f"look at its log: `boxship logs {facts.name}`"
    return Verdict(cause="restarting", text=text, details=ended.details, step=step)


def _created(facts: Facts) -> Verdict:
    error = str(facts.state.get("Error", ""))
    if not error:
        return Verdict(cause="never-started", text="was made but never started", step=f"boxship start {facts.name}")
    found = failed_start(facts)
    details = (f"the daemon said: {error[:300]}",)
    return Verdict(cause=found.cause, text=f"could not be started: {found.text}", details=details, step=found.step)


def _exited(facts: Facts) -> Verdict:
    if facts.state.get("Error") and not _last(facts, "die"):
        return _created(facts)
    ended = _ended(facts)
    if ended.cause not in ("stopped", "stopped-hard", "killed") and (given_up := _given_up(facts)):
        text = f"{ended.text}; {given_up}"
        return Verdict(cause=ended.cause, text=text, details=ended.details, step=ended.step)
    return ended


def _given_up(facts: Facts) -> str:
    policy = facts.host.get("RestartPolicy") or {}
    count, most = int((facts.inspect or {}).get("RestartCount") or 0), int(policy.get("MaximumRetryCount") or 0)
    if policy.get("Name") == "on-failure" and most and count >= most and facts.state.get("ExitCode"):
        return f"it was restarted {count} times, as often as --restart on-failure:{most} allows"
    return ""


def _ended(facts: Facts) -> Verdict:
    """Why the last run ended: who ended it first, then what its code and its last lines tell."""
    code = int(facts.state.get("ExitCode") or 0)
    ago = _ago(facts, str(facts.state.get("FinishedAt", "")))
    if facts.state.get("OOMKilled"):
        return _out_of_memory(facts, code, ago)
    by_hand = _by_hand(facts, code, ago)
    if by_hand is not None:
        return by_hand
    if code == 0:
        return Verdict(cause="finished", text=f"finished its work{ago} without an error (exit code 0)")
    if signal_of(code):
        return _by_signal(facts, code, ago)
    return _failed(facts, code, ago)


def _out_of_memory(facts: Facts, code: int, ago: str) -> Verdict:
    text = f"ended{ago} because the kernel killed it for want of memory{_limit(facts)} (exit code {code})"
    step = f"raise its limit: `boxship update --memory 1g --memory-swap 1g {facts.name}`, then start it"
    return Verdict(cause="oom", text=text, step=step)


def _limit(facts: Facts) -> str:
    limit = int(facts.host.get("Memory") or 0)
    return f": its limit is {human_size(limit, 1024)}" if limit else ""


def _by_hand(facts: Facts, code: int, ago: str) -> Verdict | None:
    """`stop` and `kill` leave events: signals since the last start, and `stop` at the end."""
    run = _last_run(facts)
    signals = [_number(happening.attributes.get("signal", "")) for happening in run if happening.action == "kill"]
    if not signals:
        return None
    step = f"boxship start {facts.name}"
    if any(happening.action in ("stop", "restart") for happening in run):
        if _KILL in signals[1:]:
            first = name_of(signals[0])
            text = (
                f"was stopped{ago}: it did not end at {first} and was killed when its grace was over (exit code {code})"
            )
            return Verdict(cause="stopped-hard", text=text, details=(_deaf(facts, first),), step=step)
        text = f"was stopped{ago} with {name_of(signals[-1])}, and ended with exit code {code}"
        return Verdict(cause="stopped", text=text, step=step)
    if signal_of(code) in signals or _at_once(run):
        text = f"was killed{ago}: somebody sent it {name_of(signals[-1])} with `kill` (exit code {code})"
        return Verdict(cause="killed", text=text, step=step)
    return None


def _at_once(run: Sequence[Happening]) -> bool:
    """Tell whether the end followed the last signal so closely that it was the signal's doing."""
    sent = [happening.time for happening in run if happening.action == "kill"]
    died = [happening.time for happening in run if happening.action == "die"]
    return bool(sent and died) and 0 <= died[-1] - sent[-1] < REACTION


def _deaf(facts: Facts, signal: str) -> str:
    grace = facts.config.get("StopTimeout")
    return (
        f"a process with number 1 ignores {signal} unless it says what to do with it: --init or a handler helps"
        f"{f'; its grace is {grace} s' if grace is not None else ''}"
    )


def _by_signal(facts: Facts, code: int, ago: str) -> Verdict:
    number = signal_of(code)
    if number == _KILL:
        text = f"was killed{ago} by SIGKILL, but not through the daemon and not for its memory limit (exit code 137)"
        step = "look who did: `dmesg | grep -i kill` tells whether the whole machine ran out of memory"
        return Verdict(cause="killed-outside", text=text, step=step)
    if number in CRASHES:
        text = f"crashed{ago} with {meaning(code)} (exit code {code})"
        return Verdict(cause="crashed", text=text, step=f"its last lines may tell more: `boxship logs {facts.name}`")
    text = f"ended{ago} by {meaning(code)} (exit code {code}); the daemon did not send that"
    return Verdict(cause="signalled", text=text, step=f"boxship start {facts.name}")


def _failed(facts: Facts, code: int, ago: str) -> Verdict:
    found = hint(facts.lines)
    if found is not None:
        known, line = found
        cause = {126: "not-executable", 127: "command-not-found"}.get(code, known.cause)
        text = f"failed{ago} with exit code {code}: {known.text}"
        step = known.step.replace("NAME", facts.name)
        return Verdict(cause=cause, text=text, details=(f"it said: {line[:200]}",), step=step)
    cause = {126: "not-executable", 127: "command-not-found"}.get(code, "failed")
    text = f"failed{ago} with exit code {code}: {meaning(code)}"
    return Verdict(cause=cause, text=text, step=f"look at its log: `boxship logs {facts.name}`")


def _gone(facts: Facts) -> Verdict:
    """A container that is no more has only events."""
    if not any(happening.action == "destroy" for happening in facts.happenings):
        return Verdict(cause="unknown", text="is not known here", step="`boxship ps -a` lists what there is")
    ended = _last(facts, "die")
    code = ended.attributes.get("exitCode", "") if ended else ""
    told = f"; before that it ended with exit code {code} ({meaning(int(code))})" if code.isdecimal() else ""
    gone = _last(facts, "destroy")
    ago = f" {human_duration(max(facts.now - gone.time, 0))} ago" if gone else ""
    return Verdict(cause="removed", text=f"was removed{ago}{told}", step="make it again with `boxship run`")


def _last(facts: Facts, action: str) -> Happening | None:
    return next((happening for happening in reversed(facts.happenings) if happening.action == action), None)


def _last_run(facts: Facts) -> list[Happening]:
    """Return what happened since the last start."""
    starts = [index for index, happening in enumerate(facts.happenings) if happening.action == "start"]
    return list(facts.happenings[starts[-1] + 1 if starts else 0 :])


def _number(word: str) -> int:
    return int(word) if re.fullmatch(r"\d+", word) else 0


def _ago(facts: Facts, moment: str) -> str:
    """Return ` 3 minutes ago` for a time of the API, "" for one that never was."""
    from boxship.base.units import SECOND, parse_rfc3339

    if not moment or moment.startswith(NEVER):
        return ""
    passed = human_duration(max(facts.now - parse_rfc3339(moment) / SECOND, 0)).lower()
    return f" since {passed}" if facts.state.get("Running") else f" {passed} ago"
