"""Sentences of the Dockerfile reference, as Dockerfiles that say what came of them."""

import base64
import contextlib
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made

pytestmark = pytest.mark.e2e
TOKEN = "t0ken of mine"


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        yield found


def said(site: Site, text: str, *words: str, code: int = 0) -> str:
    site.write("Dockerfile", text)
    return site("--progress", "plain", "--no-cache", *words, ".", code=code).stderr


def test_a_stage_inherits_arguments_of_the_one_it_is_based_on(site: Site) -> None:
    shown = said(
        site,
        "ARG G=global\nFROM busybox AS one\nARG A=a\nARG B=b\nFROM one AS two\nARG A\nARG B=other\nARG G\n"
        'RUN echo "<$A-$B-$G>"\nFROM busybox\nCOPY --from=two /bin/sh /x\nRUN echo "<$A-$B-$G>"\n',
    )
    assert " <a-other-global>\n" in shown
    assert " <-->\n" in shown


def test_triggers_take_files_of_stages_that_only_they_need(site: Site, docker: Docker) -> None:
    base = f"{site.tag}-base"
    said(site, "FROM busybox\nONBUILD COPY --from=build /made /taken\nONBUILD RUN cat /taken\n", "-t", base)
    text = f"FROM busybox AS first\nRUN echo word > /w\nFROM first AS build\nRUN cp /w /made\nFROM {base}\n"
    assert " word\n" in said(site, text)
    docker("rmi", base)


def test_patterns_may_mean_nothing_and_many_directories(site: Site) -> None:
    for path in ("package.json", "src/a.txt", "src/x/b.txt", "src/x/y/c.txt", "src/x/no.log"):
        site.write(path)
    shown = said(
        site,
        "FROM busybox\nCOPY package.json package-lock.json* /app/\nCOPY none* /none/\n"
        "COPY --parents src/**/*.txt /all/\nRUN find /app /all -type f | sort | tr '\\n' ' '\n",
    )
    assert "/all/src/a.txt /all/src/x/b.txt /all/src/x/y/c.txt /app/package.json" in shown


def test_arguments_for_the_builder_itself(site: Site, docker: Docker) -> None:
    text = "FROM busybox\nRUN hostname\nRUN --mount=type=cache,target=/c echo has $(ls /c); touch /c/file\n"
    mine, others = (f"BUILDKIT_CACHE_MOUNT_NS={site.tag}{n}" for n in "12")
    shown = said(site, text, "--build-arg", mine, "--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=there")
    assert " there\n" in shown
    assert " has\n" in shown
    assert " has file\n" in said(site, text, "--build-arg", mine)
    assert " has\n" in said(site, text, "--build-arg", others)
    shown = said(site, "FROM busybox\nCMD a\n", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=true", code=1)
    assert "lint violation found: JSONArgsRecommended" in shown
    said(site, "# syntax=me/mopy\nFROM busybox\n", "--build-arg", "BUILDKIT_SYNTAX=dockerfile.v0")
    said(site, "FROM busybox\n", "--build-arg", "BUILDKIT_MULTI_PLATFORM=1", "-t", site.tag)


def test_a_base_for_another_platform_is_told_of(site: Site) -> None:
    said(site, "FROM scratch\nCOPY Dockerfile /\n", "--platform", "linux/arm64", "-t", site.tag)
    shown = said(site, f"FROM {site.tag}\nLABEL a=b\n")
    assert f'Base image {site.tag} was pulled with platform "linux/arm64", expected "linux/amd64"' in shown
    assert "1 warning found" in shown


class Guarded(SimpleHTTPRequestHandler):
    """Files for those who show the right header."""

    wanted = ""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.wanted:
            self.send_error(401)
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextlib.contextmanager
def serving(root: Path, wanted: str) -> Iterator[str]:
    kind = type("Guarded", (Guarded,), {"wanted": wanted})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(kind, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def repository(root: Path) -> str:
    """Make one that plain web servers can give; return its commit."""
    work = root / "work"
    work.mkdir(parents=True)
    (work / "file").write_text("in the repository\n")
    named = ("-c", "user.name=n", "-c", "user.email=e@x")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*named, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *words], cwd=work, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, root / "r.git"], check=True)
    subprocess.run(["git", "update-server-info"], cwd=root / "r.git", check=True)
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_repository_is_held_to_its_commit(site: Site, tmp_path: Path) -> None:
    commit = repository(tmp_path / "git")
    with serving(tmp_path / "git", None) as base:  # type: ignore[arg-type]
        add = f"ADD --checksum={commit[:7]} {base}/r.git#main /r/"
        assert " in the repository\n" in said(
            site, f"FROM busybox\n{add}\nRUN cat /r/file; ls -a /r | grep git || true\n"
        )
        wrong = said(site, f"FROM busybox\nADD --checksum=0000000 {base}/r.git /r/\n", code=1)
        assert f"expected checksum to match 0000000, got {commit}" in wrong
        kept = said(site, f"FROM busybox\nADD {base}/r.git?ref=main&keep-git-dir=1 /r/\nRUN ls -d /r/.git\n")
        assert " /r/.git\n" in kept
        assert "unknown 'color'" in said(site, f"FROM busybox\nADD {base}/r.git?color=red /r/\n", code=1)


def test_secrets_open_files_and_repositories(site: Site, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/file").write_text("behind a door\n")
    secret = site.write("../token", TOKEN)
    with serving(tmp_path / "web", f"Bearer {TOKEN}") as base:
        text = f"FROM busybox\nADD {base}/file /f\nRUN cat /f\n"
        assert " behind a door\n" in said(site, text, "--secret", f"id=HTTP_AUTH_TOKEN_127.0.0.1,src={secret}")
        refused = said(site, text, code=1)
        assert "401" in refused
        assert TOKEN not in refused
    repository(tmp_path / "git")
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    with serving(tmp_path / "git", f"basic {basic}") as base:
        text = f"FROM busybox\nADD {base}/r.git /r/\nRUN cat /r/file\n"
        assert " in the repository\n" in said(site, text, "--secret", f"id=GIT_AUTH_TOKEN,src={secret}")
        said(site, text, code=1)
