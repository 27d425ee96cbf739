"""One line of text as the words of a command, split as docker compose splits `command` and `entrypoint`. Pure.

Quotes and backslashes work as in a shell. There is no shell, though: words end where an operator (`;`, `&`, `|`, `<`,
`>`) stands outside quotes, and nothing behind it belongs to the command.
"""

_OPERATORS = frozenset(";&|<>")


def split(line: str) -> list[str]:
    """Return the words of `line`. Raises ValueError for a quote or bracket that does not close."""
    splitter = _Splitter()
    for char in line:
        if not splitter.take(char):
            break
    return splitter.end()


class _Splitter:
    def __init__(self) -> None:
        self.words: list[str] = []
        self._word = ""
        self._there = False  # a word has begun, be it an empty one in quotes
        self._quote = ""  # ', ", ` or ( for $(
        self._escaped = False

    def take(self, char: str) -> bool:
        """Read one character; False ends the command."""
        if self._escaped:
            self._escaped = False
            self._add(char)
        elif char == "\\" and self._quote != "'":
            self._escaped = True
        elif char.isspace():
            self._space(char)
        elif char in "'\"" and self._quote in ("", char, "`"):
            self._toggle(char)
        elif char in "`()" and self._quote not in ("'", '"'):
            self._bracket(char)
        elif char in _OPERATORS and not self._quote:
            if char == ">" and self._word[:1].isdigit():
                self._there = False  # `2>` names a stream, it is no word
            return False
        else:
            self._add(char)
        return True

    def _add(self, char: str) -> None:
        self._word += char
        self._there = True

    def _space(self, char: str) -> None:
        if self._quote:
            self._word += char
        elif self._there:
            self.words.append(self._word)
            self._word, self._there = "", False

    def _toggle(self, char: str) -> None:
        if self._quote == "`":
            self._add(char)
            return
        self._there = self._there or self._quote == char
        self._quote = "" if self._quote == char else char

    def _bracket(self, char: str) -> None:
        if char == "`" and self._quote != "(":
            self._quote = "" if self._quote == "`" else "`"
        elif char == "(" and self._quote != "`":
            if self._quote == "(" or not self._word.endswith("$"):
                raise ValueError("invalid command line string")
            self._quote = "("
        elif char == ")" and self._quote != "`":
            self._quote = "" if self._quote == "(" else "("
        self._add(char)

    def end(self) -> list[str]:
        if self._quote or self._escaped:
            raise ValueError("invalid command line string")
        if self._there:
            self.words.append(self._word)
        return self.words
