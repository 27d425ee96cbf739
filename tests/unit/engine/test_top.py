import pytest

from boxship.base.errors import Conflict, Invalid
from boxship.engine.top import Top, parse
from boxship.model.status import State
from tests.unit.engine.streams_fakes import Told, container

EF = """UID          PID    PPID  C STIME TTY          TIME CMD
root           7       1  0 10:43 ?        00:00:00 sh -c while :; do echo x; sleep 1; done
root           9       7  0 10:44 ?        00:00:00 sleep 1
root          10       1  0 10:44 ?        00:00:00 other
"""
THREADS = "PID LWP CMD\n7 - main\n- 7 -\n- 8 -\n10 - other\n- 10 -\n"


def test_rows_are_cut_to_the_titles() -> None:
    table = parse(EF, [7, 9])
    assert table.titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert table.processes == [
        ["root", "7", "1", "0", "10:43", "?", "00:00:00", "sh -c while :; do echo x; sleep 1; done"],
        ["root", "9", "7", "0", "10:44", "?", "00:00:00", "sleep 1"],
    ]


def test_threads_follow_their_process() -> None:
    assert [row[1] for row in parse(THREADS, [7]).processes] == ["-", "7", "8"]


def test_a_pid_column_is_needed() -> None:
    with pytest.raises(Invalid, match="Couldn't find PID field in ps output"):
        parse("COMMAND\nsh\n", [1])
    with pytest.raises(Invalid, match="Couldn't find PID field in ps output"):
        parse("", [1])


def top(pids: tuple[int, ...] = ()) -> tuple[Top, Told]:
    told = Told()
    return Top(lambda _: pids, told.events), told


async def test_arguments_that_rename_the_column_are_refused() -> None:
    with pytest.raises(Invalid, match=r'specifying "x=PID" is not allowed'):
        await top()[0].top(container(), "-o x=PID")


@pytest.mark.parametrize("state", [State.EXITED, State.CREATED, State.RESTARTING])
async def test_only_what_runs(state: State) -> None:
    with pytest.raises(Conflict):
        await top()[0].top(container(state))


async def test_the_hosts_ps_is_asked() -> None:
    import os

    service, told = top((os.getpid(),))
    table = await service.top(container())
    [row] = table.processes
    assert row[table.titles.index("PID")] == str(os.getpid())
    assert told.actions == ["top"]
    assert (await service.top(container(), "aux")).processes[0][1] == str(os.getpid())
