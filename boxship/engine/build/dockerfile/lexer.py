"""A Dockerfile's text as instructions: directives, comments, continuation lines, heredocs. Pure.

Source: Dockerfile reference, "Parser directives", "Here-Documents".
"""

import re
from dataclasses import dataclass, replace

from boxship.engine.build.dockerfile.shellwords import ShellError, marks
from boxship.engine.build.dockerfile.source import Heredoc, Line, at

DIRECTIVES = ("syntax", "escape", "check", "features")
WITH_HEREDOCS = frozenset(("ADD", "COPY", "RUN"))
_DIRECTIVE = re.compile(r"^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_MARK = re.compile(r"^(\d*)<<(-?)([^<]*)$")


@dataclass(frozen=True, slots=True)
class Empty:
    """An empty line in the middle of an instruction, which is going to be an error one day."""

    line: int


@dataclass(frozen=True, slots=True)
class Read:
    """directives: "syntax", "escape", "check", "features" as far as given.  comments: text of the comment lines right
    above, by the first line of an instruction."""

    lines: tuple[Line, ...]
    directives: dict[str, str]
    empties: tuple[Empty, ...]
    comments: dict[int, str]
    source: tuple[str, ...]

    @property
    def escape(self) -> str:
        return self.directives.get("escape", "\\")


def read(text: str, file: str = "Dockerfile") -> Read:
    """Split a Dockerfile into its instructions. Raises DockerfileError."""
    source = tuple(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))
    if source and source[-1] == "":
        source = source[:-1]
    directives = _directives(source, file)
    return _Lexer(source, file, directives).run()


def _directives(source: tuple[str, ...], file: str) -> dict[str, str]:
    """They stand above everything else, comments included."""
    found: dict[str, str] = {}
    for number, line in enumerate(source, 1):
        if number == 1 and line.startswith("#!"):
            continue
        match = _DIRECTIVE.match(line.strip())
        if match is None or match[1].lower() not in DIRECTIVES:
            break
        name = match[1].lower()
        if name in found:
            raise at(source, file, (number, number), f"only one {name} parser directive can be used", match[1])
        found[name] = match[2]
        if name == "escape" and match[2] not in ("\\", "`"):
            message = f"invalid escape token '{match[2]}' does not match ` or \\"
            raise at(source, file, (number, number), message, match[2])
    return found


class _Lexer:
    def __init__(self, source: tuple[str, ...], file: str, directives: dict[str, str]) -> None:
        self._source = source
        self._file = file
        self._directives = directives
        token = re.escape(directives.get("escape", "\\"))
        self._more = re.compile(rf"(^|[^{token}]){token}[ \t]*$")
        self._next = len(directives)  # index of the line to come
        self._lines: list[Line] = []
        self._empties: list[Empty] = []
        self._comments: dict[int, str] = {}
        self._said: list[str] = []  # comments since the last instruction

    def run(self) -> Read:
        while self._next < len(self._source):
            text = self._source[self._next]
            if text.lstrip().startswith("#"):
                self._said.append(text.lstrip()[1:].strip())
                self._next += 1
            elif not text.strip():
                self._said.clear()
                self._next += 1
            else:
                self._instruction()
        return Read(tuple(self._lines), self._directives, tuple(self._empties), self._comments, self._source)

    def _instruction(self) -> None:
        first = self._next + 1
        if self._said:
            self._comments[first] = "\n".join(self._said)
            self._said.clear()
        text = self._joined()
        keyword, rest = _split_blank(text.strip())
        line = Line(
            keyword=keyword.upper(),
            rest=rest.strip(),
            first=first,
            last=self._next,
            column=len(self._source[first - 1]) - len(self._source[first - 1].lstrip()),
            file=self._file,
            source=self._source,
        )
        line = replace(line, original=f"{line.keyword} {line.rest}".rstrip())
        self._lines.append(self._with_heredocs(line))

    def _joined(self) -> str:
        """Take the lines of one instruction. A continuation line that is empty or a comment does not end it."""
        text = self._source[self._next].strip()
        raw = self._source[self._next].lstrip()
        self._next += 1
        pieces = []
        continued = self._continued(raw)
        while continued is not None:
            pieces.append(continued)
            following = self._following()
            if following is None:
                return "".join(pieces)
            raw, text = following, following
            continued = self._continued(raw)
        pieces.append(text)
        return "".join(pieces)

    def _continued(self, text: str) -> str | None:
        """Return `text` without its mark of continuation, None if it has none."""
        match = self._more.search(text)
        return None if match is None else text[: match.end(1)]

    def _following(self) -> str | None:
        while self._next < len(self._source):
            text = self._source[self._next]
            self._next += 1
            if not text.strip():
                self._empties.append(Empty(self._next))
            elif not text.lstrip().startswith("#"):
                return text
        return None

    def _with_heredocs(self, line: Line) -> Line:
        keyword, rest = line.keyword, line.rest
        if keyword == "ONBUILD":
            keyword, rest = _split_blank(rest)
        if keyword.upper() not in WITH_HEREDOCS or "<<" not in rest:
            return line
        found = tuple(self._heredoc(mark, line) for mark in heredoc_marks(rest, self._directives.get("escape", "\\")))
        if not found:
            return line
        body = "\n".join(self._source[line.last : self._next])
        return replace(line, heredocs=found, last=self._next, original=f"{line.original}\n{body}")

    def _heredoc(self, mark: Heredoc, line: Line) -> Heredoc:
        taken: list[str] = []
        while self._next < len(self._source):
            text = self._source[self._next]
            self._next += 1
            text = text.lstrip("\t") if mark.chomp else text
            if text == mark.name:
                return Heredoc(mark.name, "".join(f"{t}\n" for t in taken), mark.expand, mark.chomp)
            taken.append(text)
        raise at(self._source, self._file, (line.first, line.last), f"unterminated heredoc {mark.name}", mark.name)


def heredoc_marks(text: str, escape: str = "\\") -> tuple[Heredoc, ...]:
    """Return the marks of heredocs among the words of an instruction, their texts still empty."""
    try:
        words = marks(text, escape)
    except ShellError:  # no words of a shell: then it is said where it matters
        return ()
    return tuple(found for word in words if (found := heredoc_mark(word)) is not None)


def heredoc_mark(word: str) -> Heredoc | None:
    """Return the mark of a heredoc, `<<EOF`, `<<-"EOF"`; None for any other word."""
    match = _MARK.match(word)
    if match is None or not match[3]:
        return None
    name = re.sub(r"""["']""", "", match[3])
    if not name or re.search(r"[\s;&|()]", name):
        return None
    return Heredoc(name, "", expand=name == match[3], chomp=match[2] == "-")


def _split_blank(text: str) -> tuple[str, str]:
    word, *rest = re.split(r"\s+", text, maxsplit=1)
    return word, rest[0] if rest else ""
