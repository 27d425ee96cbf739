"""Builds for several platforms, with our own client and with the stock buildx: one index of all."""

import json
import struct
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boxship.engine.images.manifest import OCI_INDEX
from tests.e2e.buildx import Buildx, program
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made
from tests.registries import Server

pytestmark = pytest.mark.e2e
BOTH = ("--platform", "linux/amd64,linux/arm64")
TEXT = """FROM --platform=$BUILDPLATFORM busybox AS build
ARG TARGETPLATFORM BUILDPLATFORM TARGETARCH
RUN echo "$TARGETPLATFORM of $BUILDPLATFORM: $TARGETARCH" > /out
FROM scratch
ARG TARGETARCH
COPY --from=build /out /$TARGETARCH
"""


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        found.write("Dockerfile", TEXT)
        yield found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "registry").start()
    yield found
    found.close()


def fetch(host: str, path: str) -> Any:
    request = urllib.request.Request(f"http://{host}/v2/app/{path}", headers={"Accept": f"{OCI_INDEX}, */*"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def platforms(index: Any) -> list[str]:
    return [f"{each['platform']['os']}/{each['platform']['architecture']}" for each in index["manifests"]]


def test_one_directory_for_each_platform(site: Site, tmp_path: Path) -> None:
    site(*BOTH, "-o", str(tmp_path / "out"), ".")
    assert (tmp_path / "out/linux_amd64/amd64").read_text() == "linux/amd64 of linux/amd64: amd64\n"
    assert (tmp_path / "out/linux_arm64/arm64").read_text() == "linux/arm64 of linux/amd64: arm64\n"
    site(*BOTH, "-o", f"type=tar,dest={tmp_path}/out.tar", ".")
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert {"linux_amd64/amd64", "linux_arm64/arm64"} <= set(tar.getnames())
    assert "does not support several platforms" in site(*BOTH, "-o", "type=docker,dest=x", ".", code=1).stderr


def test_kept_as_one_name(site: Site, docker: Docker, server: Server, tmp_path: Path) -> None:
    site(*BOTH, "-t", site.tag, ".")
    assert docker.out("image", "inspect", "-f", "{{.Architecture}}", site.tag) == "amd64"
    name = f"{server.host}/app:1"
    made = docker.out("create", "--platform", "linux/arm64", site.tag, "x")
    chosen = docker.out("inspect", "-f", "{{.Image}}", made)
    assert docker.out("image", "inspect", "-f", "{{.Architecture}}", chosen) == "arm64"
    docker("rm", made)
    docker("tag", site.tag, name)
    docker("rmi", site.tag)
    docker("push", name)
    assert platforms(fetch(server.host, "manifests/1")) == ["linux/amd64", "linux/arm64"]
    docker("save", "-o", str(tmp_path / "saved"), name)
    with tarfile.open(tmp_path / "saved") as tar:

        def read(path: str) -> Any:
            file = tar.extractfile(path)
            assert file is not None
            return json.load(file)

        (entry,) = read("index.json")["manifests"]
        assert platforms(read("blobs/" + entry["digest"].replace(":", "/"))) == ["linux/amd64", "linux/arm64"]
    before = set(docker.out("images", "-aq").split())
    docker("rmi", name)
    assert len(before - set(docker.out("images", "-aq").split())) == 2
    docker("pull", "--platform", "linux/arm64", name)
    assert docker.out("image", "inspect", "-f", "{{.Architecture}}", name) == "arm64"
    docker("rmi", "-f", name)


def test_the_stock_buildx_builds_and_pushes_an_index(
    docker: Docker, site: Site, server: Server, tmp_path: Path
) -> None:
    buildx = Buildx(program(), site.root, docker.environment)
    name = f"{server.host}/app:2"
    shown = buildx.build(TEXT, *BOTH, "-t", name, "--push", "--provenance=false")
    assert "[linux/amd64->linux/arm64 build 2/2] RUN" in shown
    assert platforms(fetch(server.host, "manifests/2")) == ["linux/amd64", "linux/arm64"]
    buildx.build(TEXT, *BOTH, "-o", f"type=oci,dest={tmp_path}/oci.tar")
    inspected = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci-archive:{tmp_path}/oci.tar"], capture_output=True, text=True
    )  # fmt: skip
    assert inspected.returncode == 0, inspected.stderr
    assert set(platforms(json.loads(inspected.stdout))) >= {"linux/amd64", "linux/arm64"}
    buildx.build(TEXT, *BOTH, "-o", f"type=local,dest={tmp_path}/files")
    assert (tmp_path / "files/linux_arm64/arm64").exists()
    docker("rmi", "-f", name)


def test_a_result_of_several_is_the_base_of_several(site: Site, docker: Docker, tmp_path: Path) -> None:
    buildx = Buildx(program(), site.root, docker.environment)
    site.write("Base.Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /base.$TARGETARCH\n")
    site.write("Dockerfile", "FROM base\nARG TARGETARCH\nCOPY Dockerfile /top.$TARGETARCH\n")
    target = {"dockerfile": "Base.Dockerfile", "platforms": ["linux/amd64", "linux/arm64"]}
    top = {"contexts": {"base": "target:base"}, "platforms": target["platforms"]}
    out = {"output": [f"type=local,dest={tmp_path}/out"]}
    site.write("bake.json", json.dumps({"target": {"base": target, "top": top | out}}))
    buildx("bake", "-f", "bake.json", "top")
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")} == {
        "linux_amd64/base.amd64", "linux_amd64/top.amd64", "linux_arm64/base.arm64", "linux_arm64/top.arm64",
    }  # fmt: skip


