"""What belongs to a daemon is told by its name alone when it is taken away."""

from dataclasses import replace

from boxship.app.facts import is_own_link, link_prefix
from boxship.app.settings import Settings

FIRST = Settings()
SECOND = replace(FIRST, bridge="second0")


def test_links_of_one_daemon_are_not_those_of_another() -> None:
    first, second = f"{link_prefix(FIRST)}0123abcd", f"{link_prefix(SECOND)}0123abcd"
    assert (is_own_link(FIRST, first), is_own_link(FIRST, second)) == (True, False)
    assert (is_own_link(SECOND, second), is_own_link(SECOND, first)) == (True, False)


def test_what_only_begins_alike_is_somebody_elses() -> None:
    assert not any(is_own_link(FIRST, name) for name in ("bv", "bvlan0", "bv0123abcd9", "boxship0"))
