"""Dockerfiles as text in, stages of instructions out, errors that point at the place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.engine.build.dockerfile import DockerfileError, parse
from boxship.engine.build.dockerfile.lexer import read
from boxship.engine.build.dockerfile.values import (
    Add,
    Arg,
    Cmd,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Run,
    Volume,
)
from boxship.model.container import HealthSpec


def only(text: str) -> Instruction:
    (stage,) = parse(f"FROM x\n{text}\n").stages
    (instruction,) = stage.instructions
    return instruction


def lines(text: str) -> list[tuple[str, str, int, int]]:
    return [(line.keyword, line.rest, line.first, line.last) for line in read(text).lines]


LINES = {
    "comments and blanks": ("# a\n\n  # b\nFROM x # y\n", [("FROM", "x # y", 4, 4)]),
    "keywords in any case": ("from x\nRuN a\n", [("FROM", "x", 1, 1), ("RUN", "a", 2, 2)]),
    "no line end at the end": ("FROM x", [("FROM", "x", 1, 1)]),
    "windows line ends": ("FROM x\r\nRUN a \\\r\n  b\r\n", [("FROM", "x", 1, 1), ("RUN", "a   b", 2, 3)]),
    "a mark of byte order": ("\ufeffFROM x\n", [("FROM", "x", 1, 1)]),
    "continuation": ("RUN a \\\n b \\\n c\n", [("RUN", "a  b  c", 1, 3)]),
    "blanks behind the escape": ("RUN a \\  \n b\n", [("RUN", "a  b", 1, 2)]),
    "an escaped escape ends nothing": ("RUN a \\\\\nRUN b\n", [("RUN", "a \\\\", 1, 1), ("RUN", "b", 2, 2)]),
    "comments within": ("RUN a \\\n# no\n\t# no\n b\n", [("RUN", "a  b", 1, 4)]),
    "empty lines within": ("RUN a \\\n\n b\n", [("RUN", "a  b", 1, 3)]),
    "continuation at the end of the file": ("RUN a \\", [("RUN", "a", 1, 1)]),
    "another escape": ("# escape=`\nRUN a `\n b\\\nRUN c\n", [("RUN", "a  b\\", 2, 3), ("RUN", "c", 4, 4)]),
    "a directive below a comment is one": ("# x\n# escape=`\nRUN a \\\n b\n", [("RUN", "a  b", 3, 4)]),
    "tabs": ("RUN\ta\tb\n", [("RUN", "a\tb", 1, 1)]),
}


@pytest.mark.parametrize(("text", "wanted"), LINES.values(), ids=LINES)
def test_lines(text: str, wanted: list[tuple[str, str, int, int]]) -> None:
    assert lines(text) == wanted


def test_directives() -> None:
    found = read("# syntax = docker/dockerfile:1\n#check=skip=all\n# note\n# escape=`\nFROM x\n")
    assert found.directives == {"syntax": "docker/dockerfile:1", "check": "skip=all"}
    assert found.comments == {5: "note\nescape=`"}


HEREDOCS = {
    "plain": ("RUN <<EOF\na\nb\nEOF\nCMD x\n", [("EOF", "a\nb\n", True)]),
    "quoted": ("RUN <<'EOF'\n$a\nEOF\n", [("EOF", "$a\n", False)]),
    "double quoted": ('RUN <<"EOF"\n$a\nEOF\n', [("EOF", "$a\n", False)]),
    "chomped": ("RUN <<-EOF\n\ta\n\t\tb\n\tEOF\n", [("EOF", "a\nb\n", True)]),
    "empty": ("RUN <<EOF\nEOF\n", [("EOF", "", True)]),
    "two": ("COPY <<a <<b /x/\n1\na\n2\nb\n", [("a", "1\n", True), ("b", "2\n", True)]),
    "in a command": ("RUN cat <<EOF > /x\nhi\nEOF\n", [("EOF", "hi\n", True)]),
    "comments and escapes in it stay": ("RUN <<EOF\n# a \\\nEOF\n", [("EOF", "# a \\\n", True)]),
    "not a shift": ("RUN echo $((1<<2))\n", []),
    "not in quotes": ("RUN echo '<<EOF'\n", []),
    "not for others": ("ENV a=<<EOF\n", []),
}


@pytest.mark.parametrize(("text", "wanted"), HEREDOCS.values(), ids=HEREDOCS)
def test_heredocs(text: str, wanted: list[tuple[str, str, bool]]) -> None:
    assert [(h.name, h.text, h.expand) for h in read(text).lines[0].heredocs] == wanted


def test_what_follows_a_heredoc_is_read_on() -> None:
    assert [line.keyword for line in read("RUN <<E\nFROM y\nE\nCMD x\n").lines] == ["RUN", "CMD"]


def shown(instruction: Instruction) -> object:
    match instruction:
        case Run(shell=shell, words=words):
            return words or shell
        case Cmd(shell=shell, words=words) | Entrypoint(shell=shell, words=words):
            return shell if words is None else words
        case Env(pairs=pairs) | Label(pairs=pairs):
            return pairs
        case Arg(pairs=pairs):
            return pairs
        case Copy(sources=sources, target=target):
            return (*sources, target)
        case Expose(ports=ports):
            return ports
        case Volume(paths=paths):
            return paths
        case _:
            return instruction


INSTRUCTIONS = [
    ("RUN echo a", "echo a"),
    ('RUN ["a", "b c"]', ("a", "b c")),
    ("RUN ['a']", "['a']"),
    ('RUN ["a", 1]', '["a", 1]'),
    ("CMD ls -l", "ls -l"),
    ('CMD ["ls"]', ("ls",)),
    ("CMD []", ()),
    ("CMD", ()),
    ('ENTRYPOINT ["/x"]', ("/x",)),
    ("ENV a=1 b=2", (("a", "1"), ("b", "2"))),
    ('ENV a="x y" b=c\\ d', (("a", '"x y"'), ("b", "c\\ d"))),
    ("ENV a the whole  rest", (("a", "the whole  rest"),)),
    ("ENV a=", (("a", ""),)),
    ("ENV a=b=c", (("a", "b=c"),)),
    ("LABEL x.y=z", (("x.y", "z"),)),
    ("ARG a", (("a", None),)),
    ("ARG a= b=2 c", (("a", ""), ("b", "2"), ("c", None))),
    ("COPY a b /c", ("a", "b", "/c")),
    ('COPY ["a b", "/c d"]', ("a b", "/c d")),
    ("EXPOSE 80 90/udp", ("80", "90/udp")),
    ("VOLUME /a /b", ("/a", "/b")),
    ('VOLUME ["/a"]', ("/a",)),
]


@pytest.mark.parametrize(("text", "wanted"), INSTRUCTIONS)
def test_instructions(text: str, wanted: object) -> None:
    assert shown(only(text)) == wanted


def test_flags_of_copy_and_add() -> None:
    copy = only("COPY --from=b --chown=1:2 --chmod=644 --link --parents --exclude=*.o --exclude=x a b /c/")
    assert isinstance(copy, Copy)
    assert (copy.origin, copy.chown, copy.chmod, copy.link, copy.parents) == ("b", "1:2", "644", True, True)
    assert copy.exclude == ("*.o", "x")
    add = only("ADD --checksum=sha256:12 --keep-git-dir=true --unpack=false --link=false https://x/y /c")
    assert isinstance(add, Add)
    assert (add.checksum, add.keep_git_dir, add.unpack, add.link) == ("sha256:12", True, False, False)


def test_flags_of_run() -> None:
    run = only('RUN --mount=type=cache,target=/c --mount="type=tmpfs,target=/t" --network=none make')
    assert isinstance(run, Run)
    assert (run.mounts, run.network, run.shell) == (("type=cache,target=/c", "type=tmpfs,target=/t"), "none", "make")


def test_healthcheck() -> None:
    found = only("HEALTHCHECK --interval=1m --timeout=3s --start-period=5s --retries=4 CMD curl -f x")
    assert isinstance(found, Healthcheck)
    assert found.health == HealthSpec(
        test=("CMD-SHELL", "curl -f x"), interval=60 * 10**9, timeout=3 * 10**9, start_period=5 * 10**9, retries=4
    )
    assert only("HEALTHCHECK NONE").health.test == ("NONE",)  # type: ignore[union-attr]
    assert only('HEALTHCHECK CMD ["a"]').health.test == ("CMD", "a")  # type: ignore[union-attr]


def test_stages() -> None:
    found = parse("ARG v=1\nFROM a:$v AS One\nRUN x\nFROM --platform=linux/arm64 one\n")
    assert [(s.index, s.name, s.base.image, s.base.platform) for s in found.stages] == [
        (0, "one", "a:$v", ""),
        (1, "", "one", "linux/arm64"),
    ]
    assert [stage.label for stage in found.stages] == ["one", "stage-1"]


WRONG = {
    "": "the Dockerfile cannot be empty",
    "RUN x": "no build stage in current context",
    "ARG x": "contains no stages",
    "FROM": "FROM requires either one or three arguments",
    "FROM a b": "FROM requires either one or three arguments",
    "FROM a AS 1x": 'invalid name for build stage: "1x"',
    "FROM a AS b\nFROM c AS B": "duplicate name b",
    "FROM a\nRUNN x": r"line 2: unknown instruction: RUNN \(did you mean RUN\?\)",
    "FROM a\nXYZZY x": "unknown instruction: XYZZY\n",
    "FROM a\nCOPY --form=b x y": r"unknown flag: --form \(did you mean --from\?\)",
    "FROM a\nCOPY --from=b --from=c x y": "duplicate flag specified: --from",
    "FROM a\nCOPY --from x y": "missing a value on flag: --from",
    "FROM a\nCOPY --link=maybe x y": "expecting boolean value for flag --link, not: maybe",
    "FROM a\nCOPY x": "COPY requires at least two arguments, but only 1",
    "FROM a\nENV": "ENV requires at least one argument",
    "FROM a\nENV x": "ENV must have two arguments",
    "FROM a\nENV x=1 y": r"can't find = in \"y\"",
    "FROM a\nENV =1": "names can not be blank",
    "FROM a\nRUN": "RUN requires at least one argument",
    "FROM a\nRUN --network=x y": "invalid network mode",
    "FROM a\nRUN <<EOF\nx": "unterminated heredoc EOF",
    "FROM a\nUSER a b": "USER requires exactly one argument",
    "FROM a\nSHELL sh": "SHELL requires the arguments to be in JSON form",
    "FROM a\nVOLUME": "VOLUME requires at least one argument",
    "FROM a\nHEALTHCHECK cdm x": r'Unknown type "CDM" in HEALTHCHECK \(try CMD\) \(did you mean CMD\?\)',
    "FROM a\nHEALTHCHECK --interval=x CMD y": "invalid duration",
    "FROM a\nHEALTHCHECK --interval=1us CMD y": "cannot be less than 1ms",
    "FROM a\nONBUILD ONBUILD RUN x": "Chaining ONBUILD",
    "FROM a\nONBUILD FROM x": "FROM isn't allowed as an ONBUILD trigger",
    "# escape=x\nFROM a": "invalid escape token 'x'",
    "# escape=`\n# escape=`\nFROM a": "only one escape parser directive can be used",
    "FROM a\nINCLUDE b": "unknown instruction: INCLUDE",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(DockerfileError, match=said):
        parse(text)


def test_errors_show_the_place() -> None:
    with pytest.raises(DockerfileError) as caught:
        parse("FROM a\nRUN x\nCOPY --form=b c d\nRUN y\nRUN z\n", "sub/Dockerfile")
    assert caught.value.line == 3
    assert str(caught.value).splitlines()[1:] == [
        "sub/Dockerfile:3",
        "--------------------",
        "   1 |     FROM a",
        "   2 |     RUN x",
        "   3 | >>> COPY --form=b c d",
        "     |          ^^^^^^",
        "   4 |     RUN y",
        "   5 |     RUN z",
        "--------------------",
    ]


def test_include_behind_its_directive() -> None:
    files = {"common": "ENV a=1\nINCLUDE deep/more\n", "deep/more": "RUN b\n"}
    found = parse("# features=include\nFROM x\nINCLUDE common\nCMD c\n", load=files.__getitem__)
    assert [i.line.keyword for i in found.stages[0].instructions] == ["ENV", "RUN", "CMD"]
    assert [i.line.file for i in found.stages[0].instructions] == ["common", "deep/more", "Dockerfile"]
    with pytest.raises(DockerfileError, match="deeper than 16 files"):
        parse("# features=include\nFROM x\nINCLUDE me\n", load=lambda _: "INCLUDE me\n")


# ---- a small fuzzer: whatever comes in, stages or a DockerfileError come out

PIECES = st.sampled_from(
    "FROM RUN COPY ADD ENV ARG LABEL CMD ONBUILD HEALTHCHECK SHELL VOLUME EXPOSE x a=b AS --from= --mount=type=cache "
    '<<EOF <<-"E" EOF E \\ ` # \n \n\n \t [ ] "a" \' " $x ${y:-z} = , {} # escape=` \r\n \0 é 1 NONE'.split(" ")
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=80))
def test_fuzz_the_parser(text: str) -> None:
    for whole in (text, f"FROM a\n{text}"):
        try:
            found = parse(whole)
        except DockerfileError as e:
            assert str(e)
        else:
            assert isinstance(found, Dockerfile)
            assert all(i.line.first <= i.line.last for s in found.stages for i in s.instructions)


@given(st.lists(st.sampled_from(["RUN a", "ENV b=1", "CMD x", "COPY a b"]), max_size=8), st.integers(0, 3))
def test_law_blanks_and_comments_change_nothing(instructions: list[str], often: int) -> None:
    plain = parse("\n".join(["FROM x", *instructions])).stages[0].instructions
    filler = "\n".join(["", "# note", "   ", ""] * often)
    padded = parse(f"\n{filler}\n".join(["FROM x", *instructions])).stages[0].instructions
    assert [shown(i) for i in plain] == [shown(i) for i in padded]
