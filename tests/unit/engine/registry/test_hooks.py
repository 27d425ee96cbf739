import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from boxship.engine.registry.hooks import Happening, envelope, pause
from boxship.engine.registry.options import Webhook
from tests.registries import image, serving

PUSH = Happening(
    action="push",
    repository="team/app",
    digest="sha256:x",
    tag="v1",
    media_type="m",
    size=5,
    user="alice",
    url="http://r/v2/team/app/manifests/sha256:x",
)


def test_the_envelope_is_distributions() -> None:
    (event,) = json.loads(envelope(PUSH, "id", 0.5))["events"]
    assert event["timestamp"] == "1970-01-01T00:00:00.500000Z"
    assert event["action"] == "push"
    assert event["actor"] == {"name": "alice"}
    assert event["target"] == {"repository": "team/app", "mediaType": "m", "digest": "sha256:x", "tag": "v1", "size": 5,
                               "length": 5, "url": "http://r/v2/team/app/manifests/sha256:x"}  # fmt: skip


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 2), (5, 16), (20, 600)])
def test_pauses_double_up_to_a_limit(attempts: int, seconds: float) -> None:
    assert pause(attempts) == seconds


class Receiver:
    """Answers with the given statuses in turn, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.seen: list[dict[str, Any]] = []
        self.enough = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["X-Key"] == "k"
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.seen += (await request.json())["events"]
            self.enough.set()
        return web.Response(status=status)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    found = Receiver(500)
    app = web.Application()
    app.router.add_post("/", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield found, f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"  # type: ignore[attr-defined]
    await runner.cleanup()


async def test_a_receiver_that_fails_is_told_again_after_a_restart_too(
    tmp_path: Path, receiver: tuple[Receiver, str]
) -> None:
    found, url = receiver
    hook = Webhook(url=url, events=("push",), repositories="team/*", headers={"X-Key": "k"})
    dead = Webhook(url="http://127.0.0.1:9/", attempts=1)
    async with serving(tmp_path / "r", webhooks=(hook, dead)) as api:
        await api.push("else", "v1", image(b"no"))
        await api.push("team/app", "v1", image())
        await asyncio.sleep(0.3)  # the first attempt fails
    async with serving(tmp_path / "r", webhooks=(hook, dead)):
        await asyncio.wait_for(found.enough.wait(), 10)
        for _ in range(100):
            if len(found.seen) == 2:
                break
            await asyncio.sleep(0.05)
    told = {(e["action"], e["target"]["repository"], e["target"].get("tag", "")) for e in found.seen}
    assert told == {("push", "team/app", ""), ("push", "team/app", "v1")}
    assert {e["target"]["url"].partition("/v2/")[2].partition("/")[0] for e in found.seen} == {"team"}
