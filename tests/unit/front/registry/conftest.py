"""A registry in this process for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.registries import Api, serving


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path / "registry") as found:
        yield found
