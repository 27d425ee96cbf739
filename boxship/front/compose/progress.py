"""Tell what goes on, as docker compose does: lines that move on a terminal, plain lines otherwise, or nothing."""

import sys
import threading
import time
from collections.abc import Mapping
from typing import TextIO

from boxship.front.compose.plan import steps

WORDS: Mapping[type[steps.Action], tuple[str, str]] = {
    steps.CreateNetwork: ("Creating", "Created"),
    steps.RemoveNetwork: ("Removing", "Removed"),
    steps.CreateVolume: ("Creating", "Created"),
    steps.RemoveVolume: ("Removing", "Removed"),
    steps.RemoveImage: ("Removing", "Removed"),
    steps.Pull: ("Pulling", "Pulled"),
    steps.Build: ("Building", "Built"),
    steps.Create: ("Creating", "Created"),
    steps.Revive: ("Reviving", "Revived"),
    steps.Start: ("Starting", "Started"),
    steps.Stop: ("Stopping", "Stopped"),
    steps.Restart: ("Restarting", "Restarted"),
    steps.Kill: ("Killing", "Killed"),
    steps.Pause: ("Pausing", "Paused"),
    steps.Unpause: ("Unpausing", "Unpaused"),
    steps.Remove: ("Removing", "Removed"),
    steps.TakePorts: ("Taking over", "Taken over"),
    steps.Drain: ("Draining", "Drained"),
    steps.PreStart: ("Preparing", "Prepared"),
    steps.Await: ("Waiting", "Healthy"),
    steps.Delay: ("Pausing update", "Going on"),
}
_MARKS = {"done": "\x1b[32m✔\x1b[0m", "failed": "\x1b[31m✘\x1b[0m", "warned": "\x1b[33m!\x1b[0m"}
_TURNING = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Board:
    """Takes what happens from any thread. mode: auto, tty, plain, quiet or json."""

    def __init__(self, out: TextIO | None = None, mode: str = "auto", title: str = "Running") -> None:
        self._out = out or sys.stderr
        self._mode = ("tty" if self._out.isatty() else "plain") if mode in ("auto", "") else mode
        self._title = title
        self._lines: dict[str, _Line] = {}
        self._drawn = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.prefix = ""

    @property
    def mode(self) -> str:
        """tty, plain, json or quiet."""
        return self._mode

    def tell(self, about: str, word: str, state: str = "going", detail: str = "") -> None:
        """Note a new state of something. state: going, done, failed or warned."""
        if self._mode == "quiet" or not word:
            return
        with self._lock:
            line = self._lines.setdefault(about, _Line(about))
            line.turn(f"{self.prefix}{word}", state, detail)
            if self._mode == "tty":
                self._turn_on()
            else:
                self._plain(about, line, state)

    def _plain(self, about: str, line: "_Line", state: str) -> None:
        if self._mode == "json":
            import json

            told = {"id": about, "status": line.word, "state": state, "text": line.detail}
            self._out.write(json.dumps({key: value for key, value in told.items() if value}) + "\n")
        else:
            self._out.write(f" {about}  {line.word} {line.detail}".rstrip() + "\n")
        self._out.flush()

    def _turn_on(self) -> None:
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._turn, daemon=True)
            self._thread.start()

    def _turn(self) -> None:
        while not self._stop.wait(0.1):
            with self._lock:
                self._draw()

    def close(self) -> None:
        """Draw the end; what follows begins below."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            with self._lock:
                self._draw()
        self._lines, self._drawn = {}, 0

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _draw(self) -> None:
        import shutil

        width, height = shutil.get_terminal_size()
        lines = list(self._lines.values())
        done = sum(1 for line in lines if line.state != "going")
        head = f"[+] {self._title} {done}/{len(lines)}"
        shown = [head, *(line.text(width) for line in lines[-(height - 2) :])]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in shown))
        self._out.flush()
        self._drawn = len(shown)


class _Line:
    def __init__(self, about: str) -> None:
        self.about, self.word, self.state, self.detail = about, "", "going", ""
        self._began = time.monotonic()
        self._ended = 0.0

    def turn(self, word: str, state: str, detail: str) -> None:
        self.word, self.state, self.detail = word, state, detail
        self._ended = 0.0 if state == "going" else time.monotonic()

    def text(self, width: int) -> str:
        now = self._ended or time.monotonic()
        mark = _MARKS.get(self.state) or _TURNING[int(time.monotonic() * 10) % len(_TURNING)]
        took = f"{now - self._began:.1f}s"
        body = f"{self.about}  {self.word} {self.detail}".rstrip()
        room = max(width - len(took) - 5, 10)
        return f" {mark} {body[:room].ljust(room)} {took}"
