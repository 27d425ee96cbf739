"""Building images with the stock CLI's classic builder: what Dockerfiles say comes true."""

import hashlib
import json
import os
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.daemons import Daemon
from tests.e2e.conftest import Docker
from tests.images import busybox_rootfs

pytestmark = pytest.mark.e2e
Build = Callable[..., subprocess.CompletedProcess[str]]


class Site:
    """A build context, and `docker build` in it. Names of images are the test's own."""

    def __init__(self, docker: Docker, root: Path) -> None:
        self.docker = docker
        self.root = root
        self.tag = f"built-{uuid.uuid4().hex[:10]}"

    def write(self, path: str, text: str = "", mode: int | None = None) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if mode is not None:
            file.chmod(mode)
        return file

    def build(self, text: str, *flags: str, tag: str = "", check: bool = True) -> str:
        """Build a Dockerfile; return all that was printed."""
        self.write("Dockerfile", text)
        environment = {**self.docker.environment, "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(
            ["docker", "build", "-t", tag or self.tag, *flags, "."],
            cwd=self.root, env=environment, text=True, capture_output=True, timeout=100,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        self.code = done.returncode
        return done.stdout + done.stderr

    def run(self, *words: str) -> str:
        return self.docker.out("run", "--rm", self.tag, *words)

    def inspect(self, template: str = "{{json .Config}}") -> str:
        return self.docker.out("image", "inspect", "-f", template, self.tag)

    def history(self) -> list[str]:
        return self.docker.out("history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Size}}", self.tag).splitlines()


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    root = tmp_path / "context"
    root.mkdir()
    found = Site(docker, root)
    yield found
    docker("rmi", "-f", found.tag, check=False)


def test_a_web_page_made_by_redirection(site: Site) -> None:
    site.build(
        "# a page\nFROM busybox\nWORKDIR /app\nRUN echo 'Hello World!' > index.html\nEXPOSE 8080\n"
        'CMD ["httpd", "-f", "-p", "8080"]\n'
    )
    assert site.run("cat", "/app/index.html") == "Hello World!"
    assert site.run("pwd") == "/app"
    config = json.loads(site.inspect())
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert config["Cmd"] == ["httpd", "-f", "-p", "8080"]


def test_settings_of_old_dockerfiles(site: Site) -> None:
    site.write("index.html", "old\n")
    out = site.build(
        "FROM busybox\nMAINTAINER Jane Doe <jane@example.org>\nRUN true && echo both\n"
        "ENV APACHE_RUN_USER www-data\nENV APACHE_LOG_DIR /var/log/apache2\nENV A=1 B=2 \\\n    C='3 4'\n"
        'ADD ./index.html /var/www/index.html\nEXPOSE 80\nCMD ["cat", "/var/www/index.html"]\n'
    )
    assert "Step 3/9 : RUN true && echo both" in out
    assert "\nboth\n" in out
    assert site.run() == "old"
    config = json.loads(site.inspect())
    assert config["Env"][1:] == ["APACHE_RUN_USER=www-data", "APACHE_LOG_DIR=/var/log/apache2", "A=1", "B=2", "C=3 4"]
    assert site.inspect("{{.Author}}") == "Jane Doe <jane@example.org>"


def test_every_instruction_leaves_its_mark(site: Site) -> None:
    site.build(
        'FROM busybox\nLABEL a="b c" d=e\nSTOPSIGNAL SIGINT\nVOLUME /vol\nSHELL ["/bin/sh", "-ec"]\n'
        "HEALTHCHECK --interval=5s --retries=2 CMD true\nONBUILD RUN echo x\nUSER web\nENTRYPOINT exec top\n"
    )
    config = json.loads(site.inspect())
    assert config["Labels"] == {"a": "b c", "d": "e"}
    assert (config["StopSignal"], config["Volumes"], config["User"]) == ("SIGINT", {"/vol": {}}, "web")
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000, "Retries": 2}
    assert (config["OnBuild"], config["Shell"]) == (["RUN echo x"], ["/bin/sh", "-ec"])
    assert config["Entrypoint"] == ["/bin/sh", "-ec", "exec top"]


