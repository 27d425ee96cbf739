"""Images at the stock CLI: in, out, named, changed, removed; over archives, commits and Debian's docker-registry."""

import json
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import PROGRAM
from tests.images import busybox_rootfs
from tests.registries import docker_registry

pytestmark = pytest.mark.e2e


@pytest.fixture
def image(docker) -> Iterator[str]:
    """An image of this test's own."""
    name = f"bt/{uuid.uuid4().hex[:8]}"
    docker("tag", "busybox", f"{name}:1")
    yield name
    left = docker.out("images", "-q", "--no-trunc", name).split()
    if left:
        docker("rmi", "-f", *[f"{name}:{tag}" for tag in docker.out("images", "--format", "{{.Tag}}", name).split()])


def test_import_shows_its_settings(docker, tmp_path: Path) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(busybox_rootfs())
    name = f"bt/{uuid.uuid4().hex[:8]}:2"
    image_id = docker.out("import", "-m", "why", "-c", "ENV A=1", "-c", 'CMD ["echo", "hi"]', str(archive), name)
    found = json.loads(docker.out("inspect", name))[0]
    assert found["Id"] == image_id
    assert found["Comment"] == "why"
    assert found["Config"]["Env"] == ["A=1"]
    assert found["RootFS"]["Layers"][0].startswith("sha256:")
    assert docker.out("run", "--rm", name) == "hi"
    assert f"Untagged: {name}\nDeleted: {image_id}" in docker.out("rmi", name)


def test_import_from_standard_input_and_bad_changes(docker) -> None:
    data = busybox_rootfs()
    done = subprocess.run(
        ["docker", "import", "-c", "FROM x", "-"], env=docker.environment, input=data, capture_output=True
    )
    assert done.returncode == 1
    assert b"from is not a valid change command" in done.stderr
    done = subprocess.run(
        ["docker", "import", "-"], env=docker.environment, input=data, capture_output=True, check=True
    )
    assert docker.out("run", "--rm", done.stdout.decode().strip(), "/bin/echo", "yes") == "yes"
    docker("rmi", done.stdout.decode().strip())


def test_save_and_load(docker, image: str, tmp_path: Path) -> None:
    docker("tag", f"{image}:1", f"{image}:2")
    before = docker.out("images", "-q", "--no-trunc", f"{image}:1")
    archive = tmp_path / "saved.tar"
    docker("save", "-o", str(archive), image)
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest)[0]["RepoTags"] == [f"{image}:1", f"{image}:2"]
    docker("rmi", f"{image}:1", f"{image}:2")
    shown = docker.out("load", "-i", str(archive))
    assert shown.splitlines()[-2:] == [f"Loaded image: {image}:1", f"Loaded image: {image}:2"]
    assert docker.out("images", "-q", "--no-trunc", f"{image}:2") == before
    copied = subprocess.run(
        ["skopeo", "inspect", "--config", f"docker-archive:{archive}:{image}:1"], capture_output=True, text=True
    )
    assert copied.returncode == 0, copied.stderr
    assert docker("load", "-i", "/etc/passwd", check=False).returncode == 1


def test_commit_and_history(docker, image: str) -> None:
    name = docker.name()
    docker("run", "--name", name, f"{image}:1", "sh", "-c", "echo new > /new; rm /etc/passwd; mkdir /d")
    docker("commit", "-m", "message", "-a", "me", "-c", "USER 7", "-c", "EXPOSE 80", name, f"{image}:3")
    done = docker("run", "--rm", f"{image}:3", "sh", "-c", "cat /new; test -e /etc/passwd || echo gone; id -u")
    assert done.stdout.split() == ["new", "gone", "7"]
    found = json.loads(docker.out("inspect", f"{image}:3"))[0]
    assert (found["Author"], found["Comment"]) == ("me", "message")
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert len(found["RootFS"]["Layers"]) == 2
    steps = docker.out("history", "--format", "{{.Comment}}", f"{image}:3").splitlines()
    assert steps[0] == "message"
    docker("rm", name)


def test_references_of_every_form(docker, image: str) -> None:
    names = [
        "123456789012.dkr.ecr.us-west-2.amazonaws.com/mywebapp:latest",
        "myregistry.azurecr.io/marketing/campaign10-18/email-sender:v2",
        "localhost:5000/x:1",
        "public.ecr.aws/nginx/nginx:latest",
    ]
    for name in names:
        docker("tag", f"{image}:1", name)
        assert docker.out("images", "--format", "{{.Repository}}:{{.Tag}}", name) == name
    docker("rmi", *names)
    for bad, text in (("UPPER", "must be lowercase"), ("a//b", "invalid reference format")):
        done = docker("tag", f"{image}:1", bad, check=False)
        assert done.returncode == 1
        assert text in done.stderr


