"""Record a session with a daemon of its own as an SVG: `python scripts/picture.py docs/picture.svg`, as root.

What the picture shows is what the commands printed; nothing is drawn by hand.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.daemons import Daemon
from tests.images import busybox_rootfs

PROGRAM = Path(sys.executable).parent / "boxship"
SESSION = r"""
boxship run -d --name web -p 8080:80 web
curl -s http://localhost:8080
kill -9 $(cat boxship.pid)   # the daemon dies, the container goes on
curl -s http://localhost:8080
boxship ps --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}'
boxship exec web sh -c 'echo "hello from $(hostname | cut -c1-6)"'
boxship compose --progress plain up -d
boxship compose ps
"""
COMPOSE = """
services:
  front: {image: web, depends_on: [store]}
  store: {image: web, volumes: ["data:/data"]}
volumes: {data: }
"""


def main(target: str) -> None:
    daemon = Daemon()
    try:
        daemon.start()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "compose.yaml").write_text(COMPOSE)
            Path(folder, "boxship.pid").symlink_to(daemon.root / "daemon.pid")
            _image(daemon)
            console = Console(record=True, width=100, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
            for line in SESSION.strip().splitlines():
                console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
                printed = _printed(daemon, line, folder)
                if printed:
                    console.print(Text.from_ansi(printed))
            console.save_svg(target, title="boxship")
    finally:
        daemon.close()


def _image(daemon: Daemon) -> None:
    command = 'CMD ["sh", "-c", "mkdir -p /w; echo it works > /w/index.html; exec httpd -f -p 80 -h /w"]'
    words = [PROGRAM, "-H", daemon.host, "import", "--change", "ENV PATH=/bin", "--change", command, "-", "web"]
    subprocess.run(words, input=busybox_rootfs(), check=True, capture_output=True)


def _printed(daemon: Daemon, line: str, folder: str) -> str:
    if line.startswith("boxship") and not daemon.answers():
        daemon.start()  # what a service does by itself
    environment = {
        **os.environ, "BOXSHIP_HOST": daemon.host, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "COMPOSE_PROJECT_NAME": "shop",
    }  # fmt: skip
    for _ in range(50):
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode == 0:
            return done.stdout.rstrip("\n")
        if "curl" not in line:
            break
        time.sleep(0.1)  # until the server in the container listens
    raise SystemExit(f"{line}: {done.returncode}\n{done.stdout}")


if __name__ == "__main__":
    main(sys.argv[1])
