"""Load, push, pull and save through the stock CLI of several daemons and skopeo: same images, same registry, one run.

    python benchmarks/images.py --host boxship=unix:///run/boxship.sock --host dockerd=unix:///run/docker.sock

The first daemon is compared with the others. Each is asked in turn, `--rounds` times; the best counts, for the machine
may be busy with other things. The images: 8 layers with 20,000 files of 500 MiB together, and one layer of 64 MiB.
The registry is Debian's docker-registry with its data in memory. Daemons are left as they were found, but for caches.
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
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MIB = 1 << 20
Times = dict[tuple[str, str], list[float]]


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
    note("save", docker("save", "-o", str(work / "saved.tar"), tag))
    (work / "saved.tar").unlink()
    docker("rmi", tag)


def skopeo_round(note: Callable[[str, float], None], file: Path, tag: str, work: Path) -> None:
    """It does not extract: its pull only brings the bytes."""
    insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    note("push", timed(["skopeo", "copy", "-q", *insecure, f"docker-archive:{file}", f"docker://{tag}"]))
    note("pull", timed(["skopeo", "copy", "-q", *insecure, f"docker://{tag}", f"dir:{work / 'dir'}"]))
    shutil.rmtree(work / "dir")


def measure(asked: argparse.Namespace, work: Path) -> Times:
    found: Times = {}
    hosts = [text.partition("=")[::2] for text in asked.host]
    for title, layers, files, size in (("64 MiB", 1, 64, 64 * MIB), ("500 MiB", 8, 20_000, 500 * MIB)):
        if asked.only not in ("", title):
            continue
        for _ in range(asked.rounds):
            for name, host in [*hosts, ("skopeo", "")]:

                def note(step: str, took: float, name: str = name, title: str = title) -> None:
                    found.setdefault((f"{title} {step}", name), []).append(took)
                    print(f"  {title} {step} {name}: {took:.0f} ms", flush=True)

                store = Path(tempfile.mkdtemp(dir=work))
                with registry(store) as address:  # an empty one each time, or a push would find all there
                    tag = f"{address}/bench:1"
                    file = work / "image.tar"
                    archive(file, tag, layers, files, size)
                    if host:
                        daemon_round(note, host, file, tag, work)
                    else:
                        skopeo_round(note, file, tag, work)
                shutil.rmtree(store)
    return found


def report(found: Times) -> None:
    names = list(dict.fromkeys(name for _, name in found))
    print(
        "\n" + "best, ms".ljust(24) + "".join(name.rjust(12) for name in names) + "   the first is so many times faster"
    )
    for step in dict.fromkeys(step for step, _ in found):
        best = {name: min(found[step, name]) for name in names if (step, name) in found}
        if names[0] not in best:
            continue
        ratios = [f"{name} {best[name] / best[names[0]]:.2f}" for name in names[1:] if name in best]
        cells = "".join((f"{best[name]:.0f}" if name in best else "-").rjust(12) for name in names)
        print(step.ljust(24) + cells + "   " + ", ".join(ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", action="append", required=True, metavar="NAME=ADDRESS", help="a daemon to measure")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="`64 MiB` or `500 MiB`")
    parser.add_argument("--work", default="/dev/shm", help="directory for the images and the registry")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="boxship-bench-", dir=asked.work))
    os.environ["DOCKER_CONFIG"] = str(work)
    try:
        report(measure(asked, work))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
