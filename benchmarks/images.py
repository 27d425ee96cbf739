"""Load, push, pull and save through the stock CLI of several daemons and skopeo: same images, same registry, one run.

    python -m benchmarks.images --dockerd /usr/sbin/dockerd
    python -m benchmarks.images --host boxship=unix:///run/boxship.sock --host dockerd=unix:///run/docker.sock

Starts a daemon of ours, and a dockerd, with roots in memory; or asks those that run already. The first is compared with
the others. Each is asked in turn, `--rounds` times; medians are told. The images: 8 layers with 20,000 files of 500 MiB
together, and one layer of 64 MiB. The registry is Debian's docker-registry with its data in memory. Daemons are left as
they were found, but for caches. Also told: the most memory each daemon took with each image.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import daemons
from benchmarks.client import Client
from benchmarks.memory import Memory

MIB = 1 << 20
Times = dict[tuple[str, str], list[float]]
MEMORY = "most memory, MiB"


@dataclass(frozen=True)
class Peer:
    """One to be measured. host: "" for skopeo, which is no daemon.  pid: 0 where it is not known."""

    name: str
    host: str
    pid: int = 0


def layer(number: int, files: int, size: int) -> bytes:
    """Return a tar of `files` files with `size` bytes together, of which about half can be squeezed out. No other is
    like it, or a daemon might have it already."""
    dice, out = random.Random(time.time_ns()), io.BytesIO()
    each = size // files
    with tarfile.open(fileobj=out, mode="w") as tar:
        for index in range(files):
            info = tarfile.TarInfo(f"srv/l{number}/d{index % 50}/f{index}")
            info.size, info.mode = each, 0o644
            tar.addfile(info, io.BytesIO((dice.randbytes(each // 2) + bytes(each))[:each]))
    return out.getvalue()


def archive(path: Path, tag: str, layers: int, files: int, size: int) -> None:
    """Write a docker-archive of `layers` layers; files and bytes are of all together."""
    diff_ids, names = [], []
    with tarfile.open(path, "w") as tar:

        def add(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

        for number in range(layers):
            content = layer(number, files // layers, size // layers)
            diff_ids.append(f"sha256:{hashlib.sha256(content).hexdigest()}")
            names.append(f"{number}/layer.tar")
            add(names[-1], content)
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        add("config.json", config)
        add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": names}]).encode())


@contextlib.contextmanager
def registry(root: Path) -> Iterator[str]:
    """Give the address of an empty docker-registry."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    settings = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(root)}}, "http": {"addr": address}}
    file = root.with_suffix(".json")
    file.write_text(json.dumps(settings))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["docker-registry", "serve", str(file)], **quiet) as process:  # type: ignore[call-overload]
        host, port = address.split(":")
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
                break
            time.sleep(0.05)
        try:
            yield address
        finally:
            process.terminate()


def timed(argv: list[str]) -> float:
    """Return the milliseconds a command takes; one that fails ends the run with its words."""
    begun = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    took = (time.monotonic() - begun) * 1000
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stdout[-500:]}")
    return took


def daemon_round(note: Callable[[str, float], None], host: str, file: Path, tag: str, work: Path) -> None:
    """Load, push, forget, pull, pull again, save, forget."""

    def docker(*words: str) -> float:
        return timed(["docker", "-H", host, *words])

    note("load", docker("load", "-q", "-i", str(file)))
    note("push", docker("push", "-q", tag))
    docker("rmi", tag)
    note("pull", docker("pull", "-q", tag))
    note("pull, present", docker("pull", "-q", tag))
    note("pull, present, API alone", asked_again(host, tag))
    note("save", docker("save", "-o", str(work / "saved.tar"), tag))
    (work / "saved.tar").unlink()
    docker("rmi", tag)


def asked_again(host: str, tag: str) -> float:
    """Return the milliseconds a pull of what is present takes without the command line's own start."""
    client = Client("pull", host.removeprefix("unix://"))
    name, _, version = tag.rpartition(":")
    client.call("GET", "/_ping", raw=True)
    begun = time.monotonic()
    client.call("POST", f"/images/create?fromImage={name}&tag={version}", raw=True)
    return (time.monotonic() - begun) * 1000