def test_run_makes_a_layer_and_the_user_counts(site: Site) -> None:
    site.build(
        "FROM busybox\nRUN echo appuser:x:1000:1000::/:/bin/sh >> /etc/passwd\n"
        "USER appuser\nRUN id > /tmp/who\nCMD whoami\n"
    )
    assert site.run() == "appuser"
    assert "uid=1000" in site.run("cat", "/tmp/who")
    history = site.history()
    assert any(line.startswith("RUN /bin/sh -c echo appuser") and not line.endswith("|0B") for line in history)
    assert sum(line.endswith("|0B") for line in history) == 2  # USER and CMD


def test_deleting_in_a_later_layer_frees_nothing(site: Site) -> None:
    make = "dd if=/dev/zero of=/big bs=1M count=4"
    site.build(f"FROM busybox\nRUN {make}\nRUN rm /big\n")
    apart = int(site.inspect("{{.Size}}"))
    assert "big" not in site.run("ls", "/")
    site.build(f"FROM busybox\nRUN {make} && rm /big\n")
    assert apart - int(site.inspect("{{.Size}}")) >= 4 << 20


def test_copy_into_all_kinds_of_targets(site: Site) -> None:
    site.write("a.txt", "a")
    site.write("b.txt", "b")
    site.write("dir/c.txt", "c")
    site.write("dir/deep/d.txt", "d", 0o600)
    site.write("odd [1].txt", "odd")
    site.build(
        "FROM busybox\nRUN mkdir /real && ln -s /real /link && mkdir /there\nWORKDIR /w\n"
        "COPY a.txt new.txt\nCOPY a.txt b.txt into/\nCOPY *.txt /all/\nCOPY dir /tree\nCOPY dir/ /there\n"
        'COPY a.txt /link/\nCOPY a.txt /there\nCOPY ["odd [[]1].txt", "/odd name"]\nCOPY . /everything/\n'
        "COPY --chown=web:web --chmod=4710 a.txt /own\nCOPY --chown=7 dir /seven\nCOPY --chmod=u=rwX,go=r dir /modes\n"
    )
    script = (
        "cat new.txt into/b.txt /tree/c.txt /tree/deep/d.txt /there/c.txt /real/a.txt /there/a.txt '/odd name';"
        "ls /all; ls -d /everything/dir/deep; stat -c '%U %a' /own; stat -c '%u:%g' /seven/deep/d.txt;"
        "stat -c %a /modes/deep /modes/deep/d.txt /tree/deep/d.txt; stat -c %u:%g new.txt"
    )
    assert site.run("sh", "-c", script).split("\n") == [
        "abcdcaaodda.txt", "b.txt", "odd [1].txt", "/everything/dir/deep", "web 4710", "7:7", "744", "644", "600", "0:0"
    ]  # fmt: skip


def test_what_dockerignore_means_stays_out(site: Site) -> None:
    site.write(".dockerignore", "*.log\n!keep.log\ndocs\n!docs/README\n**/tmp\n# comment\n")
    for path in ("a.log", "keep.log", "src/b.log", "docs/x", "docs/README", "src/tmp/y", "main"):
        site.write(path, path)
    site.build("FROM busybox\nCOPY . /c\nRUN cd /c && find . -type f | sort > /list\n")
    assert site.run("cat", "/list").split() == [
        "./.dockerignore",
        "./Dockerfile",
        "./docs/README",
        "./keep.log",
        "./main",
        "./src/b.log",
    ]
    out = site.build("FROM busybox\nCOPY a.log /\n", check=False)
    assert site.code != 0
    assert "not found" in out


def test_a_dockerfile_elsewhere_has_its_own_ignore_file(site: Site) -> None:
    site.write("a")
    site.write("b")
    site.write(".dockerignore", "a")
    site.write("build/Special.dockerignore", "b")
    site.write("build/Special", "FROM busybox\nCOPY . /c\nRUN ls /c > /list\n")
    site.build("", "-f", "build/Special")
    assert "b" not in site.run("cat", "/list").split()


def test_add_unpacks_archives(site: Site) -> None:
    site.write("src/one", "1")
    for name, mode in (("x.tar", "w"), ("x.tar.gz", "w:gz"), ("x.tar.xz", "w:xz"), ("x.tar.bz2", "w:bz2")):
        with tarfile.open(site.root / name, mode) as tar:  # type: ignore[call-overload]
            tar.add(site.root / "src", "src")
    site.write("plain.gz", "no archive")
    site.build(
        "FROM busybox\nADD x.tar /t/\nADD x.tar.gz /z/\nADD x.tar.xz x.tar.bz2 /m/\nADD plain.gz /p/\nCOPY x.tar /c/\n"
    )
    assert site.run("sh", "-c", "cat /t/src/one /z/src/one /m/src/one /p/plain.gz; ls /c") == "111no archivex.tar"


