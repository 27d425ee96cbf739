"""A plan while it is made. Pure."""

from collections.abc import Iterable

from boxship.front.compose.plan.steps import Action, Plan, Step


class Sketch:
    """Steps come in an order in which they could be done one by one."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._warnings: list[str] = []
        self.right: list[str] = []

    def add(self, key: str, action: Action, cause: str, after: Iterable[str] = (), update: str = "") -> str:
        """Add a step after those in `after`; return its key."""
        self._steps[key] = Step(key, action, cause, tuple(dict.fromkeys(after)), update)
        return key

    def has(self, key: str) -> bool:
        return key in self._steps

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def plan(self) -> Plan:
        return Plan(tuple(self._steps.values()), tuple(self.right), tuple(self._warnings))
