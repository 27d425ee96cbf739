"""Carry out a plan: every step as soon as those it comes after are done, side by side. No decisions here."""

import threading
from collections.abc import Callable

from boxship.front.compose.plan.steps import Plan, Step

WIDTH = 24  # steps at once; most of them wait


class StepFailed(Exception):
    """step: which one. cause: why."""

    def __init__(self, step: Step, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.step, self.cause = step, cause


def execute(plan: Plan, act: Callable[[Step], None], width: int = WIDTH) -> None:
    """Do every step of the plan. After a failure nothing new is begun; what has begun comes to its end.

    Raises StepFailed with the first failure. KeyboardInterrupt leaves at once what goes on in the background."""
    if plan.steps:
        _Run(plan, act, width).run()


class _Run:
    def __init__(self, plan: Plan, act: Callable[[Step], None], width: int) -> None:
        self._waiting = {step.key: step for step in plan.steps}
        self._done: set[str] = set()
        self._going = 0
        self._failure: StepFailed | None = None
        self._act = act
        self._width = width
        self._changed = threading.Condition()

    def run(self) -> None:
        with self._changed:
            while True:
                self._begin()
                if not self._going:
                    break
                self._changed.wait()
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            raise RuntimeError(f"steps wait for each other: {', '.join(self._waiting)}")

    def _begin(self) -> None:
        if self._failure is not None:
            return
        for step in [step for step in self._waiting.values() if self._done.issuperset(step.after)]:
            if self._going >= self._width:
                return
            del self._waiting[step.key]
            self._going += 1
            threading.Thread(target=self._do, args=(step,), daemon=True).start()

    def _do(self, step: Step) -> None:
        failure: StepFailed | None = None
        try:
            self._act(step)
        except Exception as error:  # whatever it is, the main thread has to hear of it
            failure = StepFailed(step, error)
        with self._changed:
            self._going -= 1
            if failure is None:
                self._done.add(step.key)
            elif self._failure is None:
                self._failure = failure
            self._changed.notify()
