"""A small volume plugin, as any program may be one: directories below a root, served on a Unix socket."""

import json
from pathlib import Path
from typing import Any

from aiohttp import web


class VolumePlugin:
    """calls: every call it got, in order. Options: `refuse=<text>` makes it refuse to create a volume."""

    def __init__(self, root: Path, implements: tuple[str, ...] = ("VolumeDriver",)) -> None:
        self.root = root
        self.implements = implements
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.volumes: dict[str, set[str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, socket: Path) -> None:
        app = web.Application()
        app.router.add_post("/{call}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket)).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        call, asked = request.match_info["call"], json.loads(await request.read() or b"{}")
        self.calls.append((call, asked))
        if call == "Plugin.Activate":
            return web.json_response({"Implements": list(self.implements)})
        answer = getattr(self, call.removeprefix("VolumeDriver.").lower())(**asked)
        fault = answer if isinstance(answer, str) else ""
        return web.json_response({"Err": fault, **({} if fault else answer or {})}, status=500 if fault else 200)

    def create(self, Name: str, Opts: dict[str, str]) -> str | None:
        if "refuse" in Opts:
            return Opts["refuse"]
        (self.root / Name).mkdir()
        self.volumes[Name] = set()
        return None

    def get(self, Name: str) -> str | dict[str, Any]:
        return {"Volume": {"Name": Name}} if Name in self.volumes else f"no volume {Name}"

    def list(self) -> dict[str, Any]:
        return {"Volumes": [{"Name": name} for name in self.volumes]}

    def mount(self, Name: str, ID: str) -> str | dict[str, Any]:
        if Name not in self.volumes:
            return f"no volume {Name}"
        self.volumes[Name].add(ID)
        return {"Mountpoint": str(self.root / Name)}

    def unmount(self, Name: str, ID: str) -> str | None:
        self.volumes[Name].discard(ID)
        return None

    def remove(self, Name: str) -> str | None:
        if self.volumes.get(Name):
            return f"{Name} is mounted"
        if Name not in self.volumes:
            return f"no volume {Name}"
        del self.volumes[Name]
        return None
