"""`boxship build` against our own daemon: every source, every output, every way to show progress."""

import json
import os
import re
import socket
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made
from tests.patience import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        yield found


def test_build_change_and_build_again(site: Site) -> None:
    site.write("Dockerfile", 'FROM busybox\nCOPY . /c\nCMD ["cat", "/c/a"]\n')
    site.write(".dockerignore", "*.log\n")
    site.write("a", "one")
    site.write("x.log", "noise")
    done = site("-t", site.tag, "--progress", "plain", "--iidfile", "../id", "--metadata-file", "../about", ".")
    assert "[stage-0 2/2] COPY . /c" in done.stderr
    assert re.search(rf"naming to docker.io/library/{site.tag}:latest (\d+\.\d+s )?done", done.stderr)
    image = site.docker.out("image", "inspect", "-f", "{{.Id}}", site.tag)
    assert (site.root / "../id").read_text() == image
    assert json.loads((site.root / "../about").read_text())["containerimage.config.digest"] == image
    assert site.run("ls", "/c").split() == ["Dockerfile", "a"]
    assert "CACHED" in site("-t", site.tag, "--progress", "plain", ".").stderr
    site.write("a", "two")
    assert site("-q", "-t", site.tag, ".").stdout.startswith("sha256:")
    assert site.run() == "two"
    os.remove(site.root / "a")
    site.write("b", "three")
    site("-q", "-t", site.tag, ".")
    assert site.run("ls", "/c").split() == ["Dockerfile", "b"]


def test_dockerfiles_from_everywhere(site: Site) -> None:
    site.write("a", "content")
    text = "FROM busybox\nCOPY a /a\n"
    site.write("sub/My.Dockerfile", text)
    site.write("sub/My.Dockerfile.dockerignore", "b\n")
    first = site("-q", "-f", "sub/My.Dockerfile", ".").stdout
    assert site("-q", "-f", "-", ".", stdin=text).stdout == first
    assert site("-q", "-", stdin="FROM busybox\nRUN true\n").stdout.startswith("sha256:")
    assert "no build context named context" in site("-", stdin=text, code=1).stderr
    packed = subprocess.run(["tar", "-cz", "a", "sub"], cwd=site.root, capture_output=True, check=True).stdout
    assert site("-q", "-f", "sub/My.Dockerfile", "-", stdin=packed).stdout == first


def test_included_files_come_on_demand(site: Site) -> None:
    site.write("Dockerfile", "# features=include\nFROM busybox\nINCLUDE parts/base.docker\n")
    site.write("parts/base.docker", "ENV FROM_PART=yes\n")
    site("-t", site.tag, ".")
    assert "FROM_PART=yes" in site.run("env")
    (site.root / "parts/base.docker").unlink()
    failed = site(".", code=1).stderr
    assert "INCLUDE parts/base.docker" in failed
    assert ">>> INCLUDE" in failed


def test_named_contexts(site: Site, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/file").write_text("from the other one")
    site.write("Dockerfile", "FROM base\nCOPY --from=other file /file\n")
    site("-t", site.tag, "--build-context", f"other={tmp_path}/more", "--build-context",
         "base=docker-image://busybox", ".")  # fmt: skip
    assert site.run("cat", "/file") == "from the other one"


def test_images_in_oci_layouts(site: Site, tmp_path: Path) -> None:
    site.write("Dockerfile", "FROM busybox\nRUN echo of the layout > /word\n")
    site("-t", "somebody/base:2", "-o", f"type=oci,dest={tmp_path}/oci.tar", "--provenance=true", ".")
    (tmp_path / "layout").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "oci.tar", "-C", tmp_path / "layout"], check=True)
    site.write("Dockerfile", "FROM base\nCOPY --from=base /word /copied\n")
    for place in ("../layout", f"{tmp_path}/layout:2"):
        site("-t", site.tag, "--build-context", f"base=oci-layout://{place}", ".")
        assert site.run("cat", "/copied") == "of the layout"
    wanted = f"base=oci-layout://{tmp_path}/layout"
    assert (
        f"nothing called other in {tmp_path}/layout" in site("--build-context", f"{wanted}:other", ".", code=1).stderr
    )
    assert "is no OCI layout" in site("--build-context", "base=oci-layout:///none", ".", code=1).stderr
    assert (
        "no match for platform linux/arm64"
        in site("--platform", "linux/arm64", "--build-context", wanted, ".", code=1).stderr
    )


