"""A small workshop for tests with real containers: a busybox root, bundles by our own planner, a runtime of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from boxship.base.ids import new_id
from boxship.engine.bundle import bundle, exec_process
from boxship.host.api.runtime import Console, ExecLaunch, Launch
from boxship.host.cgroups import detect
from boxship.host.conmon.runtime import ConmonRuntime
from boxship.host.oci.facts import host_facts
from boxship.host.oci.programs import Programs, claim_controllers
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.exec import ExecSpec
from boxship.model.runtime import Identity, Surroundings
from boxship.model.status import Container

BUSYBOX = "/usr/bin/busybox"
PATH = "PATH=/bin"


class Shop:
    """Everything below one directory on tmpfs. `runtime` can be replaced by `restart`, as a daemon is."""

    def __init__(self, root: Path, default: str) -> None:
        claim_controllers()
        self.root = root
        self.rootfs = root / "rootfs"
        self.cgroup_parent = f"/bt{os.path.basename(root)}"
        self.cgroups = detect()
        self.facts = host_facts(self.cgroups)
        self.default = default
        self.runtime = self._runtime()
        self.configs: dict[str, dict[str, Any]] = {}
        self._made: list[str] = []
        make_root(self.rootfs)

    def _runtime(self) -> ConmonRuntime:
        return ConmonRuntime(str(self.root / "run"), self.cgroups, Programs(default=self.default))

    async def restart(self) -> None:
        """What a daemon that was killed leaves, seen by the next one."""
        await self.runtime.aclose()
        self.runtime = self._runtime()
        await self.runtime.probe()

    def launch(
        self,
        *command: str,
        tty: bool = False,
        stdin: bool = False,
        once: bool = False,
        around: Mapping[str, Any] = MappingProxyType({}),
        **host: Any,
    ) -> Launch:
        """around: more for Surroundings.  host: fields of HostSpec."""
        id = new_id()
        self._made.append(id)
        container = self.container(id, *command, tty=tty, **host)
        log = self.root / "logs" / id
        log.parent.mkdir(exist_ok=True)
        usual = {"rootfs": str(self.rootfs), "cgroup": f"{self.cgroup_parent}/{id}", "hostname": id[:12]}
        config = bundle(container, self.facts, Surroundings(**{**usual, **around})).config
        self.configs[id] = config
        return Launch(
            id=id, config=config, runtime=self.default, terminal=tty, stdin=stdin, stdin_once=once, log_path=str(log)
        )

    def container(self, id: str, *command: str, tty: bool = False, **host: Any) -> Container:
        spec = ContainerSpec(image="busybox", env=(PATH,), tty=tty, host=HostSpec(**host))
        return Container(
            id=id, name=id[:12], created=1, image_id="", group=id, spec=spec, path=command[0], args=command[1:]
        )

    def exec(self, id: str, *command: str, tty: bool = False, **more: Any) -> ExecLaunch:
        asked = ExecSpec(cmd=command, tty=tty)
        process = exec_process(self.container(id, "x"), asked, self.facts, Identity(), self.configs[id]["process"])
        return ExecLaunch(id=id, process=process, terminal=tty, **more)

    async def run(self, launch: Launch) -> tuple[int, bytes, bytes]:
        """Create, attach, start, wait, delete; return exit code, stdout and stderr."""
        await self.runtime.create(launch)
        console = await self.runtime.attach(launch.id)
        await self.runtime.start(launch.id)
        out, err = await drain(console)
        code = await self.exit_code(launch.id)
        await self.runtime.delete(launch.id)
        self.runtime.forget(launch.id)
        return code, out, err

    async def exit_code(self, id: str) -> int:
        async for seen in self.runtime.exits():
            if seen.id == id:
                return seen.code
        raise AssertionError("exits ended")

    def log(self, id: str) -> bytes:
        return (self.root / "logs" / id).read_bytes()

    async def clear(self) -> None:
        for id in self._made:
            await self.runtime.delete(id)
            self.runtime.forget(id)
        await self.runtime.aclose()
        self.cgroups.remove(self.cgroup_parent)
        left = subprocess.run(["pgrep", "-f", str(self.root / "run")], capture_output=True, text=True, check=False)
        assert left.stdout == "", f"processes left: {left.stdout}"


def make_root(rootfs: Path) -> None:
    for name in ("bin", "proc", "sys", "dev", "etc", "tmp"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, rootfs / "bin" / "busybox")
    for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (rootfs / "noexec").write_text("hi\n")


@asynccontextmanager
async def shop(default: str = "crun") -> AsyncIterator[Shop]:
    root = Path(tempfile.mkdtemp(prefix="bt", dir="/dev/shm"))
    try:
        made = Shop(root, default)
        try:
            await made.runtime.probe()
            yield made
        finally:
            await made.clear()
    finally:
        shutil.rmtree(root)


async def drain(console: Console) -> tuple[bytes, bytes]:
    """Return all of stdout and stderr, and close."""
    streams = {1: b"", 2: b""}
    parts: dict[int, list[bytes]] = {1: [], 2: []}
    async for stream, data in console.output():
        parts[stream].append(data)
    console.close()
    streams = {stream: b"".join(found) for stream, found in parts.items()}
    return streams[1], streams[2]


async def until(console: Console, text: bytes) -> bytes:
    """Read until `text` has come; return all that came. The console stays open."""
    seen = b""
    async for _, data in console.output():
        seen += data
        if text in seen:
            return seen
    raise AssertionError(f"ended with {seen!r}")
