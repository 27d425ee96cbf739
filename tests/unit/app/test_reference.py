"""Help and documentation come from the table."""

from pathlib import Path

from boxship.app import reference
from boxship.app.settings import GROUPS, TABLE

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_document_is_that_of_the_table() -> None:
    assert DOCUMENT.read_text() == reference.markdown(), "run `make reference`"


def test_help_names_every_flag_and_group() -> None:
    text = reference.help_text()
    assert all(f"--{row.flag}" in text for row in TABLE if row.flag)
    assert all(f"{group}:" in text for group in GROUPS)


def test_help_fits_into_the_width_asked_for() -> None:
    table = reference.help_text(width=90).split("Examples:")[0]
    assert max(map(len, table.splitlines())) <= 115
