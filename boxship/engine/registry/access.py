"""Who may do what in which repository. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from boxship.engine.registry.options import Right

ANONYMOUS = ""
ACTIONS = ("pull", "push", "delete")
WHOLE = ("catalog", "admin")  # actions on the registry itself


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is asked for, or grants: `repository:team/app:pull,push`, `registry:catalog:*`."""

    kind: str
    name: str
    actions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"


def parse_scopes(texts: Sequence[str]) -> tuple[Scope, ...]:
    """Return the scopes of a token request; what cannot be read is left out, for it grants nothing."""
    found = []
    for text in " ".join(texts).split():
        kind, _, rest = text.partition(":")
        name, colon, actions = rest.rpartition(":")
        if colon and name:
            found.append(Scope(kind.partition("(")[0], name, tuple(filter(None, actions.split(",")))))
    return tuple(found)


class Rights:
    """The rules of one registry. Without any, whoever has logged in may do all, and nobody else anything;
    where nobody can log in (`open_`), everybody may."""

    def __init__(self, rules: Sequence[Right], *, open_: bool) -> None:
        self._rules = tuple(rules)
        self._open = open_

    def allows(self, user: str, repository: str, action: str) -> bool:
        """Tell whether `user`, "" for nobody in particular, may. repository "" stands for the whole registry."""
        if not self._rules:
            return self._open or user != ANONYMOUS
        return any(
            _is_of(user, rule.users)
            and (action in rule.actions or ("*" in rule.actions))
            and (not repository or any(fnmatchcase(repository, pattern) for pattern in rule.repositories))
            for rule in self._rules
        )

    def granted(self, user: str, asked: Sequence[Scope]) -> tuple[Scope, ...]:
        """Return what of `asked` the user may; scopes of which nothing is left are not among it."""
        found = []
        for scope in asked:
            actions = tuple(action for action in self._expanded(scope) if self._may(user, scope, action))
            if actions:
                found.append(Scope(scope.kind, scope.name, actions))
        return tuple(found)

    def _may(self, user: str, scope: Scope, action: str) -> bool:
        if scope.kind == "repository":
            return self.allows(user, scope.name, action)
        return scope.kind == "registry" and self.allows(user, "", scope.name)

    @staticmethod
    def _expanded(scope: Scope) -> tuple[str, ...]:
        if scope.kind == "registry":
            return ("*",) if scope.name in WHOLE else ()
        known = [a for a in scope.actions if a in ACTIONS]
        return ACTIONS if "*" in scope.actions else tuple(dict.fromkeys(known))


def covers(granted: Sequence[Scope], repository: str, action: str) -> bool:
    """Tell whether a token's scopes allow an action; repository "" is for actions on the registry itself."""
    if repository:
        return any(s.kind == "repository" and s.name == repository and action in s.actions for s in granted)
    return any(s.kind == "registry" and s.name == action and "*" in s.actions for s in granted)


def _is_of(user: str, users: Sequence[str]) -> bool:
    return "*" in users or (user != ANONYMOUS and ("+" in users or user in users))
