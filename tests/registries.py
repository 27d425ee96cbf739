"""Registries for tests: in this process or as a process of its own, images to push, a small client."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from boxship.app.registry.serve import serve
from boxship.app.registry.settings import Settings
from boxship.engine.images.manifest import OCI_INDEX, OCI_MANIFEST
from tests.patience import until
from tests.ports import free_port

PROGRAM = Path(sys.executable).parent / "boxship"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
OCTETS = {"Content-Type": "application/octet-stream"}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def described(content: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


@dataclass(frozen=True)
class Image:
    """blobs: the configuration first."""

    blobs: tuple[bytes, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def image(*layers: bytes, config: bytes = b"{}", **more: Any) -> Image:
    """Return an image; `more` goes into its manifest."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, CONFIG),
        "layers": [described(layer, LAYER) for layer in layers],
        **more,
    }
    return Image((config, *layers), json.dumps(document).encode())


def index(*manifests: bytes, **more: Any) -> bytes:
    entries = [described(content, OCI_MANIFEST) for content in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more}).encode()


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(json.loads(self.body)["errors"][0]["code"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """One registry at `base`. shown: headers that go with every request."""

    base: str
    http: aiohttp.ClientSession
    shown: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Headers' names are written with _ for -."""
        sent = {**self.shown, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = path if "://" in path else self.base + path
        async with self.http.request(method, url, data=body, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def upload(self, repository: str, content: bytes) -> str:
        begun = await self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert begun.status == 202, begun.body
        digest = digest_of(content)
        done = await self.ask("PUT", f"{begun.headers['Location']}?digest={digest}", content, **OCTETS)
        assert done.status == 201, done.body
        return digest

    async def put(self, repository: str, reference: str, manifest: bytes, kind: str = OCI_MANIFEST) -> Answer:
        return await self.ask("PUT", f"/v2/{repository}/manifests/{reference}", manifest, Content_Type=kind)

    async def push(self, repository: str, tag: str, pushed: Image) -> str:
        for blob in pushed.blobs:
            await self.upload(repository, blob)
        answer = await self.put(repository, tag, pushed.manifest)
        assert answer.status == 201, answer.body
        return pushed.digest


@contextlib.asynccontextmanager
async def serving(root: Path, **settings: Any) -> AsyncIterator[Api]:
    """A registry in this process."""
    found = Settings(root=str(root), listen=("127.0.0.1:0",), collect_every=0.0, **settings)
    async with serve(found) as addresses, aiohttp.ClientSession(auto_decompress=False) as http:
        scheme = "https" if found.tlscert else "http"
        yield Api(f"{scheme}://{addresses[0]}", http)


@contextlib.contextmanager
def docker_registry(home: Path) -> Iterator[str]:
    """Debian's docker-registry on loopback, with its blobs in `home`; give its host and port."""
    program = shutil.which("docker-registry")
    assert program, "docker-registry is missing: install it"
    host = f"127.0.0.1:{free_port()}"
    (home / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {home}}}, delete: {{enabled: true}}}}\n"
    )
    running = subprocess.Popen([program, "serve", str(home / "config.yml")], stderr=subprocess.DEVNULL)
    try:
        until(lambda: running.poll() is not None or _answers(f"http://{host}/v2/"), "docker-registry does not answer")
        assert running.poll() is None, "docker-registry ended"
        yield host
    finally:
        running.terminate()
        running.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=20).close()
    except OSError:
        return False
    return True


class Server:
    """A registry as a process, to be killed and started again. `close` at the end."""

    def __init__(self, root: Path, *flags: str) -> None:
        self.port = free_port()
        self.root = root
        self.host = f"127.0.0.1:{self.port}"
        self.base = f"http://{self.host}"
        self._flags = ["--root", str(root), "--listen", self.host, "--collect-every", "0", *flags]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        log = (self.root.parent / "registry.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [PROGRAM, "registry", "serve", *self._flags], stdout=log, stderr=log, env=environ
            )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            assert self.process.poll() is None, (self.root.parent / "registry.log").read_text()
            time.sleep(0.02)
        raise AssertionError("the registry does not answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(60) == 0
