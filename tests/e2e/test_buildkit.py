"""Building with the stock buildx, whose builder is the daemon by BuildKit's API."""

import io
import json
import os
import re
import signal
import subprocess
import tarfile
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.buildx import FETCHED, Buildx, program
from tests.e2e.conftest import Docker
from tests.e2e.engine_api import remove_cgroup
from tests.images import busybox_rootfs
from tests.patience import until
from tests.registries import docker_registry

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def plugin() -> str:
    return program()


@pytest.fixture
def buildx(docker: Docker, plugin: str, tmp_path: Path) -> Iterator[Buildx]:
    root = tmp_path / "context"
    root.mkdir()
    plugins = docker.config / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(plugin)
    before = set(docker.out("images", "-aq", "--no-trunc").split())
    yield Buildx(plugin, root, docker.environment)
    made = set(docker.out("images", "-aq", "--no-trunc").split()) - before
    if made:
        docker("rmi", "-f", *made, check=False)


@pytest.fixture
def tag() -> str:
    return f"kit-{uuid.uuid4().hex[:10]}"


def test_an_image_is_built_named_and_runs(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write("page/a.txt", "one\n")
    text = "FROM busybox\nWORKDIR /app\nCOPY page .\nENV X=1\nRUN echo said; cat a.txt > b.txt\nCMD cat /app/b.txt\n"
    shown = buildx.build(text, "-t", tag, "-t", f"{tag}:two", "--label", "a=b")
    assert "[2/4] WORKDIR /app" in shown
    assert " said\n" in shown
    assert "transferring context:" in shown
    assert re.search(rf"naming to docker.io/library/{tag}:two (\d+\.\d+s )?done", shown)
    assert "ENV X=1" not in shown, "settings are no lines of their own"
    assert docker.out("run", "--rm", f"{tag}:two") == "one"
    config = json.loads(docker.out("image", "inspect", "-f", "{{json .Config}}", tag))
    assert (config["Labels"], config["Env"]) == ({"a": "b"}, ["PATH=/bin", "X=1"])
    again = buildx.build(text, "-t", tag)
    assert again.count("CACHED") == 4


def test_clients_that_debug_open_a_build_again(buildx: Buildx, docker: Docker, tag: str) -> None:
    text = "FROM busybox AS base\nRUN echo one > /one\nFROM base\nCOPY Dockerfile /f\n"
    buildx.build(text, "-t", tag, env={"BUILDX_EXPERIMENTAL": "1"})
    assert docker.out("run", "--rm", tag, "cat", "/one") == "one"


def test_docker_build_takes_the_plugin(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write("Dockerfile", "FROM busybox\nRUN echo $((40 + 2)) > /answer\n")
    done = docker("build", "-t", tag, str(buildx.root))
    assert "load build definition from Dockerfile" in done.stderr
    assert docker.out("run", "--rm", tag, "cat", "/answer") == "42"


def test_only_what_has_changed_is_sent(buildx: Buildx, docker: Docker, tag: str) -> None:
    text = "FROM busybox\nCOPY . /ctx\n"
    for number in range(50):
        buildx.write(f"d{number % 5}/f{number}", "x" * 10_000)
    os.symlink("d0/f0", buildx.root / "link")
    (buildx.root / "d1" / "f1").chmod(0o755)
    first = buildx.build(text, "-t", tag)
    buildx.write("d2/f2", "changed")
    (buildx.root / "d3" / "f3").unlink()
    buildx.write("d3/f3/inside", "a directory now")
    (buildx.root / "link").unlink()
    os.symlink("d2/f2", buildx.root / "link")
    second = buildx.build(text, "-t", tag)
    assert "kB" in first, "half a megabyte was sent at first"
    sizes = [line for line in second.splitlines() if "transferring context:" in line and "done" in line]
    assert sizes, second
    assert "MB" not in sizes[-1]
    listing = "cat /ctx/link /ctx/d3/f3/inside; [ -x /ctx/d1/f1 ] && [ ! -x /ctx/d0/f0 ] && ls /ctx/d0 | wc -l"
    assert docker.out("run", "--rm", tag, "sh", "-c", listing) == "changeda directory now10"
    third = buildx.build(text, "-t", tag)
    assert third.count("CACHED") == 2


def test_what_is_ignored_is_not_sent_and_not_copied(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write(".dockerignore", "*.log\n!keep.log\n")
    for name in ("a.log", "keep.log", "b.txt", "ünïcode.log", "namé.txt"):
        buildx.write(f"files/{name}" if name != "keep.log" else name, name)
    buildx.build("FROM busybox\nCOPY . /ctx\n", "-t", tag)
    seen = docker.out("run", "--rm", tag, "find", "/ctx", "-type", "f").split()
    assert "/ctx/keep.log" in seen
    assert "/ctx/files/namé.txt" in seen


def test_arguments_targets_and_what_steps_may_have(buildx: Buildx, docker: Docker, tag: str, tmp_path: Path) -> None:
    text = (
        "ARG BASE=nothing\nFROM $BASE AS one\nARG WHO=nobody\nRUN echo $WHO > /who; ulimit -n > /files; "
        "df /dev/shm | tail -1 > /shm; grep extra /etc/hosts > /hosts; head -1 /proc/self/cgroup > /cgroup\n"
        "FROM one AS two\nRUN exit 1\n"
    )
    group = f"/kit{uuid.uuid4().hex[:8]}"
    told = tmp_path / "told"
    buildx.build(
        text, "-t", tag, "--target", "one", "--build-arg", "BASE=busybox", "--build-arg", "WHO=me", "--platform",
        "linux/amd64", "--add-host", "extra:10.1.2.3", "--network", "none", "--shm-size", "32m", "--ulimit",
        "nofile=100:200", "--cgroup-parent", group, "--iidfile", f"{told}.id", "--metadata-file", f"{told}.json",
    )  # fmt: skip
    try:
        script = "cat /who /files /hosts /cgroup; cut -c 1-60 /shm"
        who, files, hosts, cgroup, shm = docker.out("run", "--rm", tag, "sh", "-c", script).splitlines()
    finally:
        remove_cgroup(group)
    assert (who, files, hosts.split()) == ("me", "100", ["10.1.2.3", "extra"])
    assert group in cgroup
    assert "32768" in shm
    image_id = docker.out("image", "inspect", "-f", "{{.Id}}", tag)
    assert Path(f"{told}.id").read_text() == image_id
    metadata = json.loads(Path(f"{told}.json").read_text())
    assert metadata["containerimage.config.digest"] == image_id
    assert metadata["image.name"] == f"docker.io/library/{tag}:latest"


def _said(shown: str, words: str) -> bool:
    """Tell whether a step wrote a line."""
    return re.search(rf"^#\d+ \d+\.\d+ {words}$", shown, re.MULTILINE) is not None


def test_steps_run_again_when_asked_to(buildx: Buildx) -> None:
    text = "FROM busybox AS one\nRUN echo one\nFROM busybox AS two\nRUN echo two\nCOPY --from=one /bin/ls /ls\n"
    buildx.build(text)
    assert buildx.build(text).count("CACHED") >= 4
    partly = buildx.build(text, "--no-cache-filter", "one")
    assert _said(partly, "one")
    assert not _said(partly, "two")
    whole = buildx.build(text, "--no-cache")
    assert _said(whole, "one")
    assert _said(whole, "two")


def test_secrets_and_agents_come_over_the_session(buildx: Buildx, docker: Docker, tag: str, tmp_path: Path) -> None:
    buildx.write("token", "s3cret")
    agent = tmp_path / "agent.sock"
    text = (
        "FROM busybox\nRUN --mount=type=secret,id=tok [ $(wc -c < /run/secrets/tok) = 6 ] && echo right\n"
        "RUN --mount=type=secret,id=two,env=TWO [ $TWO = 2 ] && echo right too\n"
        "RUN --mount=type=ssh [ -S $SSH_AUTH_SOCK ] && echo agent\n"
    )
    started = subprocess.run(["ssh-agent", "-a", agent], capture_output=True, text=True, check=True).stdout
    pid = int(started.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    env = {"SSH_AUTH_SOCK": str(agent), "TWO": "2"}
    try:
        subprocess.run(["ssh-add", "-q", tmp_path / "key"], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True)
        words = ("-t", tag, "--secret", "id=tok,src=token", "--secret", "id=two,env=TWO", "--ssh", "default")
        shown = buildx.build(text, *words, env=env)
    finally:
        os.kill(pid, signal.SIGTERM)
    assert all(f" {word}\n" in shown for word in ("right", "right too", "agent"))
    history = docker.out("history", "--no-trunc", tag)
    assert "s3cret" not in shown + history
    missing = buildx.build("FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n", check=False)
    assert missing.startswith("1\n")
    assert "secret none: not found" in missing or "none" in missing


FAILURES = {
    "a command": (
        "FROM busybox\nRUN echo before; exit 7\n",
        'process "/bin/sh -c echo before; exit 7" did not complete successfully: exit code: 7',
    ),
    "a word": (
        "FROM busybox\nRUNN x\n",
        "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
    ),
    "a file": ("FROM busybox\nCOPY nothing /\n", '"/nothing": not found'),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_tell_where(buildx: Buildx, name: str) -> None:
    text, message = FAILURES[name]
    shown = buildx.build(text, check=False)
    assert shown.startswith("1\n")
    assert message in shown
    assert "Dockerfile:2\n--------------------\n   1 |     FROM busybox\n   2 | >>> " in shown
    assert shown.rstrip().splitlines()[-1].startswith("ERROR: failed to solve: ")
    assert message in shown.rstrip().splitlines()[-1]


def test_a_missing_dockerfile_is_named(buildx: Buildx) -> None:
    done = buildx("build", "-f", "Nope", ".", check=False)
    assert done.returncode == 1
    assert b"failed to read dockerfile: open Nope: no such file or directory" in done.stderr


def test_dockerfiles_and_contexts_on_standard_input(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write("a.txt", "here")
    buildx("build", "-t", tag, "-", stdin=b"FROM busybox\nRUN echo alone > /out\n")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "alone"
    buildx("build", "-t", tag, "-f", "-", ".", stdin=b"FROM busybox\nCOPY a.txt /out\n")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "here"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data in (("Dockerfile", b"FROM busybox\nCOPY b.txt /out\n"), ("b.txt", b"packed")):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    buildx("build", "-t", tag, "-", stdin=packed.getvalue())
    assert docker.out("run", "--rm", tag, "cat", "/out") == "packed"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server, and its directory."""
    root = tmp_path / "site"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def _repository(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    env = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "x"), ("update-server-info",)):
        subprocess.run(["git", *words], cwd=root, env=env, check=True)


def test_contexts_elsewhere(buildx: Buildx, docker: Docker, tag: str, site: tuple[Path, str]) -> None:
    root, url = site
    files = {"Dockerfile": "FROM busybox\nCOPY b /out\n", "b": "from git"}
    _repository(root / "repo", {**files, "sub/Dockerfile": "FROM busybox\nRUN echo sub > /out\n"})
    (root / "repo.git").symlink_to(root / "repo" / ".git")
    buildx("build", "-t", tag, f"{url}/repo.git")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "from git"
    buildx("build", "-t", tag, f"{url}/repo.git#main:sub")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "sub"
    (root / "One").write_text("FROM busybox\nRUN echo url > /out\n")
    buildx("build", "-t", tag, f"{url}/One")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "url"
    buildx.write("c", "context")
    (root / "Two").write_text("FROM busybox\nCOPY c /out\n")
    buildx("build", "-t", tag, "-f", f"{url}/Two", ".")
    assert docker.out("run", "--rm", tag, "cat", "/out") == "context"


def test_named_contexts(buildx: Buildx, docker: Docker, tag: str, site: tuple[Path, str]) -> None:
    root, url = site
    _repository(root / "repo", {"g": "git"})
    (root / "repo.git").symlink_to(root / "repo" / ".git")
    buildx.write("more/m", "dir")
    text = (
        "FROM base\nCOPY --from=dir m /dir\nCOPY --from=git g /git\nCOPY --from=image /etc/passwd /image\n"
        "RUN cat /dir /git; wc -l < /image\n"
    )
    shown = buildx.build(
        text, "-t", tag, "--build-context", "base=docker-image://busybox", "--build-context", "dir=more",
        "--build-context", f"git={url}/repo.git", "--build-context", "image=docker-image://web:latest",
    )  # fmt: skip
    assert " dirgit" in shown


@pytest.mark.parametrize("kind", ["tar", "oci", "docker"])
def test_results_as_archives(buildx: Buildx, docker: Docker, tag: str, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "out.tar"
    buildx.write("a", "content")
    buildx.build("FROM scratch\nCOPY a /a\n", "-t", tag, "-o", f"type={kind},dest={place}")
    with tarfile.open(place) as tar:
        names = tar.getnames()
    if kind == "tar":
        assert "a" in names
        return
    assert {"index.json", "oci-layout"} <= set(names)
    docker("load", "-i", str(place))
    assert docker.out("image", "inspect", "-f", "{{len .RootFS.Layers}}", tag) == "1"


def test_results_as_a_directory(buildx: Buildx, tmp_path: Path) -> None:
    place = tmp_path / "out"
    for number in range(120):
        buildx.write(f"many/{number}", "x" * number)
    text = (
        "FROM busybox AS made\nRUN mkdir /r && echo hi > /r/file && chmod 4750 /r/file && ln -s file /r/link "
        "&& ln /r/file /r/same && mkdir /r/empty\nFROM scratch\nCOPY --from=made /r /\nCOPY many /many\n"
    )
    buildx.build(text, "-o", str(place))
    assert (place / "file").read_text() == "hi\n"
    assert (place / "file").stat().st_mode & 0o7777 == 0o4750
    assert os.readlink(place / "link") == "file"
    assert (place / "empty").is_dir()
    assert {int(file.name): file.stat().st_size for file in (place / "many").iterdir()} == {n: n for n in range(120)}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with docker_registry(tmp_path) as host:
        yield host


def test_pushing(buildx: Buildx, docker: Docker, tag: str, registry: str) -> None:
    name = f"{registry}/{tag}:v1"
    buildx.build("FROM busybox\nRUN echo pushed > /out\n", "-t", name, "--push")
    docker("rmi", name)
    assert docker.out("run", "--rm", name, "cat", "/out") == "pushed"
    docker("rmi", name)


def _index(registry: str, name: str, tag: str) -> dict[str, Any]:
    kinds = "application/vnd.oci.image.index.v1+json,application/vnd.docker.distribution.manifest.v2+json"
    asked = urllib.request.Request(f"http://{registry}/v2/{name}/manifests/{tag}", headers={"Accept": kinds})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_statements_go_with_what_is_pushed(buildx: Buildx, docker: Docker, tag: str, registry: str) -> None:
    name = f"{registry}/{tag}:v1"
    text = "FROM busybox\nRUN echo stated > /out\n"
    buildx.build(text, "-t", name, "--push", "--provenance=mode=max", "--sbom=true")
    index = _index(registry, tag, "v1")
    kinds = [each.get("annotations", {}).get("vnd.docker.reference.type", "") for each in index["manifests"]]
    assert kinds == ["", "attestation-manifest"]
    docker("push", name)
    assert _index(registry, tag, "v1") == index, "the image keeps what is stated about it"
    docker("rmi", name)
    assert docker.out("run", "--rm", name, "cat", "/out") == "stated"
    docker("rmi", name)


def test_bake_builds_targets_on_each_other(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write(
        "docker-bake.hcl",
        f"""
variable "VERSION" {{ default = "1" }}
group "default" {{ targets = ["base", "app"] }}
target "base" {{
  dockerfile-inline = "FROM busybox\\nRUN echo base > /base"
  tags = ["{tag}-base:${{VERSION}}"]
}}
target "app" {{
  contexts = {{ base = "target:base", other = "target:unnamed" }}
  dockerfile-inline = "FROM base\\nCOPY --from=other /other /other\\nRUN cat /base /other > /app"
  tags = ["{tag}-app:${{VERSION}}"]
}}
target "unnamed" {{
  dockerfile-inline = "FROM busybox\\nRUN echo other > /other"
  output = ["type=cacheonly"]
}}
""",
    )
    before = set(docker.out("images", "-aq").split())
    buildx("bake", "--progress", "plain", env={"VERSION": "7"})
    assert docker.out("run", "--rm", f"{tag}-app:7", "cat", "/app") == "base\nother"
    assert docker.out("run", "--rm", f"{tag}-base:7", "cat", "/base") == "base"
    made = set(docker.out("images", "-aq").split()) - before
    assert len(made) == 2, "results that only others needed leave no image"


def test_bake_takes_compose_files_and_remote_ones(
    buildx: Buildx, docker: Docker, tag: str, site: tuple[Path, str]
) -> None:
    buildx.write(
        "compose.yaml", f"services:\n  web:\n    image: {tag}:compose\n    build: {{context: web, args: {{A: b}}}}\n"
    )
    buildx.write("web/Dockerfile", "FROM busybox\nARG A\nRUN echo $A > /out\n")
    buildx("bake")
    assert docker.out("run", "--rm", f"{tag}:compose", "cat", "/out") == "b"
    root, url = site
    hcl = f'target "default" {{\n  tags = ["{tag}:git"]\n}}\n'
    _repository(root / "repo", {"docker-bake.hcl": hcl, "Dockerfile": "FROM busybox\nCOPY f /out\n", "f": "remote"})
    (root / "repo.git").symlink_to(root / "repo" / ".git")
    buildx("bake", f"{url}/repo.git")
    assert docker.out("run", "--rm", f"{tag}:git", "cat", "/out") == "remote"


def test_what_there_is_can_be_asked(buildx: Buildx) -> None:
    buildx.build("FROM busybox\nRUN echo something > /here\n")
    listed = buildx("ls").stdout.decode()
    assert "running" in listed
    assert "linux/amd64" in listed
    assert "BuildKit version:" in buildx("inspect").stdout.decode()
    usage = buildx("du", "--verbose").stdout.decode()
    assert "RUN echo something" in usage or "Total:" in usage
    pruned = buildx("prune", "-f", "--filter", "type=source.local").stdout.decode()
    assert "Total:" in pruned
    assert buildx("du", "--filter", "type=source.local").stdout.decode().count("true") == 0


def test_questions_about_a_dockerfile(buildx: Buildx) -> None:
    buildx.write(
        "Dockerfile",
        "ARG VERSION=3\n# base holds what all need\nFROM busybox AS base\nARG NAME\n"
        "RUN --mount=type=secret,id=tok true\nfrom base AS app\nRUN --mount=type=ssh true\n",
    )
    env = {"BUILDX_EXPERIMENTAL": "1"}
    targets = buildx("build", "--print=targets", ".", env=env).stdout.decode()
    assert "base          holds what all need" in targets
    assert "app (default)" in targets
    outline = buildx("build", "--print=outline", "--build-arg", "NAME=x", ".", env=env).stdout.decode()
    assert all(word in outline for word in ("VERSION", "NAME", "tok", "default"))
    found = buildx("build", "--print=lint", ".", env=env).stdout.decode()
    assert "WARNING: ConsistentInstructionCasing - https://docs.docker.com/go/dockerfile/rule/" in found
    assert "   6 | >>> from base AS app" in found
    listed = buildx("build", "--print=subrequests.describe", ".", env=env).stdout.decode()
    assert "Lint a Dockerfile" in listed


def test_a_cancelled_build_leaves_nothing(buildx: Buildx, docker: Docker) -> None:
    sleeping = f"sleep 1{uuid.uuid4().int % 10**7:07}"  # nobody else's
    buildx.write("Dockerfile", f"FROM busybox\nRUN echo begun; {sleeping}\n")
    words = [buildx.plugin, "build", "--progress", "plain", "."]
    process = subprocess.Popen(words, cwd=buildx.root, env=buildx.environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b" begun" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "context canceled" in rest
    buildx.build("FROM busybox\nRUN true\n")  # a later build finds all locks free
    until(lambda: sleeping not in subprocess.run(["ps", "axww"], capture_output=True, text=True).stdout)


def test_layers_of_the_base_are_not_sent_again(buildx: Buildx, docker: Docker, tag: str, tmp_path: Path) -> None:
    archive = tmp_path / "base.tar"
    archive.write_bytes(busybox_rootfs())
    docker("import", str(archive), f"{tag}-base")
    buildx.build(f"FROM {tag}-base\nRUN echo $0 > /x\n", "-t", tag, "--load")
    assert docker.out("image", "inspect", "-f", "{{len .RootFS.Layers}}", tag) == "2"


def test_caches_in_directories_of_the_clients(buildx: Buildx, tmp_path: Path) -> None:
    text = f"FROM busybox\nRUN echo {uuid.uuid4().hex} > /out; echo ran\n"
    place = tmp_path / "cache"
    assert _said(buildx.build(text, "--cache-to", f"type=local,dest={place},mode=max"), "ran")
    assert json.loads((place / "index.json").read_text())["manifests"]
    buildx("prune", "-af")
    again = buildx.build(text, "--cache-from", f"type=local,src={place}")
    assert not _said(again, "ran")
    assert again.count("CACHED") == 2


def test_images_in_oci_layouts_of_the_clients(buildx: Buildx, docker: Docker, tag: str, tmp_path: Path) -> None:
    buildx.build("FROM busybox\nRUN echo laid out > /out\n", "-t", tag, "-o", f"type=oci,dest={tmp_path}/oci.tar")
    (tmp_path / "layout").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "oci.tar", "-C", tmp_path / "layout"], check=True)
    before = set(docker.out("images", "-aq").split())
    text = "FROM laid\nCOPY --from=laid /out /copied\nRUN cat /out /copied\n"
    shown = buildx.build(text, "--build-context", f"laid=oci-layout://{tmp_path}/layout", "-o", "type=cacheonly")
    assert shown.count("laid out") == 2
    assert set(docker.out("images", "-aq").split()) == before


def test_the_classic_builder_stays_for_who_asks_for_it(buildx: Buildx, docker: Docker, tag: str) -> None:
    buildx.write("Dockerfile", "FROM busybox\nRUN echo classic > /out\n")
    done = subprocess.run(
        ["docker", "build", "-t", tag, "."], cwd=buildx.root, env={**buildx.environment, "DOCKER_BUILDKIT": "0"},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert "Step 2/2 : RUN echo classic" in done.stdout
    assert docker.out("run", "--rm", tag, "cat", "/out") == "classic"


def test_stock_compose_builds(docker: Docker, tag: str, tmp_path: Path) -> None:
    compose = os.environ.get("BOXSHIP_STOCK_COMPOSE", f"{FETCHED}/docker-compose")
    if not Path(compose).exists():
        pytest.skip("no Debian mirror is near to fetch docker compose from; BOXSHIP_STOCK_COMPOSE may name it")
    (tmp_path / "web").mkdir()
    (tmp_path / "token").write_text("123456")
    (tmp_path / "web" / "Dockerfile").write_text(
        "FROM busybox AS wanted\nARG A\n"
        "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /out; echo $A >> /out\n"
        "FROM wanted\nRUN false\n"
    )
    (tmp_path / "compose.yaml").write_text(
        f"name: {tag}\nservices:\n  web:\n    build:\n      context: web\n      args: {{A: b}}\n      target: wanted\n"
        "      secrets: [token]\n      labels: {made: here}\n    command: sleep 1000\n    stop_grace_period: 0s\n"
        "    network_mode: none\nsecrets: {token: {file: ./token}}\n"
    )

    def run(*words: str) -> str:
        done = subprocess.run(
            [compose, *words], cwd=tmp_path, env=docker.environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    try:
        run("build")
        assert docker.out("image", "inspect", "-f", "{{.Config.Labels.made}}", f"{tag}-web") == "here"
        run("up", "-d", "--build")
        assert run("exec", "-T", "web", "cat", "/out").split() == ["6", "b"]
        assert "Running" in run("up", "-d", "--build"), "the same image is no reason for a new container"
    finally:
        run("down", "-t", "0", "--rmi", "all")
