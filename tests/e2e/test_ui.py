"""`boxship ui` against a running daemon, driven by textual's pilot."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from boxship.front.client.api import Client, parse_host

pytest.importorskip("textual", reason="the dashboard is an extra: pip install textual")

from textual.pilot import Pilot
from textual.widgets import DataTable, Input, RichLog, Static

from boxship.front.cli.ui.app import Dashboard
from boxship.front.cli.ui.source import Source

pytestmark = [pytest.mark.e2e, pytest.mark.root]
PATIENCE = 60.0  # seconds


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Let the dashboard go on until something is true. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await pilot.pause(0.05)


@pytest.fixture
def dashboard(docker: Any) -> Dashboard:
    return Dashboard(Source(Client(parse_host(docker.host))))


def lines(app: Dashboard, widget: str) -> str:
    return "\n".join(strip.text for strip in app.query_one(widget, RichLog).lines)


def told(app: Dashboard, widget: str) -> str:
    return str(app.query_one(widget, Static).render())


async def choose(app: Dashboard, pilot: Pilot[None], name: str) -> None:
    """Put the cursor on a container."""

    def there() -> bool:
        rows = [shown.name for shown in app._seen.values()]  # others come and go, and rows move
        if name in rows:
            app.query_one(DataTable).move_cursor(row=rows.index(name), animate=False)
        return app.chosen is not None and app.chosen.name == name

    await until(pilot, there)


def state(app: Dashboard, name: str) -> str:
    return next((shown.state for shown in app._seen.values() if shown.name == name), "")


async def test_containers_are_shown_and_looked_into(docker: Any, dashboard: Dashboard) -> None:
    name = docker.name("ui")
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "echo hello [from] inside; sleep 1000")
    async with dashboard.run_test(size=(140, 50)) as pilot:
        await choose(dashboard, pilot, name)
        assert state(dashboard, name) == "running"
        await until(pilot, lambda: "hello [from] inside" in lines(dashboard, "#logs"))
        await pilot.press("u")
        await until(pilot, lambda: "CPU" in told(dashboard, "#use"))
        assert "Memory" in told(dashboard, "#use")
        await pilot.press("w")
        await until(pilot, lambda: f"{name} runs" in told(dashboard, "#why"))


async def test_a_command_runs_inside(docker: Any, dashboard: Dashboard) -> None:
    name = docker.name("ui")
    docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
    async with dashboard.run_test(size=(140, 50)) as pilot:
        await choose(dashboard, pilot, name)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(dashboard.focused, Input))
        dashboard.query_one("#command", Input).value = "sh -c 'echo $((6*7)); exit 3'"
        await pilot.press("enter")
        await until(pilot, lambda: "(exit code 3)" in lines(dashboard, "#printed"))
        assert "42" in lines(dashboard, "#printed")


async def test_keys_steer_containers(docker: Any, dashboard: Dashboard) -> None:
    name = docker.name("ui")
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    async with dashboard.run_test(size=(140, 50)) as pilot:
        await choose(dashboard, pilot, name)
        await pilot.press("p")
        await until(pilot, lambda: state(dashboard, name) == "paused")
        await pilot.press("p")
        await until(pilot, lambda: state(dashboard, name) == "running")
        await pilot.press("t")
        await until(pilot, lambda: state(dashboard, name) == "exited")
        await pilot.press("s")
        await until(pilot, lambda: state(dashboard, name) == "running")
        await pilot.press("d")
        assert state(dashboard, name) == "running"
        await pilot.press("d")
        await until(pilot, lambda: state(dashboard, name) == "")


def test_without_a_terminal_it_says_so(docker: Any) -> None:
    import subprocess

    from tests.daemons import PROGRAM

    done = subprocess.run([PROGRAM, "ui"], env=docker.environment, capture_output=True, text=True)
    assert (done.returncode, "needs a terminal" in done.stderr) == (1, True)
