"""Builds and pushes an image for each branch that a forge tells of: a receiver of GitHub's webhooks (Gitea's and
Forgejo's are the same).

    SECRET=… receiver.py --listen 127.0.0.1:9000 --image registry.example.com/me/app

The forge signs what it sends with the secret; what is not signed by it is refused before it is read. Pushes wait in a
queue and are built one after the other; of a branch that moved again meanwhile only the newest is built. Standard
library only; the daemon fetches and builds, this program holds nothing.
"""

import argparse
import hashlib
import hmac
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping

LARGEST = 25 << 20  # bytes that GitHub sends at most
HEAD = "refs/heads/"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
GONE = "0" * 40


class Refused(Exception):
    """status: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Queue:
    """Branches that wait: (URL, branch) -> commit, the oldest first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, url: str, branch: str, commit: str) -> None:
        with self._changed:
            self._waiting[url, branch] = commit
            self._changed.notify()

    def take(self) -> tuple[str, str, str]:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            (url, branch), commit = self._waiting.popitem(last=False)
            return url, branch, commit


def require_signed(secret: bytes, body: bytes, headers: Mapping[str, str]) -> None:
    right = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), (headers.get("X-Hub-Signature-256") or "").encode()):
        raise Refused(401, "the signature is not that of this receiver's secret")


def pushed(event: str, body: bytes) -> tuple[str, str, str] | None:
    """Return (URL, branch, commit) of a push, None for what is nothing to build. Raises Refused."""
    if event != "push":
        return None
    try:
        told = json.loads(body)
        ref, commit, url = told["ref"], told["after"], told["repository"]["clone_url"]
    except (ValueError, KeyError, TypeError) as e:
        raise Refused(400, f"this is no push event: {e!r}") from e
    if not ref.startswith(HEAD) or commit == GONE:
        return None
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit) or url.startswith("-"):
        raise Refused(400, "this push names no commit or no address")
    return url, ref.removeprefix(HEAD), commit


def build(program: str, image: str, url: str, branch: str, commit: str) -> int:
    """Build the commit, under its own tag and the branch's; return the exit code."""
    tags = [commit[:12], re.sub(r"[^A-Za-z0-9_.-]", "-", branch)]
    words = [word for tag in tags if TAG.fullmatch(tag) for word in ("-t", f"{image}:{tag}")]
    print(f"{branch} {commit[:12]}: building", flush=True)
    code = subprocess.run([program, "build", "--progress", "plain", "--push", *words, f"{url}#{commit}"]).returncode
    print(f"{branch} {commit[:12]}: {'pushed' if code == 0 else f'failed, code {code}'}", flush=True)
    return code


def handler(secret: bytes, queue: Queue) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 < length <= LARGEST:
                    raise Refused(413, "the body must have a length, of 25 MiB at most")
                body = self.rfile.read(length)
                require_signed(secret, body, self.headers)
                push = pushed(self.headers.get("X-GitHub-Event", ""), body)
                if push is not None:
                    queue.put(*push)
                self._answer(202 if push else 200, "it waits to be built" if push else "nothing to build")
            except Refused as e:
                self._answer(e.status, str(e))

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"{text}\n".encode())

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:9000", metavar="ADDRESS:PORT")
    parser.add_argument("--image", required=True, help="name to push to, without a tag")
    parser.add_argument("--program", default="boxship")
    given = parser.parse_args()
    secret = os.environ.get("SECRET", "").encode()
    if len(secret) < 16:
        sys.exit("SECRET must hold the secret that the forge signs with, 16 characters or more")
    queue = Queue()
    host, _, port = given.listen.rpartition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), handler(secret, queue))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening at {host}:{server.server_port}", flush=True)
    while True:
        build(given.program, given.image, *queue.take())


if __name__ == "__main__":
    main()
