"""The dashboard: containers above; logs, use, verdict and commands of the chosen one below."""

import shlex
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, Input, RichLog, Static, TabbedContent, TabPane
from textual.worker import get_current_worker

from boxship.base.errors import PlatformError
from boxship.front.cli.ui.source import Shown, Source

EVERY = 2.0  # seconds between two looks
HEADINGS = ("Name", "Image", "State", "Status", "Ports")
COLOURS = {"running": "green", "paused": "yellow", "restarting": "yellow", "dead": "red"}
USED = {
    "CPUPerc": "CPU",
    "MemUsage": "Memory",
    "MemPerc": "Memory %",
    "NetIO": "Network",
    "BlockIO": "Disk",
    "PIDs": "Processes",
}


class Dashboard(App[None]):
    """Everything slow happens in threads; what they find is drawn here."""

    CSS = """
    #containers { height: 45%; }
    TabbedContent { height: 1fr; }
    #logs, #printed { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("s", "act('start')", "Start"),
        Binding("t", "act('stop')", "Stop"),
        Binding("r", "act('restart')", "Restart"),
        Binding("p", "pause", "Pause"),
        Binding("k", "act('kill')", "Kill"),
        Binding("d", "remove", "Remove"),
        Binding("l", "show('logs-tab')", "Logs"),
        Binding("u", "show('use-tab')", "Use"),
        Binding("w", "show('why-tab')", "Why"),
        Binding("e", "show('exec-tab')", "Exec"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._seen: dict[str, Shown] = {}
        self._asked_to_remove = ""
        self.title, self.sub_title = "Boxship", source.host

    def compose(self) -> ComposeResult:
        yield Header()
        yield DataTable(id="containers", cursor_type="row")
        with TabbedContent(id="tabs"):
            with TabPane("Logs", id="logs-tab"):
                yield RichLog(id="logs", wrap=False)
            with TabPane("Use", id="use-tab"):
                yield Static("", id="use", markup=False)
            with TabPane("Why", id="why-tab"):
                yield Static("", id="why", markup=False)
            with TabPane("Exec", id="exec-tab"):
                yield Input(placeholder="a command to run inside, such as ls -l /", id="command")
                yield RichLog(id="printed", wrap=False)
        yield Footer()

    def on_mount(self) -> None:
        self._table.add_columns(*HEADINGS)
        self._table.focus()
        self.refresh_list()
        self.set_interval(EVERY, self.refresh_list)
        self.set_interval(EVERY, self.refresh_detail)

    @property
    def _table(self) -> "DataTable[Text]":
        return self.query_one("#containers", DataTable)

    @property
    def chosen(self) -> Shown | None:
        """The container under the cursor."""
        row = self._table.cursor_row
        rows = list(self._seen.values())
        return rows[row] if 0 <= row < len(rows) else None

    @work(thread=True, exclusive=True, group="list")
    def refresh_list(self) -> None:
        worker = get_current_worker()
        try:
            found = self._source.containers()
        except (PlatformError, OSError) as e:
            self.call_from_thread(self.notify, str(e), severity="error")
            return
        if not worker.is_cancelled:
            self.call_from_thread(self._draw, found)

    def _draw(self, found: list[Shown]) -> None:
        before = self.chosen
        self._seen = {shown.id: shown for shown in found}
        table = self._table
        table.clear()
        for shown in found:
            style = COLOURS.get(shown.state, "dim")
            cells = (shown.name, shown.image, shown.state, shown.status, shown.ports)
            table.add_row(
                *(Text(cell, style=style if index == 2 else "") for index, cell in enumerate(cells)), key=shown.id
            )
        if before is not None and before.id in self._seen:
            table.move_cursor(row=list(self._seen).index(before.id), animate=False)
        if before is None or before.id not in self._seen:
            self.refresh_detail()

    def on_data_table_row_highlighted(self) -> None:
        self._asked_to_remove = ""
        self.refresh_detail()

    def on_tabbed_content_tab_activated(self) -> None:
        self.refresh_detail()

    def refresh_detail(self) -> None:
        """Look again at what the open tab shows of the chosen container."""
        chosen, tab = self.chosen, self.query_one(TabbedContent).active
        if chosen is None:
            return
        if tab == "logs-tab":
            self._look(lambda: "\n".join(self._source.logs(chosen.id)), self._show_logs)
        elif tab == "use-tab":
            self._look(lambda: self._used(chosen), self._show_use)
        elif tab == "why-tab":
            self._look(lambda: self._source.why(chosen.name), lambda text: self.query_one("#why", Static).update(text))

    @work(thread=True, exclusive=True, group="detail")
    def _look(self, ask: Callable[[], str], show: Callable[[str], object]) -> None:
        worker = get_current_worker()
        try:
            text = ask()
        except (PlatformError, OSError, ValueError) as e:
            text = str(e)
        if not worker.is_cancelled:
            self.call_from_thread(show, text)

    def _show_logs(self, text: str) -> None:
        log = self.query_one("#logs", RichLog)
        log.clear()
        log.write(Text(text))

    def _used(self, chosen: Shown) -> str:
        if chosen.state != "running":
            return f"{chosen.name} does not run: it uses nothing but disk."
        told = self._source.usage(chosen.id)
        return "\n".join(f"{heading:<12}{told[key]}" for key, heading in USED.items())

    def _show_use(self, text: str) -> None:
        self.query_one("#use", Static).update(text)

    def action_show(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab
        (self.query_one("#command", Input) if tab == "exec-tab" else self._table).focus()

    def action_act(self, verb: str) -> None:
        if self.chosen is not None:
            self._do(verb, self.chosen)

    def action_pause(self) -> None:
        if self.chosen is not None:
            self._do("unpause" if self.chosen.state == "paused" else "pause", self.chosen)

    def action_remove(self) -> None:
        """Asks once: the second press removes."""
        chosen = self.chosen
        if chosen is None:
            return
        if self._asked_to_remove == chosen.id:
            self._do("remove", chosen)
            return
        self._asked_to_remove = chosen.id
        self.notify(f"Press d once more to remove {chosen.name}", severity="warning")

    @work(thread=True, group="act")
    def _do(self, verb: str, chosen: Shown) -> None:
        try:
            self._source.act(verb, chosen.id)
        except (PlatformError, OSError) as e:
            self.call_from_thread(self.notify, f"{verb} {chosen.name}: {e}", severity="error")
        self.call_from_thread(self.refresh_list)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        chosen = self.chosen
        try:
            words = shlex.split(event.value)
        except ValueError as e:
            self.notify(str(e), severity="error")
            return
        if chosen is not None and words:
            event.input.clear()
            self._execute(chosen, words)

    @work(thread=True, group="exec")
    def _execute(self, chosen: Shown, words: list[str]) -> None:
        try:
            printed, code = self._source.execute(chosen.id, words)
        except (PlatformError, OSError) as e:
            printed, code = str(e), 125
        text = f"{chosen.name} $ {shlex.join(words)}\n{printed.rstrip()}\n(exit code {code})"
        self.call_from_thread(self.query_one("#printed", RichLog).write, Text(text))
