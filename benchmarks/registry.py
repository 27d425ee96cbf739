"""Push and pull throughput of our registry server beside Debian's docker-registry: same clients, same images, one run.

    python benchmarks/registry.py [--clients 16] [--images 2] [--rounds 3] [--profile large|small]

Both keep their data in memory (/dev/shm). The two take turns; the best round of each counts, for the machine may be
busy with other things. A client pushes whole images (config, layers, manifest) over one connection with the requests
that the stock clients send, then pulls what it pushed and checks lengths. Prints megabytes and images per second.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TYPE = "application/vnd.oci.image.manifest.v1+json"
PROFILES = {"large": (4, 8 << 20), "small": (4, 16 << 10)}  # layers of an image, bytes of each
BUFFER = 1 << 20


@dataclass(frozen=True)
class Image:
    """blobs: digest and the 64 bytes by which each differs from `body`."""

    repository: str
    blobs: list[tuple[str, bytes]]
    manifest: bytes


class Found(NamedTuple):
    """Seconds of the clock and of the server's computing, which hardly varies with other load; peak: MiB."""

    push: float
    pull: float
    push_cpu: float
    pull_cpu: float
    peak: float


class Connection:
    """One kept connection, as cheap as Python has it: the servers are to be measured, not the client."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(BUFFER)

    def ask(self, method: str, target: str, *parts: "bytes | memoryview", kind: str = "") -> tuple[int, str, int]:
        """Return status, Location and length of the body, which is read and thrown away."""
        length = sum(len(part) for part in parts)
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {TYPE}\r\nContent-Length: {length}\r\n"
        head += f"Content-Type: {kind}\r\n\r\n" if kind else "\r\n"
        self._sock.sendall(head.encode() + bytes(parts[0][:64] if parts else b""))
        for number, part in enumerate(parts):
            self._sock.sendall(memoryview(part)[64:] if number == 0 else part)
        return self._answer(method)

    def _answer(self, method: str) -> tuple[int, str, int]:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._sock.recv(65536)
            if not piece:
                raise ConnectionError("the registry closed the connection")
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = 0 if method == "HEAD" else int(fields.get("content-length", "0"))
        left = length - len(rest)
        while left > 0:
            count = self._sock.recv_into(self._buffer, min(left, BUFFER))
            if not count:
                raise ConnectionError("the registry broke off")
            left -= count
        return int(lines[0].split()[1]), fields.get("location", ""), length

    def close(self) -> None:
        self._sock.close()


def images(client: int, count: int, layers: int, body: bytes) -> list[Image]:
    return [_image(f"bench/c{client}", f"{client}.{number}", layers, body) for number in range(count)]


def _image(repository: str, name: str, layers: int, body: bytes) -> Image:
    blobs = []
    for number in range(layers):
        mark = hashlib.sha512(f"{time.time_ns()}.{name}.{number}".encode()).digest()
        blobs.append((f"sha256:{hashlib.sha256(mark + body).hexdigest()}", mark))
    size = 64 + len(body)
    layer = "application/vnd.oci.image.layer.v1.tar+gzip"
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blobs[0][0], "size": size},
        "layers": [{"mediaType": layer, "digest": digest, "size": size} for digest, _ in blobs],
    }
    return Image(repository, blobs, json.dumps(manifest).encode())


def push(port: int, wanted: list[Image], body: bytes) -> None:
    """HEAD, POST, PATCH and PUT for each blob, then the manifest: what docker, skopeo and containerd do."""
    connection = Connection(port)
    for image in wanted:
        home = f"/v2/{image.repository}"
        for digest, mark in image.blobs:
            _want(connection.ask("HEAD", f"{home}/blobs/{digest}"), 404)
            place = _path(_want(connection.ask("POST", f"{home}/blobs/uploads/"), 202))
            place = _path(_want(connection.ask("PATCH", place, mark, body, kind="application/octet-stream"), 202))
            joint = "&" if "?" in place else "?"
            _want(connection.ask("PUT", f"{place}{joint}digest={digest}"), 201)
        tag = hashlib.sha256(image.manifest).hexdigest()[:12]
        _want(connection.ask("PUT", f"{home}/manifests/{tag}", image.manifest, kind=TYPE), 201)
    connection.close()


def pull(port: int, wanted: list[Image], size: int) -> None:
    connection = Connection(port)
    for image in wanted:
        tag = hashlib.sha256(image.manifest).hexdigest()[:12]
        _want(connection.ask("GET", f"/v2/{image.repository}/manifests/{tag}"), 200)
        for digest, _ in image.blobs:
            if _want(connection.ask("GET", f"/v2/{image.repository}/blobs/{digest}"), 200)[2] != size:
                raise SystemExit(f"{digest} came back short")
    connection.close()


def _want(answer: tuple[int, str, int], status: int) -> tuple[int, str, int]:
    if answer[0] != status:
        raise SystemExit(f"status {answer[0]}, not {status}")
    return answer


def _path(answer: tuple[int, str, int]) -> str:
    location = answer[1]
    return location if location.startswith("/") else "/" + location.split("/", 3)[3]


@contextlib.contextmanager
def running(argv: list[str], port: int, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        argv, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as p:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    Connection(port).close()
                    break
                time.sleep(0.05)
            yield p
        finally:
            p.terminate()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def commands(name: str, root: Path, port: int) -> tuple[list[str], dict[str, str]]:
    if name == "boxship":
        program = str(Path(sys.executable).parent / "boxship")
        return [program, "registry", "serve", "--root", str(root), "--listen", f"127.0.0.1:{port}"], {}
    config = root / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {root}/data}}, cache: {{blobdescriptor: inmemory}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n"
    )
    return ["docker-registry", "serve", str(config)], {"OTEL_TRACES_EXPORTER": "none"}


def measure(name: str, options: argparse.Namespace, profile: str) -> Found:
    """Push and pull once, against a server of its own."""
    layers, size = PROFILES[profile]
    body = os.urandom(size)
    work = [images(client, options.images, layers, body) for client in range(options.clients)]
    root, port = Path(tempfile.mkdtemp(prefix="boxship-bench-", dir="/dev/shm")), free_port()
    try:
        argv, environ = commands(name, root, port)
        with running(argv, port, environ) as server, ThreadPoolExecutor(options.clients) as pool:
            begun, idle = time.perf_counter(), _cpu(server.pid)
            list(pool.map(lambda wanted: push(port, wanted, body), work))
            pushed, busy = time.perf_counter(), _cpu(server.pid)
            list(pool.map(lambda wanted: pull(port, wanted, size + 64), work))
            pulled = time.perf_counter()
            return Found(pushed - begun, pulled - pushed, busy - idle, _cpu(server.pid) - busy, _peak(server.pid))
    finally:
        shutil.rmtree(root)


def _cpu(pid: int) -> float:
    """Return seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--images", type=int, default=2, help="each client pushes and pulls so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", choices=[*PROFILES, "all"], default="all")
    parser.add_argument("--collection", action=argparse.BooleanOptionalAction, default=True,
                        help="also push a thousand images while collections run, and check them all")  # fmt: skip
    options = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for profile in PROFILES if options.profile == "all" else [options.profile]:
        compare(options, profile)
    if options.collection:
        collect()


