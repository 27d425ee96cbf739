"""What happened to containers is kept: a bounded part, in memory and in a file."""

from pathlib import Path

from boxship.base.event import Event
from boxship.engine.chronicle import CONTAINERS, EACH, Chronicle


def event(action: str, id: str = "a" * 64, name: str = "web", kind: str = "container", time: int = 1) -> Event:
    return Event(kind=kind, action=action, id=id, time=time, attributes={"name": name})


def actions(chronicle: Chronicle, ref: str) -> list[str]:
    return [event.action for event in chronicle.of(ref)]


def test_only_what_tells_of_a_state_is_kept() -> None:
    chronicle = Chronicle()
    for action in ("create", "start", "exec_start: sh", "top", "health_status: healthy", "die"):
        chronicle.note(event(action))
    chronicle.note(event("start", kind="image"))
    assert actions(chronicle, "web") == ["create", "start", "health_status: healthy", "die"]
    assert actions(chronicle, "aaaa") == actions(chronicle, "a" * 64) == actions(chronicle, "web")
    assert actions(chronicle, "nobody") == actions(chronicle, "") == []


def test_a_name_means_the_container_that_had_it_last() -> None:
    chronicle = Chronicle()
    chronicle.note(event("start", "a" * 64))
    chronicle.note(event("start", "b" * 64))
    chronicle.note(event("rename", "b" * 64, "other"))
    assert [found.id[0] for found in chronicle.of("web")] == ["a"]
    assert actions(chronicle, "other") == ["start", "rename"]


def test_it_is_bounded() -> None:
    chronicle = Chronicle()
    for number in range(EACH + 5):
        chronicle.note(event("start", time=number))
    assert [found.time for found in chronicle.of("web")] == list(range(5, EACH + 5))
    for number in range(CONTAINERS):
        chronicle.note(event("start", f"{number:064}", f"c{number}"))
    assert chronicle.of("web") == ()
    assert chronicle.of("c0")


def test_it_outlives_the_daemon_and_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "chronicle.jsonl"
    first = Chronicle(path)
    first.note(event("start"))
    first.note(event("die"))
    first.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"contai')
    second = Chronicle(path)
    assert actions(second, "web") == ["start", "die"]
    second.note(event("destroy"))
    second.close()
    assert actions(Chronicle(path), "web") == ["start", "die", "destroy"]


def test_a_place_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path / "nowhere" / "chronicle.jsonl")
    chronicle.note(event("start"))
    assert actions(chronicle, "web") == ["start"]
