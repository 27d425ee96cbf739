"""How progress is shown."""

import base64
import io
import json
from typing import Any

from boxship.front.cli.build.display import PlainLines, RawJson, Terminal, display

T0 = "2026-01-01T00:00:00.000000000Z"
T1 = "2026-01-01T00:00:01.500000000Z"


def vertex(name: str, **more: Any) -> dict[str, Any]:
    return {"vertexes": [{"digest": f"sha256:{name}", "name": name, **more}]}


def log(name: str, text: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {"logs": [{"vertex": f"sha256:{name}", "stream": 1, "data": data, "timestamp": T1}]}


RUN, COPY, ENV = "[a 2/3] RUN make", "[a 3/3] COPY . .", "[a] ENV x=y"
STORY = [
    {"vertexes": [vertex(name)["vertexes"][0] for name in (RUN, ENV, COPY)]},
    vertex(RUN, started=T0),
    log(RUN, "one\ntw"),
    vertex(ENV, started=T0),
    vertex(ENV, started=T0, completed=T0, cached=True),
    log(RUN, "o\nrest"),
    vertex(RUN, started=T0, completed=T1),
    vertex(COPY, started=T0),
    vertex(COPY, started=T0, completed=T0, cached=True),
    {"warnings": [{"rule": "JSONArgs", "short": "use JSON", "line": 3}]},
]


def shown(story: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    lines = PlainLines(out)
    for told in story:
        lines.feed(told)
    lines.close()
    return out.getvalue()


def test_plain_lines() -> None:
    assert shown(STORY) == (
        "#1 [a 2/3] RUN make\n#1 1.500 one\n#1 1.500 two\n#1 rest\n#1 DONE 1.5s\n"
        "\n#2 [a 3/3] COPY . .\n#2 CACHED\n"
        "\n 1 warning found (use --check to see more):\n - JSONArgs: use JSON (line 3)\n"
    )


def test_steps_that_take_turns_are_named_again() -> None:
    other = "[b 1/1] RUN test"
    text = shown([vertex(RUN, started=T0), vertex(other, started=T0), log(RUN, "x\n"), log(other, "y\n")])
    heads = [line for line in text.splitlines() if line.startswith("#") and "RUN" in line]
    assert heads == ["#1 [a 2/3] RUN make", "#2 [b 1/1] RUN test", "#1 [a 2/3] RUN make", "#2 [b 1/1] RUN test"]


def test_failures_say_why() -> None:
    text = shown([vertex(RUN, started=T0), vertex(RUN, started=T0, completed=T1, error="exit code: 3\nmore")])
    assert "#1 ERROR: exit code: 3\n" in text
    assert "CANCELED" in shown([vertex(RUN, started=T0), vertex(RUN, completed=T1, error="context canceled")])


def test_a_setting_that_fails_is_shown() -> None:
    assert "#1 ERROR: no" in shown([vertex(ENV, started=T0), vertex(ENV, completed=T0, error="no")])


def test_raw_json_is_what_came() -> None:
    out = io.StringIO()
    raw = RawJson(out)
    for told in STORY:
        raw.feed(told)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == STORY


def test_a_terminal_is_drawn_anew_and_ends_whole() -> None:
    out = io.StringIO()
    terminal = Terminal(out, width=60, height=20)
    for told in STORY:
        terminal.feed(told)
    terminal.close()
    last = out.getvalue().rpartition("\x1b[J")[2]
    assert "(2/2) FINISHED" in last
    assert " => CACHED [a 3/3] COPY . ." in last
    assert "ENV" not in last
    rows = [line for line in last.splitlines() if line.startswith("\x1b[34m =>")]
    assert [len(row) for row in rows] == [59 + len("\x1b[34m\x1b[0m")] * 2


def test_a_terminal_shows_what_a_failed_step_wrote() -> None:
    out = io.StringIO()
    terminal = Terminal(out, width=60, height=20)
    told = vertex(RUN, started=T0, completed=T1, error="bad")
    for each in (vertex(RUN, started=T0), log(RUN, "the reason\n\x1b[2Jevil\n"), told):
        terminal.feed(each)
    terminal.close()
    assert "the reason" in out.getvalue().rpartition("------\n >")[2]


def test_styles() -> None:
    out = io.StringIO()
    assert isinstance(display("auto", out), PlainLines)
    assert isinstance(display("tty", out), Terminal)
