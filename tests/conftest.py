"""Fixtures that all kinds of tests share."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.daemons import Daemon

# The stock programs that `make setup-test` fetched come before the host's own.
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"

# How long an example takes says how busy the machine is, not whether the law holds.
settings.register_profile("boxship", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("boxship")

# What users' shells do not set either: output that is held back must be seen to be held back.
os.environ.pop("PYTHONUNBUFFERED", None)

# Who runs the tests in the background has them ignore interrupts; what they start shall know them again.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _running(*flags: str) -> Iterator[Daemon]:
    if os.geteuid() != 0:
        pytest.fail("a daemon needs root: run the tests as root, or leave tests/e2e, tests/kill and tests/root out")
    found = Daemon(*flags)
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """One daemon for the whole session; at its end nothing of it may be left on the machine."""
    yield from _running()


@pytest.fixture
def killable() -> Iterator[Daemon]:
    """A daemon of one test's own, to be killed and started again."""
    yield from _running()
