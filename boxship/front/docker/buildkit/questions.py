"""Questions about a Dockerfile in place of a build: what it takes, which targets it has, what is wrong with it."""

import json
from typing import Any

from boxship.front.docker.buildkit.builds import Build
from boxship.front.docker.buildkit.door import Door
from boxship.front.docker.buildkit.results import Result
from boxship.front.docker.buildkit.wire import described
from boxship.front.docker.buildkit.wire.faults import UnknownRequest


async def answer(door: Door, build: Build, result: Result) -> dict[str, bytes]:
    """Return an answer as clients print it: as JSON and as text. Raises UnknownRequest, and what is wrong."""
    assert result.asked is not None
    request = result.asked.request
    if request == "frontend.subrequests.describe":
        return _rendered(described.REQUESTS, described.requests_text())
    if request == "frontend.lint":
        checked, text = await door.check(build, result)
        found = described.lint(checked, result.asked.spec.dockerfile, text)
        status = str(int(bool(checked.error or checked.warnings))).encode()
        return {**_rendered(found, described.lint_text(found, text)), "result.statuscode": status}
    if request == "frontend.outline":
        seen = await door.read(build, result)
        outline = described.outline(seen, result.asked.spec)
        return _rendered(outline, described.outline_text(outline))
    if request == "frontend.targets":
        targets = described.targets(await door.read(build, result))
        return _rendered(targets, described.targets_text(targets))
    raise UnknownRequest(request)


def _rendered(value: Any, text: str) -> dict[str, bytes]:
    return {
        "result.json": json.dumps(value, indent=2).encode(),
        "result.txt": text.encode(),
        "version": b"1.0.0",
    }
