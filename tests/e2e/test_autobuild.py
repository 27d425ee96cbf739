"""A forge's webhook builds and pushes: examples/autobuild, a git server and a registry."""

import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.daemons import PROGRAM, Daemon

pytestmark = pytest.mark.e2e
RECEIVER = Path(__file__).parents[2] / "examples" / "autobuild" / "receiver.py"
SECRET = "a secret of sixteen and more"
PATIENCE = 60.0


@contextmanager
def running(*argv: str, ready: str, **environment: str) -> Iterator[str]:
    """Run a server until the end of the context; give the word behind `ready` in what it prints."""
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment},
        start_new_session=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        try:
            line = next((line for line in server.stdout if ready in line), "")
            assert line, f"{argv[0]} did not start"
            yield line.partition(ready)[2].strip()
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def git(folder: Path, *words: str) -> str:
    author = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
    done = subprocess.run(["git", *author, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def post(port: int, event: str, body: bytes, secret: str = SECRET) -> int:
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    asking.request("POST", "/", body, headers)
    answer = asking.getresponse()
    answer.read()
    return answer.status


def tags(registry: str) -> set[str]:
    try:
        with urllib.request.urlopen(f"http://{registry}/v2/me/app/tags/list", timeout=PATIENCE) as answer:
            return set(json.load(answer)["tags"] or ())
    except urllib.error.HTTPError:
        return set()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.timeout(240)  # a build, a registry and three servers
def test_a_webhook_of_a_push_makes_a_new_tag_appear(daemon: Daemon, images: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    (work / "Dockerfile").write_text("FROM busybox\nCOPY Dockerfile /\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "Begin")
    git(tmp_path, "clone", "-q", "--bare", "work", "app.git")
    commit, registry, served = git(work, "rev-parse", "HEAD"), f"127.0.0.1:{free_port()}", free_port()
    with ExitStack() as stack:
        stack.enter_context(running(str(PROGRAM), "registry", "serve", "--listen", registry, "--root",
                                    str(tmp_path / "registry"), ready="listen"))  # fmt: skip
        stack.enter_context(running("git", "daemon", "--verbose", "--export-all", "--reuseaddr", f"--port={served}",
                                    "--listen=127.0.0.1", f"--base-path={tmp_path}",
                                    ready="Ready to rumble"))  # fmt: skip
        where = stack.enter_context(
            running(sys.executable, "-u", str(RECEIVER), "--listen", "127.0.0.1:0", "--image", f"{registry}/me/app",
                    "--program", str(PROGRAM), ready="listening at ", SECRET=SECRET, DOCKER_HOST=daemon.host,
                    DOCKER_CONFIG=str(tmp_path)))  # fmt: skip
        port = int(where.rpartition(":")[2])
        body = json.dumps({
            "ref": "refs/heads/main", "after": commit,
            "repository": {"clone_url": f"git://127.0.0.1:{served}/app.git"},
        }).encode()  # fmt: skip
        assert post(port, "push", body, "another secret of sixteen") == 401
        assert post(port, "ping", b"{}") == 200
        assert post(port, "push", b'{"ref": 1}') == 400
        assert tags(registry) == set()
        assert post(port, "push", body) == 202
        end = time.monotonic() + PATIENCE
        while tags(registry) != {"main", commit[:12]} and time.monotonic() < end:
            time.sleep(0.1)
        assert tags(registry) == {"main", commit[:12]}