def test_heredocs(site: Site) -> None:
    site.build(
        "FROM busybox\nARG who=me\nCOPY <<EOF /etc/conf\nwho=$who\nEOF\nCOPY <<'EOF' <<b /etc/more/\n$who\nEOF\nc\nb\n"
        "RUN <<EOF\nset -e\nx=1\necho $x > /x\nEOF\nRUN <<EOF\n#!/bin/cat\nhello\nEOF\nRUN cat <<EOF > /y\nin\nEOF\n"
    )
    assert site.run("cat", "/etc/conf", "/etc/more/EOF", "/x", "/y") == "who=me\n$who\n1\nin"


def test_arguments_and_their_scopes(site: Site) -> None:
    text = (
        'ARG version=1\nFROM busybox AS one\nRUN echo "[$version]" > /a\nARG version\nRUN echo "[$version]" >> /a\n'
        'ARG other=x${version:+y}\nENV other=$other-env\nRUN echo "[$other] [$TARGETARCH] $HTTP_PROXY" >> /a\n'
    )
    site.build(text)
    assert site.run("cat", "/a") == "[]\n[1]\n[xy-env] [] "
    out = site.build(text, "--build-arg", "version=2", "--build-arg", "HTTP_PROXY=p", "--build-arg", "typo=1")
    assert site.run("cat", "/a") == "[]\n[2]\n[xy-env] [] p"
    assert "One or more build-args [typo] were not consumed" in out
    assert "HTTP_PROXY=" not in site.inspect() + "".join(site.history())


def test_stages(site: Site) -> None:
    text = (
        "FROM busybox AS build\nRUN mkdir /out && echo binary > /out/app && chmod 755 /out/app\n"
        "FROM busybox AS never\nRUN exit 7\n"
        "FROM scratch\nCOPY --from=build /out/app /app\nCOPY --from=busybox /bin/busybox /cat\n"
        'ENTRYPOINT ["/cat"]\nCMD ["/app"]\n'
    )
    out = site.build(text)
    assert "exit 7" not in out
    assert "Step 1/7" in out
    assert site.run() == "binary"
    assert int(site.inspect("{{len .RootFS.Layers}}")) == 2
    site.build(text, "--target", "build")
    assert site.run("cat", "/out/app") == "binary"
    site.build(text, "--target", "never", check=False)
    assert site.code == 7