def test_removal_is_refused_while_used(docker, image: str) -> None:
    name = docker.name()
    docker("create", "--name", name, f"{image}:1", "true")
    docker("tag", f"{image}:1", f"{image}:2")
    assert docker.out("rmi", f"{image}:2") == f"Untagged: {image}:2"
    docker("rmi", f"{image}:1")  # busybox still names it
    done = docker("rmi", docker.out("images", "-q", "busybox"), check=False)
    assert "conflict: unable to delete" in done.stderr


def test_list_filters(docker, image: str) -> None:
    def shown(*filters: str) -> list[str]:
        words = [word for text in filters for word in ("--filter", text)]
        return docker.out("images", "--format", "{{.Repository}}:{{.Tag}}", *words).splitlines()

    assert f"{image}:1" in shown(f"reference={image}")
    assert shown("reference=bt/*:nope") == []
    assert f"{image}:1" not in shown("dangling=true")
    assert docker("images", "--filter", "foo=bar", check=False).returncode == 1


def test_tree(docker, image: str) -> None:
    """A tree of one branch: an image here is of one platform."""
    name = docker.name()
    docker("create", "--name", name, f"{image}:1", "true")
    ours = [str(PROGRAM), "-H", docker.host, "images", "--tree", image]
    shown = subprocess.run(ours, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0].split() == ["IMAGE", "ID", "DISK", "USAGE", "CONTENT", "SIZE", "IN", "USE"]
    assert shown[1].startswith(f"{image}:1 ")
    assert shown[2].startswith("└─ linux/")
    assert shown[2].split()[-1] == "yes"
    assert subprocess.run([*ours, "-q"], capture_output=True).returncode == 1
    if "--tree" in docker("images", "--help").stdout:
        stock = docker.out("images", "--tree", image)
        assert f"{image}:1" in stock
        assert "linux/" in stock
    docker("rm", name)


def test_platforms_are_not_passed_over(docker, image: str, tmp_path: Path) -> None:
    for words in (("inspect",), ("history",), ("push",), ("rm",), ("save", "-o", str(tmp_path / "x.tar"))):
        own = [str(PROGRAM), "-H", docker.host, *(("push",) if words == ("push",) else ("image", *words))]
        done = subprocess.run([*own, "--platform", "linux/s390x", f"{image}:1"], capture_output=True, text=True)
        assert done.returncode == 1, words
        assert "does not match the specified platform (linux/s390x)" in done.stderr, words


def test_events_of_an_image(docker, image: str) -> None:
    docker("tag", f"{image}:1", f"{image}:9")
    docker("rmi", f"{image}:9")
    shown = docker.out(
        "events",
        "--since",
        "1m",
        "--until",
        f"{time.time():.6f}",
        "--filter",
        "type=image",
        "--format",
        "{{.Action}} {{.Actor.Attributes.name}}",
    ).splitlines()
    assert f"tag {image}:9" in shown
    assert any(line.startswith("untag ") for line in shown)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def test_push_and_pull(docker, registry: str) -> None:
    name = f"{registry}/team/app"
    docker("tag", "busybox", f"{name}:1")
    shown = docker.out("push", f"{name}:1")
    assert f"The push refers to repository [{name}]" in shown
    digest = next(word for word in shown.split() if word.startswith("sha256:"))
    assert "Layer already exists" in docker.out("push", f"{name}:1")
    docker("rmi", f"{name}:1")
    shown = docker.out("pull", f"{name}:1")
    assert f"Digest: {digest}" in shown
    assert f"Status: Downloaded newer image for {name}:1" in shown
    assert f"Status: Image is up to date for {name}:1" in docker.out("pull", f"{name}:1")
    assert docker.out("run", "--rm", f"{name}@{digest}", "echo", "same everywhere") == "same everywhere"
    docker("tag", f"{name}:1", f"{name}:2")
    assert f"{name}" in docker.out("push", "--all-tags", name)
    docker("rmi", f"{name}:1", f"{name}:2")
    docker("pull", "--all-tags", name)
    assert set(docker.out("images", "--format", "{{.Tag}}", name).split()) >= {"1", "2"}
    for tag in ("1", "2"):
        docker("rmi", f"{name}:{tag}")
    missing = docker("pull", f"{registry}/nope:1", check=False)
    assert f"manifest for {registry}/nope:1 not found" in missing.stderr


def test_skopeo_reads_what_we_pushed(docker, registry: str) -> None:
    name = f"{registry}/skopeo/app:1"
    docker("tag", "busybox", name)
    docker("push", "-q", name)
    done = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", f"docker://{name}"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    docker("rmi", name)
    moved = ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--format", "oci"]
    subprocess.run([*moved, f"docker://{name}", f"docker://{registry}/skopeo/oci:1"], check=True, capture_output=True)
    assert docker.out("run", "--rm", f"{registry}/skopeo/oci:1", "echo", "pulled by run") == "pulled by run"
    docker("rmi", f"{registry}/skopeo/oci:1")


def test_nobody_answers(docker) -> None:
    done = docker("pull", "127.0.0.1:1/x", check=False)
    assert done.returncode == 1
    assert "dial tcp 127.0.0.1:1: connect: connection refused" in done.stderr
