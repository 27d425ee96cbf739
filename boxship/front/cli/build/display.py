"""How a build's progress is shown: moving lines on a terminal, numbered lines elsewhere, JSON, or nothing."""

import base64
import json
import os
import re
import time
from collections.abc import Iterable
from typing import Any, Protocol, TextIO

Told = dict[str, Any]
TAIL = 6  # lines of a running step's output
GREY, BLUE, RED, YELLOW, PLAIN = "\x1b[2m", "\x1b[34m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
_SETTING = re.compile(r"\[(?!internal|context)(?:\S+/\S+ )?[^\] ]+\] ")
_TIME = re.compile(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(\.\d+)?")


class Display(Protocol):
    def feed(self, told: Told) -> None: ...

    def close(self) -> None: ...


def display(style: str, out: TextIO) -> Display:
    match style:
        case "quiet":
            return Quiet()
        case "rawjson":
            return RawJson(out)
        case "plain":
            return PlainLines(out)
    return Terminal(out) if style == "tty" or out.isatty() else PlainLines(out)


class Quiet:
    def feed(self, told: Told) -> None:
        return None

    def close(self) -> None:
        return None


class RawJson:
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def feed(self, told: Told) -> None:
        self._out.write(json.dumps(told, separators=(",", ":")) + "\n")
        self._out.flush()

    def close(self) -> None:
        return None


def seconds(text: str) -> float:
    """Return an RFC 3339 time in seconds; only differences count."""
    match = _TIME.match(text)
    if match is None:
        return 0.0
    days = int(match[3]) * 86400
    return days + int(match[4]) * 3600 + int(match[5]) * 60 + int(match[6]) + float(match[7] or 0)


def shorten(name: str) -> str:
    """Return a step's name in one line."""
    return " ".join(name.split())


def amount(size: int) -> str:
    from boxship.base.units import human_size

    return human_size(size, digits=3)


class Step:
    """One vertex. number: in the order in which steps were first heard of while running."""

    def __init__(self, told: Told) -> None:
        self.name = shorten(told["name"])
        self.number = 0
        self.started = 0.0
        self.completed = 0.0
        self.cached = False
        self.error = ""
        self.lines: list[str] = []
        self.rest = b""
        self.statuses: dict[str, Told] = {}

    def take(self, told: Told) -> None:
        if told.get("started"):
            self.started = seconds(told["started"])
        if told.get("completed"):
            self.completed = seconds(told["completed"])
        self.cached = bool(told.get("cached"))
        self.error = told.get("error", "")

    def wrote(self, data: bytes) -> list[str]:
        """Return the lines that have become whole."""
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def last(self) -> list[str]:
        rest, self.rest = self.rest, b""
        return [rest.decode(errors="replace").rstrip("\r")] if rest else []

    @property
    def spent(self) -> float:
        return max(0.0, self.completed - self.started)


class Steps:
    """All steps so far, by their digests."""

    def __init__(self) -> None:
        self.all: dict[str, Step] = {}
        self.warnings: list[Told] = []

    def of(self, told: Told) -> Step:
        digest = told["digest"]
        if digest not in self.all:
            self.all[digest] = Step(told)
        return self.all[digest]

    def number(self, step: Step) -> None:
        if not step.number:
            step.number = 1 + max((each.number for each in self.all.values()), default=0)


class PlainLines:
    """`#4 [2/3] RUN make`, its output, `#4 DONE 1.2s`. Steps that only change settings are passed over in silence."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._steps = Steps()
        self._last = 0

    def feed(self, told: Told) -> None:
        for each in told.get("vertexes") or ():
            self._vertex(each)
        for each in told.get("statuses") or ():
            self._status(each)
        for each in told.get("logs") or ():
            self._log(each)
        self._steps.warnings += told.get("warnings") or ()
        self._out.flush()

    def _head(self, step: Step) -> None:
        if not step.number:
            self._steps.number(step)
        elif step.number == self._last:
            return
        self._out.write(f"{'' if not self._last else chr(10)}#{step.number} {step.name}\n")
        self._last = step.number

    def _vertex(self, told: Told) -> None:
        step = self._steps.of(told)
        before = step.started
        step.take(told)
        if step.started and not before and not is_setting(step):
            self._head(step)
        if told.get("completed") and not (is_setting(step) and not step.error):
            self._head(step)
            for line in step.last():
                self._line(step, line)
            self._out.write(f"#{step.number} {_end(step)}\n")

    def _status(self, told: Told) -> None:
        step = self._steps.all.get(told["vertex"])
        if step is None or not told.get("completed"):
            return
        self._head(step)
        size = f" {amount(told['current'])}" if told.get("total", 0) > 1 else ""
        self._out.write(f"#{step.number} {told['id']}{size} done\n")

    def _log(self, told: Told) -> None:
        step = self._steps.all.get(told["vertex"])
        if step is None:
            return
        for line in step.wrote(base64.b64decode(told["data"])):
            self._head(step)
            self._line(step, line, seconds(told["timestamp"]) - step.started)

    def _line(self, step: Step, line: str, at: float | None = None) -> None:
        stamp = f"{at:.3f} " if at is not None else ""
        self._out.write(f"#{step.number} {stamp}{line}\n")

    def close(self) -> None:
        self._out.write(warned(self._steps.warnings))
        self._out.flush()


def _end(step: Step) -> str:
    if step.error == "context canceled":
        return "CANCELED"
    if step.error:
        return f"ERROR: {step.error.splitlines()[0]}"
    return "CACHED" if step.cached else f"DONE {step.spent:.1f}s"


def is_setting(step: Step) -> bool:
    """Tell whether a step changes settings only, which nobody waits for: its name has a stage, but no number."""
    return bool(_SETTING.match(step.name)) and "ONBUILD" not in step.name[:60]


def warned(warnings: Iterable[Told]) -> str:
    """Return what the rules have said, for the end."""
    found = [each for each in warnings if each.get("rule") != "UnusedBuildArg"]
    unused = [each["short"] for each in warnings if each.get("rule") == "UnusedBuildArg"]
    text = f"\n[Warning] One or more build-args {unused} were not consumed\n" if unused else ""
    if found:
        count = f"{len(found)} warning{'s' if len(found) > 1 else ''}"
        text += f"\n {count} found (use --check to see more):\n"
        text += "".join(f" - {each['rule']}: {each['short']} (line {each['line']})\n" for each in found)
    return text


class Terminal:
    """A block of lines that is drawn anew as things change; what failed is shown whole at the end."""

    def __init__(self, out: TextIO, *, width: int = 0, height: int = 0) -> None:
        self._out = out
        self._steps = Steps()
        self._drawn = 0
        self._at = 0.0
        self._began = time.monotonic()
        columns, lines = width, height
        if not columns:
            try:
                columns, lines = os.get_terminal_size(out.fileno())
            except (OSError, ValueError):
                columns, lines = 80, 24
        self._width, self._height = columns or 80, lines or 24

    def feed(self, told: Told) -> None:
        for each in told.get("vertexes") or ():
            step = self._steps.of(each)
            step.take(each)
            if step.started:
                self._steps.number(step)
        for each in told.get("statuses") or ():
            found = self._steps.all.get(each["vertex"])
            if found is not None:
                found.statuses[each["id"]] = each
        for each in told.get("logs") or ():
            found = self._steps.all.get(each["vertex"])
            if found is not None:
                found.lines += found.wrote(base64.b64decode(each["data"]))
        self._steps.warnings += told.get("warnings") or ()
        if time.monotonic() - self._at > 0.08:
            self._draw(whole=False)

    def close(self) -> None:
        self._draw(whole=True)
        for step in self._steps.all.values():
            if step.error and step.error != "context canceled":
                self._out.write("------\n > " + step.name + ":\n")
                self._out.write("".join(f"{line}\n" for line in [*step.lines[-30:], *step.last()]) + "------\n")
        self._out.write(warned(self._steps.warnings))
        self._out.flush()

    def _draw(self, *, whole: bool) -> None:
        self._at = time.monotonic()
        shown = sorted((s for s in self._steps.all.values() if s.number and not _silent(s)), key=lambda s: s.number)
        done = sum(1 for s in shown if s.completed)
        spent = self._at - self._began
        lines = [f"{BLUE}[+] Building {spent:.1f}s ({done}/{len(shown)}){' FINISHED' if whole else ''}{PLAIN}"]
        for step in shown:
            lines += self._rows(step)
        room = self._height - 1
        if not whole and len(lines) > room:
            lines = [lines[0], *lines[-(room - 1) :]]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "\r\x1b[J" + "".join(f"{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    def _rows(self, step: Step) -> list[str]:
        now = step.spent if step.completed else 0.0
        mark = "CACHED " if step.cached and step.completed else "ERROR " if step.error and step.completed else ""
        colour = RED if step.error else BLUE if step.completed else ""
        time_shown = f"{now:.1f}s" if step.completed else ""
        text = self._cut(f" => {mark}{step.name}", len(time_shown) + 1)
        rows = [f"{colour}{text.ljust(self._width - len(time_shown) - 1)}{time_shown}{PLAIN if colour else ''}"]
        if not step.completed:
            for status in list(step.statuses.values())[-TAIL:]:
                rows.append(self._cut(f" => => {status['id']} {_amounts(status)}", 1))
            for line in step.lines[-TAIL:]:
                rows.append(GREY + self._cut(f" => => # {line}", 1) + PLAIN)
        return rows

    def _cut(self, text: str, room: int) -> str:
        text = "".join(c if c.isprintable() else " " for c in text)
        return text[: max(10, self._width - room)]


def _silent(step: Step) -> bool:
    return is_setting(step) and not step.error


def _amounts(status: Told) -> str:
    if status.get("total", 0) <= 1:
        return ""
    return f"{amount(status['current'])} / {amount(status['total'])}"