def test_stages_run_side_by_side(site: Site) -> None:
    meet = (
        f"RUN --mount=type=cache,id={site.tag},target=/c touch /c/{{0}} /{{0}}; "
        "for i in $(seq 900); do [ -e /c/{1} ] && exit 0; sleep 0.1; done; exit 1\n"
    )
    site.build(
        f"FROM busybox AS a\n{meet.format('a', 'b')}FROM busybox AS b\n{meet.format('b', 'a')}"
        "FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    )
    assert {"a", "b"} <= set(site.run("ls", "/").split())


def test_onbuild(site: Site) -> None:
    site.write("f", "x")
    site.build("FROM busybox\nONBUILD COPY f /f\nONBUILD RUN cat /f > /g\n")
    base = site.tag
    site.tag = f"{base}-child"
    try:
        site.build(f"FROM {base}\nRUN echo $(cat /g)y > /h\n")
        assert site.run("cat", "/h") == "xy"
        assert not json.loads(site.inspect()).get("OnBuild")
    finally:
        site.docker("rmi", "-f", base)


def test_mounts_of_run(site: Site) -> None:
    site.write("f", "from context")
    site.build(
        "FROM busybox AS one\nRUN echo from stage > /s\nFROM busybox\n"
        "RUN --mount=target=/ctx --mount=type=bind,from=one,source=/s,target=/deep/s cat /ctx/f /deep/s > /got && "
        "! touch /ctx/new\n"
        "RUN --mount=type=bind,target=/ctx,rw touch /ctx/new && ls /ctx/new\n"
        "RUN --mount=type=tmpfs,target=/t touch /t/x && mount | grep ' /t '\n"
        "RUN --mount=type=secret,id=none cat /run/secrets/none || echo none\n"
    )
    assert site.run("cat", "/got").replace("\n", "") == "from contextfrom stage"
    assert {"ctx", "deep", "t"}.isdisjoint(site.run("ls", "/").split())
    assert not (site.root / "new").exists()


def test_a_cache_mount_outlives_its_build(site: Site) -> None:
    mark = uuid.uuid4().hex
    mount = f"--mount=type=cache,id={mark},target=/cache"
    text = f"FROM busybox\nARG n\nRUN {mount} echo $n >> /cache/log; cat /cache/log > /seen\n"
    site.build(text, "--build-arg", "n=1")
    site.build(text, "--build-arg", "n=2")
    assert site.run("cat", "/seen").split() == ["1", "2"]
    assert "cache" not in site.run("ls", "/").split()


# ---- caching


def cached(out: str) -> int:
    return out.count(" ---> Using cache")


def test_the_cache_knows_contents_not_times(site: Site) -> None:
    mark = uuid.uuid4().hex
    text = f"FROM busybox\nCOPY req /req\nRUN echo {mark} > /deps\nCOPY app /app\nRUN cat /app > /out\n"
    site.write("req", mark)
    site.write("app", "1")
    assert cached(site.build(text)) == 0
    first = site.inspect("{{.Id}}")
    for path in ("req", "app"):
        (site.root / path).touch()
    assert cached(site.build(text)) == 4
    assert site.inspect("{{.Id}}") == first
    site.write("app", "2")
    assert cached(site.build(text)) == 2
    assert site.run("cat", "/out") == "2"
    assert cached(site.build(text, "--no-cache")) == 0


def test_the_same_input_gives_the_same_image(site: Site) -> None:
    text = "FROM busybox\nCOPY f /f\nRUN mkdir /d && echo x > /d/e && ln -s e /d/l\n"
    site.write("f", "f")
    ids = []
    for _ in range(2):
        site.build(text, "--no-cache")
        ids.append(site.inspect("{{.Id}}"))
        (site.root / "f").touch()
        time.sleep(1.1)
    assert ids[0] == ids[1]
    site.build(text, "--build-arg", "SOURCE_DATE_EPOCH=1000000000")
    assert "2001-09-09" in site.docker.out(
        "history", "--no-trunc", "--human=false", "--format", "{{.CreatedAt}}", site.tag
    )


# ---- failures


def test_a_failing_command(site: Site) -> None:
    out = site.build("FROM busybox\nRUN echo before; exit 3\nRUN echo never\n", check=False)
    assert site.code == 3
    assert "before" in out
    assert "The command '/bin/sh -c echo before; exit 3' returned a non-zero code: 3" in out
    assert "never" not in out.partition("Step 2")[2].replace("RUN echo never", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM busybox\nRUNN x\n", "unknown instruction: RUNN (did you mean RUN?)"),
        ("FROM busybox\nCOPY nothing /\n", '"/nothing": not found'),
        ("FROM busybox\nCOPY ../../etc/passwd /\n", "not found"),
        ("FROM busybox\nCOPY --from=nowhere.invalid/x /a /\n", "nowhere.invalid"),
        ("FROM busybox\nUSER nobody-here\nRUN id\n", "unable to find user nobody-here"),
        ("FROM busybox\nCOPY --chown=nobody-here Dockerfile /\n", "unable to find user nobody-here"),
        ('FROM busybox\nRUN ["/no/such"]\n', "no such file or directory"),
        ("FROM busybox\nCOPY Dockerfile Dockerfile /target\n", "must be a directory and end with a /"),
        ("FROM busybox\nRUN --network=host true\nRUN --security=insecure true\n", "security.insecure is not allowed"),
        ("FROM busybox\nRUN --mount=type=cach,target=/x true\n", "did you mean cache?"),
        ("", "cannot be empty"),
    ],
)
def test_what_goes_wrong_is_said(site: Site, text: str, said: str) -> None:
    out = site.build(text, check=False)
    assert site.code != 0
    assert said in out


def test_links_in_a_context_lead_nowhere_else(site: Site) -> None:
    (site.root / "out").symlink_to("/etc")
    (site.root / "up").symlink_to("../../../../../../etc/passwd")
    site.build("FROM busybox\nCOPY out up /links/\n", check=False)
    assert site.code != 0
    site.build("FROM busybox\nCOPY . /c\nRUN ls -l /c/up /c/out | grep -c -- '->' > /n\n")
    assert site.run("cat", "/n") == "2"


