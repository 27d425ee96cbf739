"""Progress as BuildKit's clients are told of it."""

from boxship.engine.build.api import Advanced, Completed, Planned, Started, Vertex, Warned, Written
from boxship.front.docker.buildkit.wire.status import SECOND, Telling, counted


def step(text: str, number: int, stage: str = "stage-0", step: int = 1) -> Vertex:
    name = f"[{stage} {number}/2] {text}" if number else f"[{stage}] {text}"
    return Vertex(digest=f"sha256:{text}", name=name, text=text, stage=stage, number=number, total=2, step=step)


BASE, ENV, RUN = step("FROM a", 1), step("ENV a=b", 0, step=2), step("RUN x", 2, step=3)


def test_a_build_as_it_is_told() -> None:
    telling = Telling()
    planned = telling.feed(Planned(vertexes=(BASE, ENV, RUN)))
    assert planned is not None
    assert [vertex.name for vertex in planned.vertexes] == ["[1/2] FROM a", "[2/2] RUN x"]
    assert telling.feed(Started(vertex=ENV, time=1)) is None, "settings are no lines of their own"
    assert telling.feed(Completed(vertex=ENV, time=1, started=1, cached=True)) is None
    begun = telling.feed(Started(vertex=RUN, time=2 * SECOND + 5))
    assert begun is not None
    assert (begun.vertexes[0].started.seconds, begun.vertexes[0].started.nanos) == (2, 5)
    assert telling.feed(Started(vertex=RUN, time=3, container="c")) is None, "clients would take it for a second run"
    wrote = telling.feed(Written(vertex=RUN, stream=2, text=b"said", time=3))
    assert wrote is not None
    assert (wrote.logs[0].vertex, wrote.logs[0].stream, wrote.logs[0].msg) == (RUN.digest, 2, b"said")
    done = telling.feed(Completed(vertex=RUN, time=4, started=2, error="failed\nDockerfile:2\n" + "-" * 20 + "\n x"))
    assert done is not None
    assert (done.vertexes[0].error, done.vertexes[0].cached) == ("failed", False)
    assert (telling.steps, telling.completed, telling.cached) == (2, 1, 1)


def test_a_setting_that_fails_is_told_of() -> None:
    assert Telling().feed(Completed(vertex=ENV, time=2, started=1, error="wrong")) is not None


def test_stages_are_named_where_there_are_several() -> None:
    telling = Telling()
    told = telling.feed(Planned(vertexes=(BASE, step("FROM b", 1, "stage-1"))))
    assert told is not None
    assert [vertex.name for vertex in told.vertexes] == ["[stage-0 1/2] FROM a", "[stage-1 1/2] FROM b"]


def test_only_some_steps() -> None:
    export = Vertex(digest="e", name="exporting to image")
    only, without = Telling(only=frozenset((export.name,))), Telling(without=frozenset((export.name,)))
    assert only.feed(Started(vertex=RUN, time=1)) is None
    assert only.feed(Started(vertex=export, time=1)) is not None
    assert without.feed(Started(vertex=export, time=1)) is None
    assert without.feed(Started(vertex=RUN, time=1)) is not None


def test_numbers() -> None:
    one = Telling().feed(Advanced(vertex=RUN, id="layer", current=5, total=10, time=2, started=1))
    assert one is not None
    assert (one.statuses[0].current, one.statuses[0].total, one.statuses[0].HasField("completed")) == (5, 10, False)
    named = Telling().feed(Advanced(vertex=RUN, id="naming", current=1, total=1, time=2, started=1, completed=2))
    assert named is not None
    assert (named.statuses[0].total, named.statuses[0].HasField("completed")) == (0, True)
    assert counted(RUN, "transferring context:", 9, 1, 2, done=True).statuses[0].current == 9


def test_warnings() -> None:
    telling = Telling()
    telling.file, telling.text = "Dockerfile", b"from a"
    told = telling.feed(Warned(rule="R", text="is bad", url="u", line=1, detail="from a"))
    assert told is not None
    warning = told.warnings[0]
    assert (warning.short, warning.url, warning.ranges[0].start.line) == (b"R: is bad (line 1)", "u", 1)
    unused = telling.feed(Warned(rule="UnusedBuildArg", text="A"))
    assert unused is not None
    assert unused.warnings[0].short == b"[Warning] One or more build-args [A] were not consumed"
