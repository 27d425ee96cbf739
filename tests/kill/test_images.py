"""The daemon is killed while images are loaded, pushed and pulled: each is there whole afterwards, or not at all.

BOXSHIP_KILLS says how often each, divided by four (20 by default, so five times)."""

import hashlib
import io
import json
import os
import random
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.kill.wire import Api, Gone
from tests.registries import Server

pytestmark = [pytest.mark.root, pytest.mark.timeout(1800)]
KILLS = max(1, int(os.environ.get("BOXSHIP_KILLS", "20")) // 4)
LAYERS, FILES, SIZE = 3, 150, 12_000
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def docker_archive(tag: str) -> bytes:
    """An image that no other is like: nothing of it is there already."""
    layers = [tar({f"l{n}/f{i}": os.urandom(SIZE) for i in range(FILES)}) for n in range(LAYERS)]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    paths = [f"{n}/layer.tar" for n in range(LAYERS)]
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": paths}]
    files = {"config.json": config, **dict(zip(paths, layers, strict=True))}
    return tar({**files, "manifest.json": json.dumps(manifest).encode()})


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    found = Daemon()
    found.start()
    yield found
    found.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "registry")
    yield found.start()
    found.close()


def killed(daemon: Daemon, work: Callable[[], object], seconds: float) -> None:
    """Kill the daemon so long after `work` began; start it again once both are over."""

    def run() -> None:
        try:
            work()
        except Gone:
            return

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(seconds)
    daemon.kill()
    thread.join(60)
    assert not thread.is_alive()
    daemon.start()


def check_whole(daemon: Daemon, api: Api, tag: str) -> bool:
    """Tell whether the image is there; if so, all its bytes are, and what is not there has left nothing."""
    status, _ = api.call("GET", f"/images/{tag}/json")
    assert status in (200, 404)
    layers = {entry.name for entry in (daemon.data_root / "layers").iterdir()}
    assert not [entry for entry in (daemon.data_root / "tmp").iterdir() if entry.name.startswith("layer-")]
    if status == 404:
        assert not layers
        return False
    status, saved = api.call("GET", f"/images/{tag}/get")
    assert status == 200
    assert len(layers) == LAYERS
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        (listed,) = json.load(archive.extractfile("manifest.json") or io.BytesIO())
        config = json.load(archive.extractfile(listed["Config"]) or io.BytesIO())
        for path, diff_id in zip(listed["Layers"], config["rootfs"]["diff_ids"], strict=True):
            content = archive.extractfile(path)
            assert content is not None
            assert f"sha256:{hashlib.sha256(content.read()).hexdigest()}" == diff_id
    return True


def check_registry(registry: Server, name: str) -> bool:
    """Tell whether the registry has the image; if so, all its blobs are what they are called."""
    ask = urllib.request.Request(f"{registry.base}/v2/{name}/manifests/1", headers={"Accept": ACCEPT})
    try:
        manifest = json.load(urllib.request.urlopen(ask, timeout=60))
    except urllib.error.HTTPError as e:
        assert e.code == 404
        return False
    for blob in (manifest["config"], *manifest["layers"]):
        content = urllib.request.urlopen(f"{registry.base}/v2/{name}/blobs/{blob['digest']}", timeout=60).read()
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == blob["digest"]
    return True


def forget(api: Api, tag: str) -> None:
    status, answer = api.call("DELETE", f"/images/{tag}", force="1")
    assert status == 200, answer


def test_load_push_and_pull(daemon: Daemon, registry: Server) -> None:
    dice, api = random.Random(int(os.environ.get("BOXSHIP_KILL_SEED", "1"))), Api(daemon.path)
    for number in range(KILLS):
        name = f"kill/i{number}"
        tag = f"{registry.host}/{name}:1"
        archive = docker_archive(tag)

        killed(daemon, partial(api.call, "POST", "/images/load", archive), dice.uniform(0, 0.4))
        if not check_whole(daemon, api, tag):
            assert api.call("POST", "/images/load", archive)[0] == 200
            assert check_whole(daemon, api, tag)

        where = f"/images/{registry.host}/{name}"
        killed(daemon, partial(api.call, "POST", f"{where}/push", tag="1"), dice.uniform(0, 0.4))
        check_registry(registry, name)
        assert check_whole(daemon, api, tag)
        api.call("POST", f"{where}/push", tag="1")
        assert check_registry(registry, name)

        forget(api, tag)
        asked = {"fromImage": f"{registry.host}/{name}", "tag": "1"}
        killed(daemon, partial(api.call, "POST", "/images/create", **asked), dice.uniform(0, 0.4))
        if not check_whole(daemon, api, tag):
            api.call("POST", "/images/create", **asked)
            assert check_whole(daemon, api, tag)
        forget(api, tag)
        assert not check_whole(daemon, api, tag)
