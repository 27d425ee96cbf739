"""Carry out a plan. No decisions here: if you need an `if`, it belongs in the planner."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from boxship.reconcile.plan import Plan

A = TypeVar("A")


async def execute(plan: Plan[A], act: Callable[[A], Awaitable[None]]) -> None:
    """Run every action, those that may overlap at the same time.

    After a failure nothing new begins; what had begun is waited for, then the first failure is raised."""
    for wave in plan.waves():
        if len(wave) == 1:  # the common case costs no task
            await act(wave[0])
        else:
            outcomes = await asyncio.gather(*(act(action) for action in wave), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
