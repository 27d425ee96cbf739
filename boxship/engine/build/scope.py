"""Variables of a build: global arguments, a stage's arguments and environment, what is predefined. Pure.

Source: Dockerfile reference, "ARG", "Automatic platform ARGs in the global scope", "Predefined ARGs".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from boxship.engine.build.dockerfile.shellwords import Expanded, ShellError, expand
from boxship.engine.build.dockerfile.source import Line, nearest, wrong
from boxship.engine.build.dockerfile.values import Arg

PROXIES = frozenset(
    name
    for word in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (word, word.lower())
)
OURS = ("BUILDKIT_", "SOURCE_DATE_EPOCH")
_PLATFORM = ("PLATFORM", "OS", "ARCH", "VARIANT")


def platform_args(build: tuple[str, str, str], target: tuple[str, str, str], stage: str = "") -> dict[str, str]:
    """Return BUILDPLATFORM, TARGETARCH and the others. A platform is (os, architecture, variant)."""
    found = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        values = ("/".join(part for part in platform if part), *platform)
        found.update({prefix + name: value for name, value in zip(_PLATFORM, values, strict=True)})
    return found | {"TARGETSTAGE": stage or "default"}


@dataclass(slots=True)
class Scope:
    """Arguments known at one place of a Dockerfile. given: by the user; None there means: take no value.
    predefined: platform arguments.  outer: the global arguments, for a stage.  used: given ones that were declared."""

    given: Mapping[str, str | None]
    predefined: Mapping[str, str]
    outer: Mapping[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    unset: list[tuple[Line, str, str]] = field(default_factory=list)
    escape: str = "\\"

    def declare(self, arg: Arg, env: Mapping[str, str]) -> tuple[tuple[str, str | None], ...]:
        """Take an ARG in; return its names with the values they have now. Raises DockerfileError."""
        settled = []
        for raw, default in arg.pairs:
            name = self.text(arg.line, raw, env)
            value = None if default is None else self.text(arg.line, default, env)
            chosen = self.given.get(name)
            if chosen is None and default is None:
                chosen = self.outer.get(name, self.predefined.get(name))
            chosen = value if chosen is None else chosen
            self.used.add(name)
            self.declared.add(name)
            if chosen is not None:
                self.args[name] = chosen
            settled.append((name, chosen))
        return tuple(settled)

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return what expansion sees: the environment outweighs arguments."""
        return {**self.args, **env}

    def text(self, line: Line, text: str, env: Mapping[str, str]) -> str:
        return self._expanded(line, text, env).text

    def words(self, line: Line, text: str, env: Mapping[str, str]) -> tuple[str, ...]:
        return self._expanded(line, text, env).words

    def _expanded(self, line: Line, text: str, env: Mapping[str, str]) -> Expanded:
        if not any(c in text for c in "$'\"") and self.escape not in text:
            return Expanded(text, tuple(text.split()))
        known = self.variables(env)
        try:
            found = expand(text, known, self.escape)
        except ShellError as e:
            raise wrong(line, f'failed to process "{text}": {e}', part=text) from e
        for name in sorted(found.unset):
            self.unset.append((line, name, nearest(name, known)))
        return found


def unused(given: Iterable[str], used: Iterable[str]) -> tuple[str, ...]:
    """Return the build arguments that no ARG declares and that are not predefined."""
    taken = set(used) | PROXIES
    return tuple(sorted(n for n in given if n not in taken and not n.startswith(OURS)))
