"""Answers to questions about Dockerfiles, as BuildKit's frontend gives them: values for JSON, and texts. Pure."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from boxship.engine.build.api import BuildSpec, Checked
from boxship.engine.build.dockerfile.values import Arg, Run, Stage
from boxship.engine.build.graph import Seen

_PLACE = re.compile(r"line (\d+)")
REQUESTS: list[dict[str, Any]] = [
    {
        "name": name,
        "version": "1.0.0",
        "type": "rpc",
        "description": description,
        "opts": [{"name": "target", "description": "Target build stage"}] if name == "frontend.outline" else [],
        "inputs": None,
        "metadata": [{"name": "result.json", "description": ""}, {"name": "result.txt", "description": ""}],
        "refs": None,
    }
    for name, description in (
        ("frontend.outline", "List all parameters current build target supports"),
        ("frontend.targets", "List all targets current build supports"),
        ("frontend.lint", "Lint a Dockerfile"),
        ("frontend.subrequests.describe", "List available subrequest types"),
    )
]


def _table(rows: Iterable[Sequence[str]], gap: int) -> str:
    """Return lines with columns as wide as their widest cell."""
    lines = [list(row) for row in rows]
    widths = [max(len(row[at]) for row in lines) + gap for at in range(len(lines[0]) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] + "\n" for row in lines
    )


def requests_text() -> str:
    rows = [("NAME", "VERSION", "DESCRIPTION"), *((r["name"], r["version"], r["description"]) for r in REQUESTS)]
    return _table(rows, 1)


# ---- what it takes


def outline(seen: Seen, spec: BuildSpec) -> dict[str, Any]:
    """Return arguments, secrets, ssh agents and cache mounts of the wanted stage and what it needs."""
    stages = [planned.stage for planned in seen.plan.stages]
    target = seen.plan.stage(seen.plan.target).stage
    found = {
        "name": target.name if spec.target else "",
        "description": _description(target),
        "args": list(_args(seen, stages)),
        "secrets": list(_mounts(stages, "secret")),
        "ssh": list(_mounts(stages, "ssh")),
    }
    return {name: value for name, value in found.items() if value}


def _args(seen: Seen, stages: Sequence[Stage]) -> Iterator[dict[str, str]]:
    inner = [each for stage in stages for each in stage.instructions if isinstance(each, Arg)]
    known: set[str] = set()
    for arg in (*seen.dockerfile.args, *inner):
        for name, default in arg.pairs:
            if name in known:
                continue
            known.add(name)
            value = seen.scope.args.get(name) or seen.scope.given.get(name) or default
            yield {"name": name, **({"value": value} if value else {})}


def _mounts(stages: Sequence[Stage], kind: str) -> Iterator[dict[str, Any]]:
    known: set[str] = set()
    for run in (each for stage in stages for each in stage.instructions if isinstance(each, Run)):
        for text in run.mounts:
            words = dict(part.partition("=")[::2] for part in text.split(","))
            if words.get("type") != kind:
                continue
            name = words.get("id") or words.get("target", "").rpartition("/")[2] or "default"
            if name not in known:
                known.add(name)
                needed = words.get("required", "false") in ("", "true", "1") and "required" in words
                yield {"name": name, **({"required": True} if needed else {})}


def outline_text(found: dict[str, Any]) -> str:
    text = ""
    if found.get("name") or found.get("description"):
        rows = [("TARGET:", found.get("name") or "(default)")]
        if found.get("description"):
            rows.append(("DESCRIPTION:", found["description"]))
        text += _table(rows, 1) + "\n"
    if found.get("args"):
        rows3 = [("BUILD ARG", "VALUE", "DESCRIPTION"), *((a["name"], a.get("value", ""), "") for a in found["args"])]
        text += _table(rows3, 3) + "\n"
    for key, head in (("secrets", "SECRET"), ("ssh", "SSH")):
        if found.get(key):
            rows = [(head, "REQUIRED"), *((m["name"], "true" if m.get("required") else "") for m in found[key])]
            text += _table(rows, 3) + "\n"
    return text


# ---- targets


def targets(seen: Seen) -> dict[str, Any]:
    last = len(seen.dockerfile.stages) - 1
    listed = []
    for stage in seen.dockerfile.stages:
        one = {"name": stage.name, "default": stage.index == last, "description": _description(stage)}
        one |= {"base": stage.base.image, "platform": stage.base.platform}
        listed.append({key: value for key, value in one.items() if value})
    return {"targets": listed}


def targets_text(found: dict[str, Any]) -> str:
    rows = [("TARGET", "DESCRIPTION")]
    for target in found["targets"]:
        name = target.get("name", "")
        if target.get("default"):
            name = f"{name} (default)" if name else "(default)"
        rows.append((name, target.get("description", "")))
    return _table(rows, 1)


def _description(stage: Stage) -> str:
    """Return the comment right above a FROM that begins with the stage's name, as its description."""
    line = stage.base.line
    if not stage.name or line.first < 2 or len(line.source) < line.first - 1:
        return ""
    above = line.source[line.first - 2].strip()
    head, _, rest = above.removeprefix("#").strip().partition(" ")
    return rest if above.startswith("#") and head.lower() == stage.name.lower() else ""


# ---- what is wrong


def lint(checked: Checked, file: str, text: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "warnings": [
            {
                "ruleName": warned.rule,
                "description": warned.detail,
                "url": warned.url,
                "detail": warned.text,
                "location": {"ranges": [{"start": {"line": warned.line}, "end": {"line": warned.line}}]},
            }
            for warned in checked.warnings
        ],
        "sources": [{"filename": file, "data": base64.b64encode(text).decode(), "language": "Dockerfile"}],
    }
    if checked.error:
        place = _PLACE.search(checked.error)
        line = int(place[1]) if place else 0
        where = {"location": {"ranges": [{"start": {"line": line}, "end": {"line": line}}]}} if line else {}
        found["buildError"] = {"message": checked.error.partition("\n")[0], **where}
    return found


def lint_text(found: dict[str, Any], text: bytes) -> str:
    lines = text.decode(errors="replace").splitlines()
    file = found["sources"][0]["filename"]
    shown = ""
    for warned in found["warnings"]:
        at = warned["location"]["ranges"][0]["start"]["line"]
        url = f" - {warned['url']}" if warned["url"] else ""
        shown += f"\nWARNING: {warned['ruleName']}{url}\n{warned['detail']}\n" + _excerpt(lines, file, at)
    if "buildError" in found:
        shown += f"\nERROR: {found['buildError']['message']}\n"
    return shown


def _excerpt(lines: Sequence[str], file: str, at: int) -> str:
    if not 0 < at <= len(lines):
        return ""
    first, last = max(1, at - 2), min(len(lines), at + 2)
    body = "".join(f" {n:3} | {'>>>' if n == at else '   '} {lines[n - 1]}\n" for n in range(first, last + 1))
    rule = "-" * 20
    return f"{file}:{at}\n{rule}\n{body}{rule}\n"
