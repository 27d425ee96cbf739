"""The small parts of compose, each by a table: states, waits, reasons, files, contexts, what one host cannot give."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose import context, files, images, labels, previous, state
from boxship.front.compose.execute import StepFailed, execute
from boxship.front.compose.load.meaning import meaningless
from boxship.front.compose.logs import Lines, Printer
from boxship.front.compose.model import (
    Build,
    Dependency,
    Deploy,
    FileObject,
    FileReference,
    Placement,
    Project,
    Service,
)
from boxship.front.compose.plan.life import View
from boxship.front.compose.plan.steps import COMPLETED, HEALTHY, SETTLED, STEADY, Await, Pause, Plan, Step, render
from boxship.front.compose.progress import Board
from boxship.front.compose.reasons import reasons
from boxship.front.compose.state import Observed, Seen
from boxship.front.compose.waits import Unmet, judge


def service(name: str = "web", **fields: Any) -> Service:
    return Service(**{"name": name, "image": "img", **fields})


def test_an_entry_of_the_list() -> None:
    seen = state.container(
        {
            "Id": "1",
            "Names": ["/p-db-1/alias", "/p-web-2"],
            "State": "exited",
            "Status": "Exited (3) 2 minutes ago",
            "Labels": {labels.SERVICE: "web", labels.NUMBER: "2", labels.ONE_OFF: "True", labels.CONFIG_HASH: "h"},
        }
    )
    assert (seen.name, seen.service, seen.number, seen.code, seen.one_off, seen.config_hash) == (
        "p-web-2", "web", 2, 3, True, "h",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 seconds (healthy)", "healthy"), ("Up 3 seconds (unhealthy)", "unhealthy"),
        ("Up 1 second (health: starting)", "starting"), ("Up 1 second", ""), ("Created", ""),
    ],
)  # fmt: skip
def test_health_of_the_list(status: str, health: str) -> None:
    assert state.container({"Id": "1", "Names": ["/a"], "Status": status}).health == health


def inspected(status: str, health: str = "", code: int = 0, started: str = "2020-01-01T00:00:00Z") -> dict[str, Any]:
    told: dict[str, Any] = {"Status": status, "ExitCode": code, "StartedAt": started}
    return {"Name": "/c", "State": {**told, "Health": {"Status": health}} if health else told}


WAITS = {
    "healthy": (HEALTHY, inspected("running", "healthy"), "Healthy"),
    "not yet": (HEALTHY, inspected("running", "starting"), ""),
    "never, as it is unhealthy": (HEALTHY, inspected("running", "unhealthy"), "container c is unhealthy"),
    "never, without a check": (HEALTHY, inspected("running"), "container c has no healthcheck configured"),
    "never, as it has ended": (HEALTHY, inspected("exited", "healthy", 2), r"container c exited \(2\)"),
    "running is enough": (SETTLED, inspected("running"), "Healthy"),
    "created is not": (SETTLED, inspected("created"), ""),
    "completed": (COMPLETED, inspected("exited"), "Exited"),
    "not completed": (COMPLETED, inspected("running"), ""),
    "completed badly": (COMPLETED, inspected("exited", code=1), 'service "s" didn\'t complete successfully: exit 1'),
    "steady for long": (STEADY, inspected("running"), "Running"),
    "restarting is not steady": (STEADY, inspected("restarting"), "restarted again and again"),
}


@pytest.mark.parametrize(("condition", "found", "text"), WAITS.values(), ids=WAITS)
def test_waits(condition: str, found: dict[str, Any], text: str) -> None:
    action = Await(service="s", names=("c",), condition=condition, hold=1_000_000_000)
    if text in ("", "Healthy", "Exited", "Running"):
        assert judge(action, found)[0] == text
    else:
        with pytest.raises(Unmet, match=text):
            judge(action, found)


def test_steady_takes_its_time() -> None:
    action = Await(service="s", names=("c",), condition=STEADY, hold=10**18)
    word, again = judge(action, inspected("running"))
    assert word == ""
    assert again is not None
    assert judge(action, inspected("running", "healthy")) == ("Healthy", None)
    always = Await(service="s", names=("c",), condition=STEADY, hold=10**18, always=True)
    assert judge(always, inspected("running", "healthy"))[0] == ""


DEPENDENT = service(depends_on={"db": Dependency(condition=HEALTHY)})
PROJECT = Project(
    name="p", services={"web": DEPENDENT, "db": service("db")}, disabled={"x": service("x", profiles=("dev",))}
)


def seen(of: str, **fields: Any) -> Seen:
    return Seen(**{"id": of, "name": f"p-{of}-1", "service": of, **fields})


WHY: dict[str, tuple[str, list[Seen], dict[str, Any], list[str]]] = {
    "runs": ("db", [seen("db")], {}, ["runs"]),
    "no container": (
        "web", [], {}, ["has no container", "its image img is not here: run `boxship compose pull web`",
                        "it depends on db, which has no container"],
    ),
    "a profile": ("x", [], {}, ["is not enabled", "it belongs to the profiles dev: add --profile dev"]),
    "never started": (
        "web", [seen("web", state="created"), seen("db", health="unhealthy")], {},
        ["does not run: p-web-1 was made but never started",
         "it depends on db, and p-db-1 is not healthy (running, unhealthy)"],
    ),
    "exited": (
        "db", [seen("db", state="exited", code=137)],
        {"db": {"State": {"OOMKilled": True, "FinishedAt": "2026-01-02T03:04:05.6Z"}, "RestartCount": 2}},
        ["does not run: p-db-1 is exited with code 137 since 2026-01-02 03:04:05",
         "the kernel killed it: it used more memory than its limit allows",
         "137: SIGKILL: somebody or something killed it",
         "it has been restarted 2 times", "its last lines:", "  bye"],
    ),
    "unhealthy": (
        "db", [seen("db", health="unhealthy")],
        {"db": {"State": {"Health": {"Log": [{"ExitCode": 1, "Output": "no\n"}]}}}},
        ["does not run: p-db-1 is unhealthy", "its last check ended with 1: no"],
    ),
    "paused": (
        "db", [seen("db", state="paused")], {},
        ["does not run: p-db-1 is paused: run `boxship compose unpause db`"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "there", "details", "lines"), WHY.values(), ids=WHY)
def test_why(name: str, there: list[Seen], details: dict[str, Any], lines: list[str]) -> None:
    view = View(name="p", seen=Observed(containers=tuple(there)), project=PROJECT)
    assert reasons(view, name, details, lambda _: ["bye"]) == lines


def test_configs_and_secrets_as_an_archive(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"file")
    project = Project(
        secrets={"e": FileObject(environment="TOKEN"), "f": FileObject(file=str(tmp_path / "f"))},
        configs={"c": FileObject(content="text")},
        environment={"TOKEN": "hush"},
    )
    wanted = service(
        secrets=(
            FileReference(source="e", target="own", uid="5", gid="6", mode=0o400),
            FileReference(source="f"),
            FileReference(source="f", mode=0o440),
        ),
        configs=(FileReference(source="c", target="/etc/c"),),
    )
    with tarfile.open(fileobj=io.BytesIO(files.archive(list(files.placed(project, wanted))))) as tar:
        told = [(m.name, m.uid, m.gid, m.mode, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]
    assert told == [
        ("/run/secrets/own", 5, 6, 0o400, b"hush"),
        ("/run/secrets/f", 0, 0, 0o440, b"file"),
        ("/etc/c", 0, 0, 0o444, b"text"),
    ]


@given(st.lists(st.text("abc/", min_size=1, max_size=90).map(lambda s: "/d/" + s.strip("/") + "x"), max_size=5))
def test_any_path_comes_out_as_it_went_in(paths: list[str]) -> None:
    content = files.archive([files.Placed(path, path.encode(), 0o444, 0, 0) for path in paths])
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert [m.name for m in tar] == paths


def test_secrets_that_one_host_cannot_have() -> None:
    for found, text in (
        (FileObject(name="s", external=True), "unsupported external secret s"),
        (FileObject(driver="d"), "secrets.s.driver"),
    ):
        with pytest.raises(Invalid, match=text):
            files.check(Project(secrets={"s": found}), service(secrets=(FileReference(source="s"),)))
    missing = Project(secrets={"s": FileObject(name="s", environment="NOT_SET_ANYWHERE")})
    with pytest.raises(NotFound, match="NOT_SET_ANYWHERE"):
        list(files.placed(missing, service(secrets=(FileReference(source="s"),))))


def test_what_one_host_cannot_give_is_told() -> None:
    deploy = Deploy(mode="global", placement=Placement(constraints=("a",)))
    project = Project(services={"a": service("a", deploy=deploy), "b": service("b", deploy=deploy)})
    assert meaningless(project) == (
        "`deploy.mode` has no effect here (a, b): one host runs every service replicated",
        "`deploy.placement` has no effect here (a, b): there is one host to choose from",
    )


IGNORED = {
    "a name": ("a", ["b", "b/a", "c.txt"]),
    "anywhere": ("**/a", ["b", "c.txt"]),
    "a pattern": ("*.txt", ["a", "b", "b/a"]),
    "all but one": ("*\n!c.txt", ["c.txt"]),
    "a folder": ("b/", ["a", "c.txt"]),
    "one of a folder comes back": ("b\n!b/a", ["a", "b/a", "c.txt"]),
    "comments": ("# a\n\n", ["a", "b", "b/a", "c.txt"]),
}


@pytest.mark.parametrize(("text", "left"), IGNORED.values(), ids=IGNORED)
def test_dockerignore(tmp_path: Path, text: str, left: list[str]) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a", "b/a", "c.txt"):
        (tmp_path / name).write_text(name)
    assert list(context.selected(str(tmp_path), context.rules(text), set())) == left


def test_a_context_holds_a_dockerfile_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f").write_text("x")
    (tmp_path / "Other").write_text("FROM scratch")
    found = b"".join(context.archive(str(tmp_path / "in"), "../Other"))
    with tarfile.open(fileobj=io.BytesIO(found)) as tar:
        assert tar.getnames() == ["f", context.INSIDE]
    assert context.outside(Build(context=str(tmp_path / "in"), dockerfile="../Other"))
    assert not context.outside(Build(context=str(tmp_path / "in")))
    with pytest.raises(NotFound, match="failed to read dockerfile"):
        context.archive(str(tmp_path / "in"), "Dockerfile")


IMAGES: dict[str, tuple[Service, dict[str, str], dict[str, Any], str]] = {
    "there": (service(), {"img": "1"}, {}, ""),
    "missing": (service(), {}, {}, "pull img: it is not here"),
    "always": (service(pull_policy="always"), {"img": "1"}, {}, "pull img: pull policy always"),
    "said on the command line": (service(), {"img": "1"}, {"pull": "always"}, "pull img: pull policy always"),
    "to be built": (service(build=Build(context=".")), {}, {}, "build img: it is not here"),
    "built already": (service(build=Build(context=".")), {"img": "1"}, {}, ""),
    "asked to build": (service(build=Build(context=".")), {"img": "1"}, {"build": True}, "build img: asked to build"),
    "not to be built": (service(build=Build(context=".")), {}, {"no_build": True}, "pull img: it is not here"),
}


@pytest.mark.parametrize(("wanted", "present", "flags", "text"), IMAGES.values(), ids=IMAGES)
def test_images(wanted: Service, present: dict[str, str], flags: dict[str, Any], text: str) -> None:
    project = Project(name="p", services={"web": wanted})
    assert render(images.plan(project, present, **{"build": False, **flags})) == text


def test_what_a_build_takes_for_a_context_is_built_before() -> None:
    on = Build(context=".", additional_contexts={"a": "service:zero", "b": "docker-image://x"})
    zero = Service(name="zero", build=Build(context=".", additional_contexts={"c": "service:last"}))
    last = Service(name="last", build=Build(context="."))
    project = Project(name="p", services={"web": service(build=on)}, disabled={"zero": zero, "last": last})
    assert images.wanted(project) == ("p-last", "img", "p-zero")
    assert render(images.plan(project, {}, build=False)) == (
        "build p-last: it is not here\n"
        "build p-zero: it is not here (after build p-last)\n"
        "build img: it is not here (after build p-zero)"
    )


@pytest.mark.parametrize(
    ("reference", "parts"),
    [("a", ("a", "latest")), ("a:1", ("a", "1")), ("h:5/a", ("h:5/a", "latest")), ("a@sha256:1", ("a", "sha256:1"))],
)
def test_references(reference: str, parts: tuple[str, str]) -> None:
    assert images.split(reference) == parts


def test_how_a_container_was_made_comes_back_out_of_a_label() -> None:
    found = {
        "Id": "f" * 64,
        "Image": "sha256:1",
        "Config": {"Hostname": "f" * 12, "Cmd": ["x"], "Labels": {"a": "b", labels.PREVIOUS: "old"}, "Tty": False},
        "HostConfig": {"NetworkMode": "p_default", "Memory": 5, "Binds": ["/a:/b"], "ConsoleSize": [0, 0]},
        "Mounts": [{"Type": "volume", "Name": "v", "Destination": "/anon", "RW": True}],
        "NetworkSettings": {"Networks": {"p_default": {"Aliases": ["web", "f" * 12], "IPAMConfig": None}}},
    }
    again = previous.recall({labels.PREVIOUS: previous.keep(found)})
    assert again == {
        "Cmd": ["x"],
        "Labels": {"a": "b"},
        "Image": "sha256:1",
        "HostConfig": {
            "NetworkMode": "p_default",
            "Memory": 5,
            "Binds": ["/a:/b"],
            "Mounts": [{"Type": "volume", "Source": "v", "Target": "/anon", "ReadOnly": False}],
        },
        "NetworkingConfig": {"EndpointsConfig": {"p_default": {"Aliases": ["web"]}}},
    }
    with pytest.raises(NotFound):
        previous.recall({})


def step(key: str, *after: str) -> Step:
    return Step(key, Pause(key), "why", after)


def test_steps_come_after_what_they_need_and_a_failure_ends_all() -> None:
    done: list[str] = []
    execute(Plan((step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))), lambda s: done.append(s.key))
    assert (done[0], done[-1], set(done)) == ("a", "d", {"a", "b", "c", "d"})

    def act(one: Step) -> None:
        if one.key == "b":
            raise Invalid("no")
        done.append(one.key)

    done.clear()
    with pytest.raises(StepFailed) as failed:
        execute(Plan((step("a"), step("b", "a"), step("d", "b"))), act)
    assert (failed.value.step.key, str(failed.value), done) == ("b", "no", ["a"])
    with pytest.raises(RuntimeError, match="wait for each other"):
        execute(Plan((step("a", "b"), step("b", "a"))), act)


def test_progress_on_a_pipe() -> None:
    out = io.StringIO()
    with Board(out) as board:
        board.tell("Container a", "Starting")
        board.tell("Container a", "Error", "failed", "no")
    assert out.getvalue() == " Container a  Starting\n Container a  Error no\n"
    out = io.StringIO()
    Board(out, "json").tell("Container a", "Started", "done")
    assert out.getvalue() == '{"id": "Container a", "status": "Started", "state": "done"}\n'
    out = io.StringIO()
    Board(out, "quiet").tell("Container a", "Started", "done")
    assert out.getvalue() == ""


def test_progress_on_a_terminal_is_drawn_in_place() -> None:
    out = io.StringIO()
    board = Board(out, "tty")
    board.tell("Container a", "Starting")
    board.tell("Container a", "Started", "done")
    board.close()
    assert "[+] Running 1/1" in out.getvalue()
    assert "Container a  Started" in out.getvalue()


def frame(stream: int, data: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


@given(st.lists(st.integers(1, 9), max_size=8))
def test_lines_are_cut_however_their_bytes_come(cuts: list[int]) -> None:
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(out, err)
    printer.know("longer-1")
    lines = Lines(printer, "a-1", terminal=False)
    data = frame(1, b"one\ntw") + frame(2, b"err\n") + frame(1, b"o\nlast")
    for cut in cuts:
        lines.feed(data[:cut])
        data = data[cut:]
    lines.feed(data)
    lines.end()
    assert out.getvalue() == "a-1       | one\na-1       | two\na-1       | last\n"
    assert err.getvalue() == "a-1       | err\n"