# ---- ways in


def test_a_dockerfile_through_a_pipe(site: Site) -> None:
    environment = {**site.docker.environment, "DOCKER_BUILDKIT": "0"}
    subprocess.run(
        ["docker", "build", "-q", "-t", site.tag, "-"], input="FROM busybox\nCMD echo piped\n", text=True,
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    assert site.run() == "piped"


def test_quiet_prints_the_id_alone(site: Site) -> None:
    environment = {**site.docker.environment, "DOCKER_BUILDKIT": "0"}
    site.write("Dockerfile", "FROM busybox\nCMD x\n")
    done = subprocess.run(
        ["docker", "build", "-q", "-t", site.tag, "."], cwd=site.root, env=environment, text=True, capture_output=True
    )
    assert done.stdout.strip() == site.inspect("{{.Id}}")


def test_labels_limits_and_hosts_from_the_command_line(site: Site) -> None:
    out = site.build(
        "FROM busybox\nRUN grep somewhere /etc/hosts; ulimit -n; cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
        "2>/dev/null || cat /sys/fs/cgroup/memory.max; df -k /dev/shm | tail -n1\nRUN ip addr | grep -c eth0 || true\n",
        "--label", "x=y z", "--memory", "64m", "--ulimit", "nofile=99:99", "--add-host", "somewhere:10.1.2.3",
        "--shm-size", "32m", "--network", "none",
    )  # fmt: skip
    assert "10.1.2.3\tsomewhere" in out
    assert "\n99\n" in out
    assert str(64 << 20) in out
    assert " 32768 " in out
    assert "\n0\n" in out
    assert json.loads(site.inspect())["Labels"] == {"x": "y z"}


def test_several_names(site: Site) -> None:
    site.build("FROM busybox\nCMD x\n", "-t", f"{site.tag}:one", "-t", f"{site.tag}:two")
    names = site.docker.out("images", "--format", "{{.Tag}}", site.tag).split()
    assert sorted(names) == ["latest", "one", "two"]
    site.docker("rmi", f"{site.tag}:one", f"{site.tag}:two")


def test_what_was_built_can_be_saved_and_loaded(site: Site, tmp_path: Path) -> None:
    site.write("f", "kept")
    site.build("FROM busybox\nCOPY f /d/f\nRUN rm /etc/group; mkdir /n; ln /d/f /n/g\n")
    image = site.inspect("{{.Id}}")
    archive = tmp_path / "image.tar"
    site.docker("save", "-o", str(archive), site.tag)
    site.docker("rmi", "-f", site.tag)
    site.docker("builder", "prune", "-af")
    site.docker("load", "-i", str(archive))
    assert site.inspect("{{.Id}}") == image
    assert site.run("sh", "-c", "cat /n/g; ls /etc").split() == ["keptpasswd"] or "group" not in site.run("ls", "/etc")


# ---- ends that nobody wished for


def begin(site: Site, text: str, mark: str, host: str) -> "subprocess.Popen[str]":
    """Start a build and return once it has printed `mark`."""
    site.write("Dockerfile", text)
    environment = {**site.docker.environment, "DOCKER_BUILDKIT": "0", "DOCKER_HOST": host}
    building = subprocess.Popen(
        ["docker", "build", "-t", site.tag, "."], cwd=site.root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert building.stdout is not None
    for line in building.stdout:
        if line.strip() == mark:
            return building
    raise AssertionError("the build ended too early")


def test_a_client_that_goes_leaves_nothing(docker: Docker, killable: Daemon, tmp_path: Path) -> None:
    subprocess.run(["docker", "-H", killable.host, "import", "-", "busybox"], input=busybox_rootfs(), check=True)
    site = Site(docker, tmp_path)
    building = begin(site, "FROM busybox\nRUN echo here; sleep 300 & sleep 301\n", "here", killable.host)
    assert len(os.listdir(killable.exec_root / "builds")) > 1
    assert killable.check() == []  # a step under way is no stranger
    building.terminate()
    building.wait(60)
    end = time.monotonic() + 60
    while _leftovers(killable) and time.monotonic() < end:
        time.sleep(0.05)
    assert _leftovers(killable) == []
    assert killable.check() == []


def test_a_crash_loses_only_the_running_step(docker: Docker, killable: Daemon, tmp_path: Path) -> None:
    subprocess.run(["docker", "-H", killable.host, "import", "-", "busybox"], input=busybox_rootfs(), check=True)
    site = Site(docker, tmp_path)
    site.write("f", "f")
    done = "FROM busybox\nRUN echo first > /a\nCOPY f /f\nRUN cat /a /f > /b\n"
    rest = "RUN echo five > /e\nRUN echo six > /g\n"
    building = begin(site, f"{done}RUN echo here; sleep 300\n{rest}", "here", killable.host)
    killable.kill()
    building.wait(60)
    killable.start()
    assert _leftovers(killable) == []
    assert killable.check() == []
    site.docker = Docker(killable.host, docker.label, docker.config)
    assert cached(site.build(f"{done}RUN echo four > /d\n{rest}")) == 3
    assert _leftovers(killable) == []
    assert killable.check() == []


def _leftovers(daemon: Daemon) -> list[str]:
    builds = [name for name in os.listdir(daemon.exec_root / "builds") if name != ".runtime"]
    return [*builds, *os.listdir(daemon.data_root / "tmp"), *os.listdir(daemon.data_root / "containers")]


# ---- sources that lie elsewhere


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on the loopback, and the directory it serves."""
    root = tmp_path / "served"
    root.mkdir()
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}", root
    serving.shutdown()
    serving.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def repository(root: Path) -> None:
    """Make root/repo.git with a Dockerfile on main, and another in a directory of the branch `other`."""
    work = root / "work"
    work.mkdir()

    def git(*words: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, *words], cwd=work, check=True, capture_output=True)

    git("init")
    (work / "Dockerfile").write_text("FROM busybox\nCOPY . /r\nCMD cat /r/f\n")
    (work / "f").write_text("main")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    (work / "sub").mkdir()
    (work / "sub" / "Dockerfile").write_text("FROM busybox\nCOPY . /r\nRUN ls -A /r > /list\nCMD cat /list\n")
    git("add", ".")
    git("commit", "-m", "two")
    git("checkout", "main")
    git("clone", "--bare", str(work), str(root / "repo.git"))
    subprocess.run(["git", "update-server-info"], cwd=root / "repo.git", check=True)


def test_contexts_from_git(site: Site, server: tuple[str, Path]) -> None:
    address, root = server
    repository(root)
    environment = {**site.docker.environment, "DOCKER_BUILDKIT": "0"}

    def build(fragment: str) -> str:
        query = {"remote": f"{address}/repo.git{fragment}", "t": site.tag}
        done = subprocess.run(
            ["curl", "-s", "--unix-socket", site.docker.host.removeprefix("unix://"), "-X", "POST",
             f"http://d/v1.41/build?{urlencode(query)}"],
            env=environment, text=True, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout

    assert "Successfully tagged" in build("")
    assert site.run() == "main"
    assert "Successfully tagged" in build("#other:sub")
    assert site.run() == "Dockerfile"
    assert "git fetch failed" in build("#nowhere")
    assert "no directory nothing" in build("#main:nothing")


def test_add_from_urls_and_repositories(site: Site, server: tuple[str, Path]) -> None:
    address, root = server
    repository(root)
    (root / "file.txt").write_text("fetched")
    subprocess.run(["tar", "czf", root / "x.tar.gz", "-C", root, "file.txt"], check=True)
    digest = hashlib.sha256(b"fetched").hexdigest()
    site.build(
        f"FROM busybox\nADD {address}/file.txt /a/\nADD --checksum=sha256:{digest} --chmod=644 {address}/file.txt /b\n"
        f"ADD {address}/x.tar.gz /c/\nADD {address}/repo.git#other:sub /g\n"
        f"ADD --keep-git-dir=true {address}/repo.git /k\n"
    )
    script = "cat /a/file.txt /b; stat -c %a /a/file.txt /b; ls /c /g; ls -d /k/.git"
    assert site.run("sh", "-c", script).split() == [
        "fetchedfetched600", "644", "/c:", "x.tar.gz", "/g:", "Dockerfile", "/k/.git"
    ]  # fmt: skip
    out = site.build(f"FROM busybox\nADD --checksum=sha256:{'0' * 64} {address}/file.txt /b\n", check=False)
    assert "digest mismatch" in out
    assert "invalid response status 404" in site.build(f"FROM busybox\nADD {address}/no /b\n", check=False)
