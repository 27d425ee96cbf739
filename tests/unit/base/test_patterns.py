"""`.dockerignore`: which paths are meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.base.patterns import Patterns, clean, part_pattern

# The first block is what moby/patternmatcher's own tests call right: pattern, path, meant.
MATCHES = [
    ("**", "file", True),
    ("**", "file/", True),
    ("**/", "file", True),
    ("**", "/", True),
    ("**/", "dir/file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/dir2/file", True),
    ("**/dir", "dir", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir2/file", True),
    ("**file", "file", True),
    ("**file", "dir/file", True),
    ("**/file", "dir/file", True),
    ("**file", "dir/dir/file", True),
    ("**/file*", "dir/dir/file", True),
    ("**/file*", "dir/dir/file.txt", True),
    ("**/file*txt", "dir/dir/file.txt", True),
    ("**/file*.txt", "dir/dir/file.txt", True),
    ("**/file*.txt*", "dir/dir/file.txt", True),
    ("**/**/*.txt", "dir/dir/file.txt", True),
    ("**/**/*.txt2", "dir/dir/file.txt", False),
    ("**/*.txt", "file.txt", True),
    ("**/**/*.txt", "file.txt", True),
    ("a**/*.txt", "a/file.txt", True),
    ("a**/*.txt", "a/dir/file.txt", True),
    ("a**/*.txt", "a/dir/dir/file.txt", True),
    ("a/*.txt", "a/dir/file.txt", False),
    ("a/*.txt", "a/file.txt", True),
    ("a/*.txt**", "a/file.txt", True),
    ("a[b-d]e", "ae", False),
    ("a[b-d]e", "ace", True),
    ("a[b-d]e", "aae", False),
    ("a[^b-d]e", "aze", True),
    (".*", ".foo", True),
    (".*", "foo", False),
    ("abc.def", "abcdef", False),
    ("abc.def", "abc.def", True),
    ("abc.def", "abcZdef", False),
    ("abc?def", "abcZdef", True),
    ("abc?def", "abcdef", False),
    ("a\\*b", "a*b", True),
    ("a\\*b", "axb", False),
    ("**/foo/bar", "foo/bar", True),
    ("**/foo/bar", "dir/foo/bar", True),
    ("**/foo/bar", "dir/dir2/foo/bar", True),
    ("abc/**", "abc", False),
    ("abc/**", "abc/def", True),
    ("abc/**", "abc/def/ghi", True),
    ("**/.foo", ".foo", True),
    ("**/.foo", "bar.foo", False),
    ("a(b)c/def", "a(b)c/def", True),
    ("a(b)c/def", "a(b)c/xyz", False),
    ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    ("dist/*.whl", "dist/proxy.py-2.4.0.whl", True),
    # a directory takes all that is in it
    ("node_modules", "node_modules/x/y.js", True),
    ("*", "a/b/c", True),
    ("a/b", "a/bc", False),
]


@pytest.mark.parametrize(("pattern", "path", "meant"), MATCHES)
def test_patterns(pattern: str, path: str, meant: bool) -> None:
    assert Patterns([pattern]).match(path.rstrip("/") or "/") is meant


SETS = [
    (["*", "!keep"], "keep", False),
    (["*", "!keep"], "other", True),
    (["*", "!src/keep"], "src/keep", False),
    (["*", "!src/keep"], "src/other", True),
    (["!keep", "*"], "keep", True),
    (["docs", "!docs/README.md"], "docs/README.md", False),
    (["docs", "!docs/README.md"], "docs/a/b", True),
    (["**/*.go", "!main.go"], "main.go", False),
    (["**/*.go", "!main.go"], "x/main.go", True),
    (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
    (["*.md", "!README*.md", "README-secret.md"], "README-a.md", False),
    ([], "x", False),
]


@pytest.mark.parametrize(("patterns", "path", "meant"), SETS)
def test_exceptions_and_their_order(patterns: list[str], path: str, meant: bool) -> None:
    assert Patterns(patterns).match(path) is meant


def test_lines_of_a_file() -> None:
    text = "\ufeff# no\n  # this is one\n\n /a/b/ \n./c/../d\n! /e\n#x\n"
    assert clean(text.splitlines()) == ("# this is one", "a/b", "d", "!e")


@pytest.mark.parametrize("pattern", ["[", "[a", "a[]", "!", "[a-"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(Invalid, match=r"syntax error|illegal exclusion"):
        Patterns([pattern])


def test_parts_do_not_cross_slashes() -> None:
    assert part_pattern("hom*").fullmatch("home")
    assert not part_pattern("hom*").fullmatch("hom/e")
    assert part_pattern("**.txt").fullmatch("a.txt")


PATHS = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)
PATTERN = st.text("ab*?./!", min_size=1, max_size=8).filter(lambda p: p.strip("!") and ".." not in p)


@given(st.lists(PATTERN, max_size=4), PATHS)
def test_law_what_is_below_shares_the_fate_unless_taken_back(patterns: list[str], path: str) -> None:
    plain = [p for p in patterns if not p.startswith("!")]
    found = Patterns(plain)
    if found.match(path):
        assert found.match(f"{path}/deeper")


@given(st.lists(PATTERN, max_size=5), PATHS)
def test_law_step_by_step_is_as_all_at_once(patterns: list[str], path: str) -> None:
    found = Patterns(patterns)
    state, parts = found.nothing, path.split("/")
    for end in range(1, len(parts) + 1):
        state, meant = found.step(state, "/".join(parts[:end]))
    assert meant is found.match(path)


@given(PATHS)
def test_law_all_and_back_is_nothing(path: str) -> None:
    assert not Patterns(["**", "!**"]).match(path)
