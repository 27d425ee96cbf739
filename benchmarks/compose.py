"""Time `boxship compose` beside docker-compose 1.29 on dockerd, and count the requests that an update loses.

    python -m benchmarks.compose [--dockerd FOLDER] [--compose docker-compose] [--rounds 5] [--only up,config,update]

Needs root. Starts a Boxship and, with --dockerd (the folder of dockerd; its helpers may be in the bin beside), a
dockerd of its own, each with roots in memory, and takes both away. Rounds in turn (A B A B …); printed: medians of
whole commands, from shell to shell, and how many times faster we are. `update` needs wrk: image changes of one and of
three replicas under load.
"""

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[1]
BOXSHIP = Path(sys.executable).parent / "boxship"
MEMORY = Path("/dev/shm")
BUDGETS = {"up": (0.8, 8.0), "again": (0.4, 0.0), "down": (0.0, 5.0), "config": (0.5, 0.0)}  # seconds, times faster
SERVICE = "  s{}: {{image: busybox, command: sleep 3600, stop_signal: SIGKILL}}\n"
TEN = 'version: "3"\nservices:\n' + "".join(SERVICE.format(number) for number in range(10))
MANY = 'version: "3.7"\nservices:\n' + "".join(
    f"""  s{number}:
    image: "registry.example.com/team/app-{number}:${{TAG:-1}}"
    command: ["serve", "--port", "80"]
    environment: {{A: "${{A:-x}}", NUMBER: "{number}"}}
    ports: ["{10000 + number}:80"]
    volumes: ["data{number}:/data"]
    labels: {{role: app}}
    healthcheck: {{test: [CMD, "true"], interval: 5s}}
    deploy: {{resources: {{limits: {{memory: 64M}}}}}}
"""
    for number in range(1, 201)
)
MANY += "volumes:\n" + "".join(f"  data{number}: {{}}\n" for number in range(1, 201))
WEB = """services:
  web:
    image: web:${V:-1}
    ports: ["PORT:80"]
    stop_grace_period: 2s
    healthcheck:
      {test: [CMD, wget, -q, -O, /dev/null, http://127.0.0.1/], interval: 1s, start_interval: 100ms, start_period: 9s}
    deploy: {replicas: REPLICAS, update_config: {order: start-first}}
"""


class Tool:
    """A compose program and the daemon it works on. name: a column's head."""

    def __init__(self, name: str, words: list[str], host: str) -> None:
        self.name, self.words = name, words
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # as installed
        self.environ = {**kept, "DOCKER_HOST": host, "BOXSHIP_HOST": host, "COMPOSE_HTTP_TIMEOUT": "120"}

    def __call__(self, folder: Path, *words: str, **env: str) -> float:
        """Run it in a folder; return the seconds from shell to shell."""
        line = " ".join((*self.words, *words))
        began = time.perf_counter()
        done = subprocess.run(
            ["sh", "-c", line], cwd=folder, env={**self.environ, **env}, capture_output=True, text=True, check=False
        )
        taken = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"{line}: {done.stdout}{done.stderr}")
        return taken


@contextlib.contextmanager
def boxship(root: Path) -> Iterator[Tool]:
    bridge = f"bb{os.getpid() % 100000}"
    host = f"unix://{root}/boxship.sock"
    flags = [
        *("--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/boxship.pid"),
        *("--host", host, "--bridge", bridge, "--cgroup-parent", f"/{bridge}", "--group", ""),
    ]
    with open(root / "boxship.log", "wb") as log:
        daemon = subprocess.Popen([BOXSHIP, "daemon", *flags], stdout=log, stderr=log)
    try:
        _answers(root / "boxship.sock", daemon)
        yield Tool("boxship", [str(BOXSHIP), "compose"], host)
    finally:
        daemon.terminate()
        daemon.wait()
        subprocess.run([BOXSHIP, "daemon", *flags, "--purge"], check=True)