def test_what_cannot_run_here_is_said(site: Site) -> None:
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    (site.root / "program").write_bytes(head)
    (site.root / "program").chmod(0o755)
    site.write("Dockerfile", "FROM scratch\nCOPY program /bin/sh\nRUN true\n")
    said = site("--platform", "linux/riscv64", ".", code=1).stderr
    assert "a command for linux/riscv64 cannot run on this machine, which is linux/amd64" in said
    assert "qemu-user-static" in said
    assert ">>> RUN true" in said
    site.write("Dockerfile", "FROM busybox\nRUN true\n")
    said = site("--platform", "linux/riscv64", ".", code=1).stderr
    assert "busybox is here for linux/amd64 only, not for linux/riscv64" in said


def test_other_frontends_are_refused_by_name(site: Site, docker: Docker) -> None:
    buildx = Buildx(program(), site.root, docker.environment)
    site.write("Dockerfile", "# syntax=me/mopy:1\nname: x\n")
    for said in (site(".", code=1).stderr, buildx("build", ".", check=False).stderr.decode()):
        assert "the frontend me/mopy:1 is not supported: only Dockerfiles are read here" in said
    shown = buildx.build("FROM busybox\n", "--build-arg", "BUILDKIT_SYNTAX=me/other", check=False)
    assert "the frontend me/other is not supported" in shown
    buildx.build("# syntax=docker/dockerfile:1\nFROM busybox\n", "--build-arg", "BUILDKIT_SYNTAX=docker/dockerfile:1.9")


def test_a_saved_index_comes_back_whole(site: Site, docker: Docker, server: Server, tmp_path: Path) -> None:
    name = f"{server.host}/app:back"
    site(*BOTH, "-t", name, "--provenance", "mode=min", ".")
    docker("push", name)
    index = fetch(server.host, "manifests/back")
    assert len(index["manifests"]) == 4
    docker("save", "-o", str(tmp_path / "saved"), name)
    docker("rmi", name)
    docker("load", "-i", str(tmp_path / "saved"))
    docker("push", name)
    assert fetch(server.host, "manifests/back") == index
    docker("rmi", name)


def test_attributes_of_outputs_are_done_or_refused(site: Site) -> None:
    for asked, said in (
        ("type=image,color=red", "unknown attribute 'color' of --output"),
        ("type=image,compression=zstd", "does not support compression=zstd: want gzip"),
        ("type=registry,push-by-digest=true,name=x", "does not support push-by-digest=true"),
        ("type=image,annotation.a=b", "the attribute annotation.a of the exporter image is not supported"),
    ):
        assert said in site("-o", asked, ".", code=1).stderr
