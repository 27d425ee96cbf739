"""Waiting for the end of a container: who asks registers at once and may take the answer later."""

import asyncio
from collections.abc import Callable

from boxship.base.errors import Invalid
from boxship.engine.states import UP
from boxship.model.status import Container

NOT_RUNNING, NEXT_EXIT, REMOVED = CONDITIONS = ("not-running", "next-exit", "removed")


class Waiter:
    """One registered wait. Drop it with `cancel` if the answer is no longer wanted."""

    def __init__(self, forget: Callable[["Waiter"], None], condition: str) -> None:
        self.condition = condition
        self._forget = forget
        self._answer: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    @property
    def waiting(self) -> bool:
        """Whether there is no answer yet."""
        return not self._answer.done()

    async def result(self) -> tuple[int, str]:
        """Return the exit code and the error text ("" for none), as soon as the condition is met."""
        try:
            return await self._answer
        finally:
            self.cancel()

    def answer(self, container: Container) -> None:
        if not self._answer.done():
            self._answer.set_result((container.status.exit_code, container.status.error))

    def cancel(self) -> None:
        self._answer.cancel()
        self._forget(self)


class Waiters:
    """All waits of all containers, by container id."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiter]] = {}

    def add(self, container: Container, condition: str) -> Waiter:
        """Register; "" is not-running. Raises Invalid for a condition Docker does not know."""
        condition = condition or NOT_RUNNING
        if condition not in CONDITIONS:
            raise Invalid(f'invalid condition: "{condition}"')
        waiter = Waiter(lambda gone: self._drop(container.id, gone), condition)
        if condition == NOT_RUNNING and container.status.state not in UP:
            waiter.answer(container)
        else:
            self._waiting.setdefault(container.id, []).append(waiter)
        return waiter

    def exited(self, container: Container) -> None:
        """An exit was recorded. Who waits already learns of it, even if the container is about to be restarted; who
        comes later waits for the next exit then, as with dockerd."""
        self._answer(container, NEXT_EXIT)
        self._answer(container, NOT_RUNNING)

    def settled(self, container: Container) -> None:
        """Whatever happened, it may not count as running any more; a start that failed is no exit."""
        if container.status.state not in UP:
            self._answer(container, NOT_RUNNING)

    def removed(self, container: Container) -> None:
        for condition in CONDITIONS:
            self._answer(container, condition)

    def _answer(self, container: Container, condition: str) -> None:
        for waiter in [w for w in self._waiting.get(container.id, ()) if w.condition == condition]:
            waiter.answer(container)

    def _drop(self, container_id: str, gone: Waiter) -> None:
        left = [w for w in self._waiting.get(container_id, ()) if w is not gone]
        if left:
            self._waiting[container_id] = left
        else:
            self._waiting.pop(container_id, None)
