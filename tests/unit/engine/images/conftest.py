"""Fixtures over fakes.py."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.unit.engine.images.fakes import World, in_pieces, make_tar


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def tar() -> Callable[[dict[str, bytes]], bytes]:
    return make_tar


@pytest.fixture
def pieces() -> Callable[[bytes], AsyncIterator[bytes]]:
    return in_pieces
