"""Which tags and manifests go by age and number. Pure: the moment is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from boxship.engine.registry.options import Retention


@dataclass(frozen=True, slots=True)
class Tagged:
    """changed: seconds since 1970."""

    name: str
    changed: float


@dataclass(frozen=True, slots=True)
class Untagged:
    """A manifest that no tag, no index and no subject keeps. pushed: seconds since 1970."""

    digest: str
    pushed: float


@dataclass(frozen=True, slots=True)
class DropTag:
    name: str
    cause: str


@dataclass(frozen=True, slots=True)
class DropManifest:
    digest: str
    cause: str


Action = DropTag | DropManifest


def plan(
    rules: Sequence[Retention], repository: str, tags: Sequence[Tagged], untagged: Sequence[Untagged], now: float
) -> tuple[Action, ...]:
    """Return what one repository is to lose; () where no rule says anything."""
    rules = [rule for rule in rules if fnmatchcase(repository, rule.repositories)]
    groups: dict[int, list[Tagged]] = {}
    for tag in tags:
        first = next((i for i, rule in enumerate(rules) if fnmatchcase(tag.name, rule.tags)), None)
        if first is not None:
            groups.setdefault(first, []).append(tag)
    drops: list[Action] = []
    for number, group in sorted(groups.items()):
        drops += _expired(rules[number], group, now)
    limit = next((rule.untagged for rule in rules if rule.untagged is not None), None)
    if limit is not None:
        drops += [DropManifest(m.digest, f"untagged for more than {limit:g} s") for m in untagged
                  if m.pushed + limit < now]  # fmt: skip
    return tuple(drops)


def _expired(rule: Retention, group: Sequence[Tagged], now: float) -> list[Action]:
    if not (rule.keep or rule.within):
        return []
    newest = sorted(group, key=lambda tag: (-tag.changed, tag.name))
    late = [tag for tag in newest[rule.keep :] if not (rule.within and tag.changed + rule.within >= now)]
    cause = f"not among the {rule.keep} newest of {rule.tags}"
    if rule.within:
        cause += f" and older than {rule.within:g} s"
    return [DropTag(tag.name, cause) for tag in late]


def render(actions: Sequence[Action]) -> str:
    """One line per action, for logs, dry runs and tests."""
    return "\n".join(
        f"untag {a.name}: {a.cause}" if isinstance(a, DropTag) else f"remove {a.digest}: {a.cause}" for a in actions
    )