@contextlib.contextmanager
def dockerd(root: Path, folder: Path, program: str) -> Iterator[Tool]:
    """In a network namespace of its own, so that none of its bridges and rules stays behind."""
    socket_ = root / "docker.sock"
    paths = [folder, folder.parent / "bin", folder.parent / "sbin"]
    environ = {**os.environ, "PATH": ":".join([*map(str, paths), os.environ["PATH"]])}
    words = [
        *("unshare", "--net", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
        *("dockerd", "--data-root", f"{root}/docker", "--exec-root", f"{root}/docker-exec"),
        *("-H", f"unix://{socket_}", "--pidfile", f"{root}/docker.pid"),
    ]
    with open(root / "dockerd.log", "wb") as log:
        daemon = subprocess.Popen(words, env=environ, stdout=log, stderr=log, start_new_session=True)
    try:
        _answers(socket_, daemon)
        yield Tool("dockerd+compose", [program], f"unix://{socket_}")
    finally:
        daemon.terminate()
        daemon.wait()


def _answers(path: Path, daemon: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
            sock.connect(str(path))
            sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            if b" 200 " in sock.recv(64):
                return
        if daemon.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"{path.name} does not answer; see the log beside it")


def give_images(tool: Tool, root: Path) -> None:
    """busybox, and web:1 and web:2, which tell their number."""
    archive = root / "busybox.tar"
    if not archive.exists():
        archive.write_bytes(subprocess.run([HERE / "scripts/base-image.sh"], capture_output=True, check=True).stdout)
    _import(tool, root, "busybox:latest")


def _import(tool: Tool, root: Path, name: str, *changes: str) -> None:
    words = [str(BOXSHIP), "-H", tool.environ["DOCKER_HOST"], "import", "--change", "ENV PATH=/bin"]
    words += [word for change in changes for word in ("--change", change)]
    subprocess.run([*words, str(root / "busybox.tar"), name], check=True, capture_output=True)


def life(tools: list[Tool], root: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Time `up -d`, a second one and `down` of ten services."""
    folder = root / "ten"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(TEN)
    times: dict[str, dict[str, list[float]]] = {case: {t.name: [] for t in tools} for case in ("up", "again", "down")}
    for number in range(rounds + 1):  # the first round warms up
        for tool in tools:
            for case, words in (("up", ("up", "-d")), ("again", ("up", "-d")), ("down", ("down",))):
                taken = tool(folder, *words)
                if number:
                    times[case][tool.name].append(taken)
    return times


def reading(tools: list[Tool], root: Path, rounds: int) -> dict[str, list[float]]:
    folder = root / "many"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(MANY)
    times: dict[str, list[float]] = {tool.name: [] for tool in tools}
    for number in range(rounds + 1):
        for tool in tools:
            taken = tool(folder, "config")
            if number:
                times[tool.name].append(taken)
    return times


def row(case: str, times: dict[str, list[float]]) -> str:
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    ours, *others = medians.values()
    seconds, ratio = BUDGETS[case]
    wanted = " ".join(filter(None, (f"<= {seconds} s" if seconds else "", f">= {ratio:g} x" if ratio else "")))
    ratios = [other / ours for other in others]
    kept = (not seconds or ours <= seconds) and all(not ratio or found >= ratio for found in ratios)
    cells = f"{ours:10.3f}" + "".join(f"{other:18.3f} {other / ours:7.1f} x" for other in others)
    return f"{case:8s}{cells}   {wanted:18s} {'kept' if kept else 'MISSED'}"


def update(tool: Tool, root: Path, replicas: int, requests: int) -> str:
    """Change the image under wrk's load until `requests` have been answered; return a line with what failed."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    folder = root / f"web{replicas}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(WEB.replace("PORT", str(port)).replace("REPLICAS", str(replicas)))
    for version in "12":
        serve = f"mkdir -p /w; echo {version} > /w/index.html; exec httpd -f -p 80 -h /w"
        _import(tool, root, f"web:{version}", f'CMD ["sh", "-c", "{serve}"]')
    tool(folder, "up", "-d", "--wait")
    answered = failed = updates = 0
    loading = threading.Event()

    def change_images() -> None:
        nonlocal updates
        while not loading.is_set():
            tool(folder, "up", "-d", V="2" if updates % 2 == 0 else "1")
            updates += 1

    thread = threading.Thread(target=change_images)
    thread.start()
    while answered < requests or not updates:
        said = subprocess.run(
            ["wrk", "-t", "1", "-c", "8", "-d", "5s", f"http://127.0.0.1:{port}/"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        answered += int(_number(r"(\d+) requests in", said))
        failed += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", said)))
        failed += int(_number(r"Non-2xx or 3xx responses: (\d+)", said))
    loading.set()
    thread.join()
    tool(folder, "down")
    kept = "kept" if not failed else "MISSED"
    return f"{replicas} replica(s): {failed} of {answered} requests failed during {updates} image change(s)   {kept}"


def _number(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dockerd", type=Path, help="folder of dockerd, containerd, docker-init, …")
    parser.add_argument("--compose", default="docker-compose", help="docker-compose 1.29")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--only", default="up,config,update")
    options = parser.parse_args(words)
    root = Path(tempfile.mkdtemp(prefix="boxship-compose-", dir=MEMORY))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        tools = [stack.enter_context(boxship(root))]
        if options.dockerd:
            tools.append(stack.enter_context(dockerd(root, options.dockerd, options.compose)))
        for tool in tools:
            give_images(tool, root)
        only = options.only.split(",")
        print(
            f"{'seconds':8s}" + "".join(f"{tool.name:>{10 if tool is tools[0] else 18}s}" for tool in tools), flush=True
        )
        if "up" in only:
            for case, times in life(tools, root, options.rounds).items():
                print(row(case, times), flush=True)
        if "config" in only:
            print(row("config", reading(tools, root, options.rounds)), flush=True)
        for replicas in (1, 3) if "update" in only else ():
            print(update(tools[0], root, replicas, options.requests), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
