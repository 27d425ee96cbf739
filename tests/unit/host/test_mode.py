"""chmod's words."""

import stat

import pytest

from boxship.base.errors import Invalid
from boxship.host.jobs.mode import changed

FILE, DIRECTORY = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize(
    ("mode", "wish", "wanted"),
    [
        (FILE | 0o644, "", 0o644),
        (FILE | 0o644, "755", 0o755),
        (FILE | 0o644, "0o4755", 0o4755),
        (FILE | 0o644, "u+x", 0o744),
        (FILE | 0o644, "+x", 0o755),
        (FILE | 0o777, "go-w", 0o755),
        (FILE | 0o644, "u=rwX,go=rX", 0o644),
        (DIRECTORY | 0o700, "u=rwX,go=rX", 0o755),
        (FILE | 0o100, "a+X", 0o111),
        (FILE | 0o640, "o=g", 0o644),
        (FILE | 0o755, "u+s,g+s", 0o6755),
        (DIRECTORY | 0o777, "+t", 0o1777),
        (FILE | 0o644, "a=", 0),
    ],
)
def test_modes(mode: int, wish: str, wanted: int) -> None:
    assert changed(mode, wish) == wanted


@pytest.mark.parametrize("wish", ["8", "12345", "u", "u+q", "x=r", ",", "u=rw,"])
def test_no_modes(wish: str) -> None:
    with pytest.raises(Invalid, match="invalid chmod parameter"):
        changed(FILE, wish)
