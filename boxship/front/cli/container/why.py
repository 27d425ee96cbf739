"""`why`: in one screen, why a container is in its state, from what the daemon has recorded."""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

from boxship.base.errors import PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import path
from boxship.front.cli.flags import Parsed
from boxship.front.cli.inspect import FORMAT
from boxship.front.client.api import ApiError
from boxship.front.client.verdict.decide import decide
from boxship.front.client.verdict.facts import Facts, Happening, Verdict

LINES, HAPPENINGS = 8, 8  # how many of them fit on a screen beside the rest
_NOISE = ("exec_", "attach", "top", "resize", "archive-path", "extract-to-dir", "export", "copy", "commit")


def why(session: Session, parsed: Parsed) -> int:
    """Return 0 when all of them are well, else 1."""
    code = 0
    for ref in parsed.args:
        facts = gather(session, ref)
        verdict = decide(facts)
        session.say(_formatted(parsed.text("format"), facts, verdict) or screen(facts, verdict))
        code = code or int(not verdict.well)
    return code


def gather(session: Session, ref: str) -> Facts:
    """Ask the daemon for all that it knows of a container, also of one that has gone. Raises PlatformError."""
    now = time.time()
    try:
        found: Mapping[str, Any] | None = session.client.get(f"{path(ref)}/json")
    except ApiError as error:
        if error.code != 404:
            raise
        found = None
    name = str(found["Name"]).removeprefix("/") if found else ref
    happenings = _happenings(session, found["Id"] if found else ref, now)
    lines = _lines(session, found) if found else ()
    others = tuple(session.client.get("/containers/json", {"all": True}) or ())
    return Facts(name=name, now=now, inspect=found, happenings=happenings, lines=lines, others=others)


def _happenings(session: Session, ref: str, now: float) -> tuple[Happening, ...]:
    """Ask our daemon's chronicle; a dockerd has its last events only."""
    try:
        found = session.client.get("/boxship/chronicle", {"container": ref})["Events"]
    except ApiError:
        query = {"since": "1", "until": f"{now:.9f}", "filters": {"type": ["container"], "container": [ref]}}
        found = [json.loads(line) for line in session.client.stream("GET", "/events", query).lines()]
    return tuple(_happening(event) for event in found)


def _happening(event: Mapping[str, Any]) -> Happening:
    actor = event.get("Actor") or {}
    stamp = event.get("timeNano", 0) / 1e9
    return Happening(time=stamp, action=str(event.get("Action", "")), attributes=actor.get("Attributes") or {})


def _lines(session: Session, found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the end of its log; nothing where its driver cannot be read."""
    from boxship.front.cli.console import Frames

    query = {"stdout": True, "stderr": True, "tail": 4 * LINES}
    with contextlib.suppress(PlatformError):
        body = session.client.stream("GET", f"{path(found['Id'])}/logs", query).body()
        whole = body if found["Config"]["Tty"] else b"".join(payload for _, payload in Frames().feed(body))
        return tuple(line for line in whole.decode(errors="replace").splitlines() if line.strip())
    return ()


def screen(facts: Facts, verdict: Verdict) -> str:
    """Return the verdict, what shows it, what happened and what it said last: at most some twenty lines."""
    parts = [f"{facts.name} {verdict.text}.", *(f"  {line}" for line in verdict.details)]
    happened = [one for one in facts.happenings if not one.action.startswith(_NOISE)][-HAPPENINGS:]
    if happened and not verdict.well:
        parts += ["", "What happened:", *(f"  {_line(one)}" for one in happened)]
    if facts.lines and not verdict.well:
        parts += ["", "What it said last:", *(f"  {line[:160]}" for line in facts.lines[-LINES:])]
    if verdict.step:
        parts += ["", f"Next: {verdict.step}"]
    return "\n".join(parts)


def _line(one: Happening) -> str:
    shown = {"exitCode": "exit code", "signal": "signal"}
    told = ", ".join(f"{word} {one.attributes[key]}" for key, word in shown.items() if key in one.attributes)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.time))
    return f"{stamp}  {one.action}{f' ({told})' if told else ''}"


def _formatted(form: str, facts: Facts, verdict: Verdict) -> str:
    if not form:
        return ""
    row = {
        "Name": facts.name,
        "Cause": verdict.cause,
        "Text": verdict.text,
        "Details": list(verdict.details),
        "Step": verdict.step,
        "Well": verdict.well,
    }
    from boxship.front.cli import tables

    if form == "json":
        return tables.compact(row)
    from boxship.front.cli.template import parse, render

    return render(parse(tables.unescape(form)), row)


COMMANDS = {
    "why": Command(
        "[OPTIONS] CONTAINER [CONTAINER...]",
        why,
        (FORMAT,),
        1,
        examples="boxship why web\nboxship why -f '{{.Cause}}' web      one word, for scripts",
    )
}
