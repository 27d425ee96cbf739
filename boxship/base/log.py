"""Logging of the daemons: one line an event on standard error, as text or as JSON."""

import json
import logging
import sys
import time
from typing import Any

LEVELS = ("debug", "info", "warn", "error", "fatal")
_NAMES = {"warn": "WARNING", "fatal": "CRITICAL"}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        level, text = record.levelname.lower(), json.dumps(record.getMessage())
        line = f'time="{stamp}.{int(record.msecs):03d}Z" level={level} msg={text}'
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {"time": record.created, "level": record.levelname.lower(), "msg": record.getMessage()}
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure(level: str, form: str = "text") -> None:
    """Send all logging to standard error. `level` is one of LEVELS, `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_NAMES.get(level, level.upper()))
