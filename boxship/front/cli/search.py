"""`boxship search`: what a registry's index knows."""

from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.life import FILTER, filters
from boxship.front.cli.flags import Parsed, number, switch
from boxship.front.cli.inspect import FORMAT
from boxship.front.client.credentials import HUB, Keyring, header, server_of

COLUMNS = {"Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL"}
MORE = {"IsAutomated": "AUTOMATED"}


def search(session: Session, parsed: Parsed) -> None:
    term = parsed.args[0]
    server = server_of(term) if "/" in term else HUB
    query = {"term": term, "limit": parsed.number("limit") or None, "filters": filters(parsed)}
    headers = header(Keyring(session.environ).find(server))
    found = session.client.call("GET", "/images/search", query, headers=headers) or []
    rows = [
        {
            "Name": entry["name"],
            "Description": _description(entry.get("description") or "", whole=parsed.on("no-trunc")),
            "StarCount": str(entry.get("star_count", 0)),
            "IsOfficial": "[OK]" if entry.get("is_official") else "",
            "IsAutomated": "[OK]" if entry.get("is_automated") else "",
        }
        for entry in sorted(found, key=lambda entry: -int(entry.get("star_count") or 0))
    ]
    session.say(tables.listing(rows, COLUMNS, parsed.text("format"), more=MORE))


def _description(text: str, *, whole: bool) -> str:
    line = " ".join(text.split())
    return line if whole else tables.ellipsis(line, 45)


COMMANDS = {
    "search": Command(
        "[OPTIONS] TERM",
        search,
        (
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            number("limit", "", "How many to show at most"),
            switch("no-trunc", "", "Show all of it"),
        ),
        1,
        1,
        examples="""boxship search redis                        what Docker Hub has
boxship search --filter stars=100 redis      only what many like
boxship search registry.example.org/redis   ask another registry""",
    )
}
