"""Documents as tests: fenced `console` blocks hold commands after `$ ` (going on after `> `) and what they print.

`...` alone stands for any lines, within a line for any text; a last line `(exit N)` says that the command fails so.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MARK = "@@boxship@@"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"^\(exit (\d+)\)$")


@dataclass
class Step:
    command: str
    expected: list[str] = field(default_factory=list)
    code: int = 0


def steps(document: str) -> list[Step]:
    """Return the commands of a document, in order, with what is expected of each."""
    found: list[Step] = []
    for block in _BLOCK.findall(document):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> ") and not found[-1].expected:
                found[-1].command += f"\n{line[2:]}"
            elif (code := _EXIT.match(line)) is not None:
                found[-1].code = int(code[1])
            else:
                found[-1].expected.append(line)
    return found


def run(found: list[Step], folder: Path, environment: Mapping[str, str], timeout: float) -> Iterator[tuple[Step, str]]:
    """Carry out all in one shell; yield each with what is wrong with its output, "" if nothing."""
    script = "set -m\n" + "".join(f"{step.command}\nprintf '\\n{MARK}%s\\n' $?\n" for step in found)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
    )  # fmt: skip
    parts = re.split(rf"\n{MARK}(\d+)\n", done.stdout)
    for number, step in enumerate(found):
        if 2 * number + 1 >= len(parts):
            yield step, "the shell ended before"
            return
        yield step, wrong(step, parts[2 * number].strip("\n"), int(parts[2 * number + 1]))


def wrong(step: Step, printed: str, code: int) -> str:
    """Return how output and code differ from what is expected, "" if they do not."""
    if code != step.code:
        return f"exit code {code}, not {step.code}:\n{printed}"
    if not re.fullmatch(pattern(step.expected), f"{printed}\n" if printed else ""):
        return f"printed:\n{printed}\nexpected:\n" + "\n".join(step.expected)
    return ""


def pattern(expected: list[str]) -> str:
    """Return a regular expression for the expected lines, each with its end."""
    any_lines = r"(?:[^\n]*\n)*"
    parts = [any_lines if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n" for line in expected]
    return "".join(parts)