def skopeo_round(note: Callable[[str, float], None], file: Path, tag: str, work: Path) -> None:
    """It does not extract: its pull only brings the bytes."""
    insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    note("push", timed(["skopeo", "copy", "-q", *insecure, f"docker-archive:{file}", f"docker://{tag}"]))
    note("pull", timed(["skopeo", "copy", "-q", *insecure, f"docker://{tag}", f"dir:{work / 'dir'}"]))
    shutil.rmtree(work / "dir")


def measure(asked: argparse.Namespace, peers: list[Peer], work: Path) -> Times:
    found: Times = {}
    for title, layers, files, size in (("64 MiB", 1, 64, 64 * MIB), ("500 MiB", 8, 20_000, 500 * MIB)):
        if asked.only not in ("", title):
            continue
        for number in range(asked.rounds):
            for peer in turns(peers, number):

                def note(step: str, took: float, name: str = peer.name, title: str = title) -> None:
                    found.setdefault((f"{title} {step}", name), []).append(took)
                    print(f"  {title} {step} {name}: {took:.0f}", flush=True)

                os.sync()  # what others have written is no burden of this one
                store = Path(tempfile.mkdtemp(dir=work))
                with registry(store) as address:  # an empty one each time, or a push would find all there
                    tag = f"{address}/bench:1"
                    file = work / "image.tar"
                    archive(file, tag, layers, files, size)
                    if not peer.host:
                        skopeo_round(note, file, tag, work)
                    elif peer.pid:
                        with Memory(peer.pid) as memory:
                            daemon_round(note, peer.host, file, tag, work)
                        note(MEMORY, memory.peak)
                    else:
                        daemon_round(note, peer.host, file, tag, work)
                shutil.rmtree(store)
    return found


def turns(peers: list[Peer], number: int) -> list[Peer]:
    """Who is asked after whom in a round: nobody always comes after the same one, whose memory and files still go."""
    ahead = number % len(peers)
    return [*peers[ahead:], *peers[:ahead]]


def report(found: Times, names: list[str]) -> None:
    print(
        "\n"
        + "medians, ms".ljust(34)
        + "".join(name.rjust(12) for name in names)
        + "   the first takes so many times less"
    )
    for step in dict.fromkeys(step for step, _ in found):
        best = {name: statistics.median(found[step, name]) for name in names if (step, name) in found}
        if names[0] not in best:
            continue
        ratios = [f"{name} {best[name] / best[names[0]]:.2f}" for name in names[1:] if name in best]
        cells = "".join((f"{best[name]:.0f}" if name in best else "-").rjust(12) for name in names)
        print(step.ljust(34) + cells + "   " + ", ".join(ratios))


def started(name: str, path: str, pidfile: str) -> Peer:
    return Peer(name, f"unix://{path}", int((Path(path).parent / pidfile).read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", action="append", default=[], metavar="NAME=ADDRESS", help="a daemon that runs")
    parser.add_argument("--dockerd", default=os.environ.get("DOCKERD_PROGRAM", ""), help="program to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="`64 MiB` or `500 MiB`")
    parser.add_argument("--work", default="/dev/shm", help="directory for the images and the registry")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="boxship-bench-", dir=asked.work))
    os.environ["DOCKER_CONFIG"] = str(work)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work)
        peers = [Peer(*text.partition("=")[::2]) for text in asked.host]
        if not peers:
            peers.append(started("boxship", stack.enter_context(daemons.boxship()), "daemon.pid"))
            if asked.dockerd:
                peers.append(started("dockerd", stack.enter_context(daemons.dockerd(asked.dockerd)), "pid"))
        peers.append(Peer("skopeo", ""))
        report(measure(asked, peers, work), [peer.name for peer in peers])


if __name__ == "__main__":
    main()
