"""Variables, quotes and escapes of Dockerfiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.build.dockerfile.shellwords import ShellError, expand, expand_heredoc, marks

ENV = {"a": "foo.tar.gz", "e": "", "p": "/usr/local/bin", "w": "x y"}

EXPANSIONS = [
    ("plain", "plain"),
    ("$a", "foo.tar.gz"),
    ("${a}", "foo.tar.gz"),
    ("$a$e$a", "foo.tar.gzfoo.tar.gz"),
    ("$nothing", ""),
    ("$", "$"),
    ("a$", "a$"),
    ("$$", ""),
    ("$1x", "x"),
    (r"\$a", "$a"),
    (r"\\", "\\"),
    ("'$a'", "$a"),
    ('"$a"', "foo.tar.gz"),
    (r'"\$a \" \x"', r"$a " + '" ' + r"\x"),
    ("''", ""),
    ('"it\'s"', "it's"),
    # set or not, empty or not
    ("${a:-d}", "foo.tar.gz"),
    ("${b:-d}", "d"),
    ("${e:-d}", "d"),
    ("${e-d}", ""),
    ("${b-d}", "d"),
    ("${b:-$a}", "foo.tar.gz"),
    ("${b:-${c:-deep}}", "deep"),
    ("${b:-'$a'}", "$a"),
    ("${a:+s}", "s"),
    ("${e:+s}", ""),
    ("${e+s}", "s"),
    ("${b+s}", ""),
    ("${a:?no}", "foo.tar.gz"),
    # beginnings and ends
    ("${a%.*}", "foo.tar"),
    ("${a%%.*}", "foo"),
    ("${a#*.}", "tar.gz"),
    ("${a##*.}", "gz"),
    ("${a#nothing}", "foo.tar.gz"),
    ("${p##*/}", "bin"),
    ("${p%/*}", "/usr/local"),
    ("${a%??}", "foo.tar."),
    (r"${a%\*}", "foo.tar.gz"),
    ("${b%x}", ""),
    # replacement
    ("${a/o/0}", "f0o.tar.gz"),
    ("${a//o/0}", "f00.tar.gz"),
    ("${a/./-}", "foo-tar.gz"),
    ("${a//./-}", "foo-tar-gz"),
    ("${a/o*r/_}", "f_.gz"),
    (r"${p//\//-}", "-usr-local-bin"),
    ("${a//o/}", "f.tar.gz"),
    ("${a/o/$e}", "fo.tar.gz"),
]


@pytest.mark.parametrize(("text", "wanted"), EXPANSIONS)
def test_expansion(text: str, wanted: str) -> None:
    assert expand(text, ENV).text == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a b  c", ("a", "b", "c")),
        ("$w", ("x", "y")),
        ('"$w"', ("x y",)),
        ("'a b'c", ("a bc",)),
        (r"a\ b", ("a b",)),
        ("$e", ()),
        ("80 $w/tcp", ("80", "x", "y/tcp")),
    ],
)
def test_words(text: str, wanted: tuple[str, ...]) -> None:
    assert expand(text, ENV).words == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${", "missing '}'"),
        ("${a", "missing '}'"),
        ("${a:-x", "missing '}'"),
        ("${}", "bad substitution"),
        ("${:x}", "bad substitution"),
        ("${a:x}", r"unsupported modifier \(:x\)"),
        ("${a*}", r"unsupported modifier \(\*\)"),
        ("${a:#x}", r"unsupported modifier \(:#\)"),
        ("'a", "single-quote"),
        ('"a', "double-quote"),
        ("${b?}", "b: is not allowed to be unset"),
        ("${b:?give b}", "b: give b"),
        ("${e:?}", "e: is not allowed to be unset"),
    ],
)
def test_what_cannot_be_expanded(text: str, said: str) -> None:
    with pytest.raises(ShellError, match=said):
        expand(text, ENV)


def test_another_escape() -> None:
    assert expand(r"c:\$a `$a", {"a": "x"}, "`").text == r"c:\x $a"


def test_quotes_mean_nothing_in_heredocs() -> None:
    assert expand_heredoc("'$a' \"$a\" \\$a \\n\n", {"a": "x"}).text == "'x' \"x\" $a \\n\n"


def test_marks_keep_quotes() -> None:
    assert marks("""cat <<"EOF" 'a b' $x""") == ("cat", '<<"EOF"', "'a b'", "$x")


def test_what_was_used_and_what_was_not_there() -> None:
    found = expand("$a ${b:-x} $a", ENV)
    assert (found.used, found.unset) == ({"a"}, {"b"})


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="$'\"\\\0", exclude_categories=["Z", "Cc", "Cs"]))
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)


@given(PLAIN)
def test_law_what_has_no_signs_stays(text: str) -> None:
    assert expand(text, ENV).text == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="'", exclude_categories=["Cs"])))
def test_law_single_quotes_keep_everything(text: str) -> None:
    assert expand(f"'{text}'", ENV).text == text


@given(NAMES, st.text(), st.text(alphabet="abc"))
def test_law_default_and_alternative_exclude_each_other(name: str, value: str, word: str) -> None:
    """`${x:-w}` gives w exactly when `${x:+w}` gives nothing."""
    env = {name: value}
    assert expand(f"${{{name}:-{word}}}", env).text == (value or word)
    assert expand(f"${{{name}:+{word}}}", env).text == (word if value else "")
    assert expand(f"${{{name}-{word}}}", env).text == value
    assert expand(f"${{{name}+{word}}}", {}).text == ""


@given(st.text(alphabet="ab./"), st.sampled_from(["*", "?", "a", "*.", "b*", "/*"]))
def test_law_cut_ends_are_ends(value: str, pattern: str) -> None:
    env = {"v": value}
    short, long = expand(f"${{v%{pattern}}}", env).text, expand(f"${{v%%{pattern}}}", env).text
    assert value.startswith(short)
    assert short.startswith(long)
    short, long = expand(f"${{v#{pattern}}}", env).text, expand(f"${{v##{pattern}}}", env).text
    assert value.endswith(short)
    assert short.endswith(long)


@given(st.text(alphabet="$${}ab:-+?#%/'\"\\* "))
def test_law_anything_is_expanded_or_refused(text: str) -> None:
    try:
        expand(text, {"a": "b", "b": "'$a"})
    except ShellError:
        pass