def test_outputs(site: Site, tmp_path: Path) -> None:
    site.write("Dockerfile", "FROM scratch\nCOPY a /d/a\n")
    site.write("a", "hello")
    site("-o", str(tmp_path / "out"), ".")
    assert (tmp_path / "out/d/a").read_text() == "hello"
    site("-o", f"type=tar,dest={tmp_path}/x.tar", "-o", f"type=oci,dest={tmp_path}/oci.tar", ".")
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert [entry.name.rstrip("/") for entry in tar] == ["d", "d/a"]
    with tarfile.open(tmp_path / "oci.tar") as tar:
        assert "index.json" in tar.getnames()
    site("-t", site.tag, "-o", f"type=docker,dest={tmp_path}/image.tar", ".")
    assert site.docker("image", "inspect", site.tag, check=False).returncode == 1
    site.docker("load", "-i", str(tmp_path / "image.tar"))
    assert site.docker("image", "inspect", site.tag, check=False).returncode == 0
    assert "unknown output type" in site("-o", "type=zip", ".", code=1).stderr


def test_secrets_reach_the_step_and_nothing_else(site: Site) -> None:
    word = uuid.uuid4().hex
    site.write("../token", word)
    site.write(
        "Dockerfile",
        "FROM busybox\nRUN --mount=type=secret,id=file sha1sum /run/secrets/file > /a\n"
        "RUN --mount=type=secret,id=env,env=V [ -n \"$V\" ] && echo \"${#V}\" > /b\n",
    )  # fmt: skip
    flags = ("--secret", "id=file,src=../token", "--secret", "id=env,env=TOKEN")
    done = site("-t", site.tag, "--progress", "rawjson", *flags, ".", TOKEN=word)
    assert word not in done.stderr
    assert word not in site.docker.out("image", "inspect", site.tag) + site.docker.out(
        "history", "--no-trunc", site.tag
    )
    assert site.run("cat", "/b") == "32"
    assert "cannot read ../nowhere" in site("--secret", "id=file,src=../nowhere", ".", code=1).stderr


def test_an_agent_answers_in_the_step(site: Site, daemon: Daemon, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as process:
        server.bind(str(tmp_path / "agent"))
        server.listen()
        site.write(
            "Dockerfile", "FROM busybox\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo is there; sleep 1000\n"
        )
        with site.running("--progress", "plain", "--no-cache", "--ssh", f"default={tmp_path}/agent", ".") as client:
            site.wait_for(client, " is there")
            (found,) = daemon.data_root.glob("tmp/build-*/agent*/socket")
            process.connect(str(found))
            process.sendall(b"sign this")
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"signed: " + peer.recv(100))
                assert process.recv(100) == b"signed: sign this"
            assert process.recv(100) == b""
            client.terminate()


def test_errors_point_at_the_place(site: Site) -> None:
    site.write("Dockerfile", "FROM busybox\nRUM echo\n")
    said = site(".", code=1).stderr
    assert "unknown instruction: RUM (did you mean RUN?)" in said
    assert "     | " in said
    assert "^^^" in said
    site.write("Dockerfile", "FROM busybox\nRUN echo before && exit 7\n")
    said = site("--progress", "plain", ".", code=1).stderr
    assert "before" in said
    assert "exit code: 7" in said
    assert ">>> RUN echo before" in said


def test_check_builds_nothing(site: Site) -> None:
    site.write("Dockerfile", "FROM busybox as b\nRUN echo never\n")
    done = site("--check", ".", code=1)
    assert "FromAsCasing" in done.stdout
    assert "Dockerfile:1" in done.stdout
    site.write("Dockerfile", "FROM busybox\n")
    assert site("--check", ".").stdout == "Check complete, no warnings found.\n"


def test_ways_to_show_progress(site: Site) -> None:
    site.write("Dockerfile", "FROM busybox\nRUN echo hello\n")
    assert "FINISHED" in site("--progress", "tty", "--no-cache", ".").stderr
    raw = [json.loads(line) for line in site("--progress", "rawjson", "--no-cache", ".").stderr.splitlines()]
    assert any(each.get("logs") for each in raw)
    assert site("--progress", "quiet", ".").stderr == ""
    assert "hello" in site("--no-cache", ".", BUILDKIT_PROGRESS="plain").stderr
    assert "invalid progress" in site("--progress", "fancy", ".", code=1).stderr


def test_whoever_leaves_ends_the_build(site: Site, daemon: Daemon) -> None:
    site.write("Dockerfile", "FROM busybox\nRUN echo started; sleep 1000\n")
    before = {*daemon.exec_root.glob("bundles/*")}
    with site.running("--progress", "plain", "--no-cache", ".") as client:
        site.wait_for(client, " started")
        client.terminate()
    until(lambda: not [*daemon.data_root.glob("tmp/build-*"), *{*daemon.exec_root.glob("bundles/*")} - before])
    assert not daemon.check()
