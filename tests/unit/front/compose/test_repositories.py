"""Names of compose files in git repositories."""

import pytest

from boxship.base.errors import Invalid
from boxship.front.compose.repositories import Source, parse

NAMES = {
    "https://example.org/a/b.git": (Source("https://example.org/a/b.git", "HEAD", ""), "b"),
    "https://github.com/a/b#v1": (Source("https://github.com/a/b", "v1", ""), "b"),
    "github.com/a/b": (Source("https://github.com/a/b", "HEAD", ""), "b"),
    "git@example.org:a/b.git#main:sub": (Source("git@example.org:a/b.git", "main", "sub"), "b"),
    "git://host/b#:sub/x.yaml": (Source("git://host/b", "HEAD", "sub/x.yaml"), "b"),
}


@pytest.mark.parametrize(("text", "wanted"), NAMES.items(), ids=list(NAMES))
def test_names(text: str, wanted: tuple[Source, str]) -> None:
    assert (parse(text), parse(text).name) == wanted


@pytest.mark.parametrize(
    "text", ["https://example.org/x.yaml", "oci://x", "git://h/b#-x", "git://h/b#a:../x", "git://h/b#a:/etc"]
)
def test_what_is_no_repository(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text)