def collect() -> None:
    """The test tells what it did, and fails if a blob is missing or broken."""
    name = "tests/kill/test_registry.py::test_a_thousand_pushes_during_collections"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-m", "slow", name], capture_output=True, text=True
    )
    print("pushes during collections: " + "; ".join(line for line in done.stdout.splitlines() if " pushes, " in line))
    print("  missing or broken blobs: " + ("0" if done.returncode == 0 else done.stdout[-2000:]))


def compare(options: argparse.Namespace, profile: str) -> None:
    layers, size = PROFILES[profile]
    print(f"\n{profile}: images of {layers} layers with {size >> 10} KiB each, {options.clients} clients")
    count = options.clients * options.images
    best: dict[str, Found] = {}
    for _ in range(options.rounds):
        for name in ("docker-registry", "boxship"):
            found = measure(name, options, profile)
            best[name] = Found(*(min(pair) for pair in zip(found, best.get(name, found), strict=True)))
    volume = count * layers * size / 1e6
    for name, f in best.items():
        for what, seconds, cpu in (("push", f.push, f.push_cpu), ("pull", f.pull, f.pull_cpu)):
            print(
                f"{name:16} {what} {volume / seconds:7.0f} MB/s {count / seconds:8.1f} images/s  computing {cpu:6.2f} s"
            )
        print(f"{name:16} peak {f.peak:.0f} MiB")
    theirs, ours = best["docker-registry"], best["boxship"]
    print(f"ratio (over 1 is better)  push {theirs.push / ours.push:.2f}  pull {theirs.pull / ours.pull:.2f}")
    pushing, pulling = theirs.push_cpu / ours.push_cpu, theirs.pull_cpu / ours.pull_cpu
    print(f"ratio of computing        push {pushing:.2f}  pull {pulling:.2f}")


if __name__ == "__main__":
    main()
