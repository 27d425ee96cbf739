"""Caches that travel: exported, all forgotten here, imported again; layers and cache mounts."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made
from tests.registries import Server

pytestmark = pytest.mark.e2e
DOCKERFILE = """FROM busybox AS made
RUN --mount=type=cache,target=/cache date +%s%N >> /cache/log; wc -l < /cache/log > /count; head -c 9 /dev/urandom > /r
FROM busybox
COPY --from=made /count /r /
RUN head -c 9 /dev/urandom > /last
"""


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        found.write("Dockerfile", DOCKERFILE)
        yield found


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    server = Server(tmp_path / "registry").start()
    yield server.host
    server.close()


def forget(site: Site) -> None:
    site.docker("rmi", "-f", site.tag, check=False)
    site.cli("builder", "prune", "-af")


def image(site: Site) -> str:
    return site.docker.out("image", "inspect", "-f", "{{.Id}}", site.tag)


@pytest.mark.parametrize("kind", ["local", "registry"])
def test_all_steps_and_mounts_come_back(site: Site, registry: str, tmp_path: Path, kind: str) -> None:
    forget(site)
    place = str(tmp_path / "cache") if kind == "local" else f"{registry}/caches/app:main"
    to, of = ("dest", "src") if kind == "local" else ("ref", "ref")
    done = site("-t", site.tag, "--cache-to", f"type={kind},{to}={place},mode=max", "--progress", "plain", ".")
    assert "writing cache mount /cache" in done.stderr
    first = image(site)
    assert site.run("cat", "/count") == "1"

    forget(site)
    done = site("-t", site.tag, "--cache-from", f"type={kind},{of}={place}", "--progress", "plain", ".")
    assert done.stderr.count("CACHED") == 5
    assert image(site) == first

    forget(site)  # what a step finds in its cache mount has come along, too
    site.write("Dockerfile", DOCKERFILE.replace("date", "true; date"))
    site("-t", site.tag, "--cache-from", f"type={kind},{of}={place}", ".")
    assert site.run("cat", "/count") == "2"


def test_without_mounts_and_stages_if_asked(site: Site, tmp_path: Path) -> None:
    forget(site)
    site("-t", site.tag, "--cache-to", f"type=local,dest={tmp_path}/cache,mounts=false", ".")
    forget(site)
    done = site("-t", site.tag, "--cache-from", f"type=local,src={tmp_path}/cache", "--progress", "plain", ".")
    assert done.stderr.count("CACHED") == 2  # both FROM; the first stage was made anew, and all that stands on it
    assert site.run("cat", "/count") == "1"


def test_mounts_are_passed_on_by_who_has_not_used_them(site: Site, tmp_path: Path) -> None:
    forget(site)
    first, second = f"{tmp_path}/first", f"{tmp_path}/second"
    site("-t", site.tag, "--cache-to", f"type=local,dest={first},mode=max", ".")
    forget(site)
    flags = ("--cache-from", f"type=local,src={first}", "--cache-to", f"type=local,dest={second},mode=max")
    site("-t", site.tag, *flags, "--metadata-file", str(tmp_path / "about"), ".")
    shutil.rmtree(first)
    digest = json.loads((tmp_path / "about").read_text())["cache.manifest"]["digest"]
    manifest = json.loads((Path(second) / "blobs" / digest.replace(":", "/")).read_text())
    assert [each.get("annotations") for each in manifest["layers"]][-1] == {"id": "/cache"}
    forget(site)
    site.write("Dockerfile", DOCKERFILE.replace("date", "true; date"))
    site("-t", site.tag, "--cache-from", f"type=local,src={second}", ".")
    assert site.run("cat", "/count") == "2"


def test_an_image_tells_of_its_own_steps(site: Site, registry: str) -> None:
    forget(site)
    site.write("Dockerfile", "FROM busybox\nRUN head -c 9 /dev/urandom > /r\nRUN wc -c /r > /n\n")
    site("-t", f"{registry}/app:1", "--cache-to", "type=inline", "--push", "--load", ".")
    random = site.docker.out("run", "--rm", f"{registry}/app:1", "sha1sum", "/r")
    forget(site)
    site.docker("rmi", "-f", f"{registry}/app:1")
    done = site("-t", site.tag, "--cache-from", f"{registry}/app:1", "--progress", "plain", ".")
    assert f"importing cache manifest from {registry}/app:1" in done.stderr
    assert done.stderr.count("CACHED") == 3
    assert site.run("sha1sum", "/r") == random


def test_a_cache_that_is_not_there_or_damaged_is_passed_over(site: Site, tmp_path: Path) -> None:
    forget(site)
    cache = tmp_path / "cache"
    done = site("-t", site.tag, "--cache-from", f"type=local,src={cache}", "--progress", "plain", ".")
    assert f"ERROR: no OCI layout in {cache}" in done.stderr
    site("-t", site.tag, "--cache-to", f"type=local,dest={cache},mode=max", ".")
    forget(site)
    for blob in (cache / "blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(blob.read_bytes()[:-9] + b"123456789")
    site("-t", site.tag, "--cache-from", f"type=local,src={cache}", ".")
    assert site.run("cat", "/count") == "1"


WRONG = {
    "cache mode": "type=local,dest=x,mode=most",
    "unknown attribute": "type=local,dest=x,compression=brotli",
    "want true or false": "type=local,dest=x,ignore-error=perhaps",
}


@pytest.mark.parametrize(("said", "to"), WRONG.items(), ids=list(WRONG))
def test_what_cannot_be_done_is_said(site: Site, said: str, to: str) -> None:
    assert said in site("--cache-to", to, ".", code=1).stderr
