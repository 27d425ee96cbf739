"""What a runtime says when it fails, in the words that Docker's clients look for. Pure.

The docker CLI tells exit codes 125, 126 and 127 apart by the text of an error alone.
"""

import json
import re

from boxship.base.errors import CommandNotFound, CommandNotRunnable, RuntimeFailed

CREATE = "failed to create task for container: failed to create shim task: OCI runtime create failed"
START = "failed to start container: OCI runtime start failed"
UPDATE = "OCI runtime update failed"
EXEC = "OCI runtime exec failed: exec failed"
_MISSING = ("executable file not found", "no such file or directory")
_WRONG_KIND = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
_LOGRUS = re.compile(r'level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"')
_NOT_FOUND = re.compile(r"^executable file `(.*)` not found(?: in \$PATH)?")
_NOT_RUNNABLE = re.compile(r"^the path `.*` (?:exists but it is not executable|is not a regular file)")  # crun 1.19
# The C library's texts as Go writes them, which is what clients know.
_ERRNO_TEXT = re.compile(r": ([A-Z][a-z]+(?: [A-Za-z]+)+)$")


def failure(stage: str, raw: str, command: str = "") -> RuntimeFailed:
    """Return the error to raise for the runtime's own message `raw`. command: first word of what should have run."""
    reason = _reason(_own_words(raw), command)
    text = f"{stage}: {reason}: unknown"
    if any(sign in reason for sign in _MISSING):
        return CommandNotFound(text)
    if "not a directory" in reason and "mount" in reason:
        return CommandNotRunnable(text + _WRONG_KIND)
    if "permission denied" in reason or reason.endswith(": is a directory"):
        return CommandNotRunnable(text)
    return RuntimeFailed(text)


def _own_words(raw: str) -> str:
    """Return the last error in `raw`: JSON lines, logrus lines (runc) or plain text (crun)."""
    lines = [line for line in raw.strip().splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                return str(json.loads(line)["msg"])
            except (ValueError, KeyError):
                continue
        if match := _LOGRUS.search(line):
            return match[1].replace('\\"', '"').replace("\\\\", "\\")
    return lines[-1].strip() if lines else "the runtime gave no reason"


def _reason(text: str, command: str) -> str:
    """Return `text` in Docker's shape; crun names errors differently from runc."""
    text = text.removeprefix("runc create failed: ").removeprefix("exec failed: ")
    if match := _NOT_FOUND.match(text):
        return _not_found(match[1])
    if text.startswith(("open executable:", "exec `")) or _NOT_RUNNABLE.match(text):
        denied = "Operation not permitted" in text or "Permission denied" in text
        reason = "permission denied" if denied else _go_style(text).rpartition(": ")[2]
        return f'unable to start container process: exec: "{command}": {reason}'
    return _go_style(text)


def _not_found(program: str) -> str:
    if "/" in program:
        return f'unable to start container process: exec: "{program}": stat {program}: no such file or directory'
    return f'unable to start container process: exec: "{program}": executable file not found in $PATH'


def _go_style(text: str) -> str:
    return _ERRNO_TEXT.sub(lambda match: ": " + match[1].lower(), text)
