"""Where something stands in a Dockerfile, and how to say that it is wrong there. Pure."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from boxship.base.errors import Invalid

AROUND = 2  # lines shown before and after a wrong one


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A text between two marks. expand: the mark was not quoted, so variables in it count.
    chomp: the mark was written `<<-`: leading tabs are gone from `text` already."""

    name: str
    text: str
    expand: bool = True
    chomp: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction as written, its continuation lines joined.

    first, last: lines of the file, from 1.  column: where the keyword begins, from 0.
    keyword: in capitals.  rest: what follows it.  file: the Dockerfile's name, and `source` its lines.
    """

    keyword: str
    rest: str
    first: int
    last: int
    column: int = 0
    heredocs: tuple[Heredoc, ...] = ()
    file: str = "Dockerfile"
    source: tuple[str, ...] = field(default=(), repr=False, compare=False)
    original: str = ""

    @property
    def text(self) -> str:
        """The instruction in one line, as progress shows it."""
        return self.original or f"{self.keyword} {self.rest}".rstrip()


class DockerfileError(Invalid):
    """Something in a Dockerfile is wrong. line: from 1; 0 when no line is to blame."""

    def __init__(self, message: str, line: int = 0, file: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.file = file


def wrong(line: Line, message: str, *, part: str = "", hint: str = "") -> DockerfileError:
    """Return the error of one instruction. part: the word that is to blame.  hint: what might have been meant."""
    said = f"{message} (did you mean {hint}?)" if hint else message
    return at(line.source, line.file, (line.first, line.last), said, part)


def failed(line: Line, message: str, *, part: str = "") -> DockerfileError:
    """Return the error of an instruction that is well written and cannot be carried out."""
    head = f"{line.keyword} failed: {message}"
    shown = excerpt(line.source, line.file, line.first, line.last, part)
    return DockerfileError(f"{head}\n{shown}" if shown else head, line.first, line.file)


def at(source: tuple[str, ...], file: str, lines: tuple[int, int], message: str, part: str = "") -> DockerfileError:
    first, last = lines
    head = f"dockerfile parse error on line {first}: {message}"
    shown = excerpt(source, file, first, last, part)
    return DockerfileError(f"{head}\n{shown}" if shown else head, first, file)


def excerpt(source: tuple[str, ...], file: str, first: int, last: int, part: str = "") -> str:
    """Return the lines around, those to blame marked, with carets below `part`; "" without the source."""
    if not source or first < 1:
        return ""
    shown = [f"{file}:{first}", "-" * 20]
    caret = False
    for number in range(max(1, first - AROUND), min(len(source), last + AROUND) + 1):
        text = source[number - 1]
        blamed = first <= number <= last
        shown.append(f"{number:4} | {'>>>' if blamed else '   '} {text}".rstrip())
        if blamed and not caret and (not part or part in text):
            caret = True
            shown.append("     |     " + _carets(text, part))
    return "\n".join([*shown, "-" * 20])


def _carets(text: str, part: str) -> str:
    start = text.index(part) if part else len(text) - len(text.lstrip())
    length = len(part) if part else max(1, len(text.strip()))
    blank = "".join("\t" if c == "\t" else " " for c in text[:start])
    return blank + "^" * max(1, length)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that somebody may have meant, "" if none is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""
