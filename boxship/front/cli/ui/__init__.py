"""`boxship ui`: a dashboard on the terminal. The drawing is textual's, an extra that nothing else needs."""

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed

MISSING = "the dashboard needs textual, which is not installed: pip install 'boxship[ui]'"


def ui(session: Session, parsed: Parsed) -> None:
    """Return when the user leaves. Raises Invalid where there is no terminal or no textual."""
    if not session.out.isatty():
        raise Invalid("the dashboard needs a terminal; `boxship ps` and `boxship stats` go with pipes")
    try:
        from boxship.front.cli.ui.app import Dashboard
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        raise Invalid(MISSING) from e
    from boxship.front.cli.ui.source import Source

    session.client.get("/version")  # no daemon: say so before the screen is taken
    Dashboard(Source(session.client)).run()


COMMANDS = {"ui": Command("", ui, most=0, examples="boxship ui\nboxship -c prod ui       another daemon")}
