"""Dockerfiles as courses and projects have them, on bases made from Debian's packages: built, and what they made run.

Minutes long, and they need the network.
"""

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian import authorities, debian_rootfs
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
PYTHON = """FROM debian:bookworm-slim
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/* \\
 && ln -s python3 /usr/bin/python && rm /usr/lib/python3*/EXTERNALLY-MANAGED
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
CMD ["python3"]
"""


@pytest.fixture(scope="module")
def bases(images: str, stock_host: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """debian, ubuntu and python under the names that Dockerfiles use."""
    docker = Docker(stock_host, "boxship.test=debian", tmp_path_factory.mktemp("config"))
    archive = tmp_path_factory.mktemp("debian") / "debian.tar"
    archive.write_bytes(debian_rootfs("ca-certificates"))
    path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    docker("import", "--change", path, "--change", 'CMD ["bash"]', str(archive), "debian:bookworm-slim", timeout=120)
    for name in ("ubuntu:latest", "ubuntu:12.04"):
        docker("tag", "debian:bookworm-slim", name)
    with made(docker, tmp_path_factory.mktemp("python")) as site:
        (site.root / "authorities.crt").write_bytes(authorities())
        site.write("Dockerfile", PYTHON)
        site("-q", "-t", "python:3.12-slim", ".", timeout=600)


@pytest.fixture
def site(docker: Docker, bases: None, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        yield found


def answer(port: int, path: str = "/") -> str:
    """Return what a server says once it listens."""
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                return str(reply.read().decode())
        except OSError:
            assert time.monotonic() < end, f"nothing answers on {port}"
            time.sleep(0.1)


def served(site: Site, port: int) -> int:
    """Run the image; return the host's port."""
    name = site.docker.name()
    site.docker("run", "-d", "--name", name, "-p", f"127.0.0.1::{port}", site.tag)
    return int(site.docker.out("port", name, str(port)).rpartition(":")[2])


def test_a_fastapi_application(site: Site) -> None:
    site.write("requirements.txt", "fastapi\nuvicorn\n")
    site.write(
        "main.py", 'from fastapi import FastAPI\napp = FastAPI()\n@app.get("/")\ndef root():\n    return {"a": 1}\n'
    )
    site.write(".dockerignore", "__pycache__\n*.md\n")
    site.write("README.md", "not in the image")
    site.write(
        "Dockerfile",
        """FROM python:3.12-slim
ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1
RUN useradd --create-home --shell /usr/sbin/nologin appuser
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=appuser:appuser . .
USER appuser
EXPOSE 8000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
""",
    )
    site("-t", site.tag, ".", timeout=600)
    assert site.run("whoami") == "appuser"
    assert site.run("pwd") == "/app"
    assert site.run("ls").split() == ["Dockerfile", "main.py", "requirements.txt"]
    port = served(site, 8000)
    assert answer(port) == '{"a":1}'
    assert "swagger" in answer(port, "/docs").lower()
    site.write("main.py", "app = None\n")
    again = site("-t", site.tag, "--progress", "plain", ".").stderr
    assert "CACHED" in again.partition("RUN pip install")[2].partition("#")[2].partition("\n\n")[0]


def test_a_page_of_python(site: Site) -> None:
    site.write(
        "Dockerfile",
        "# syntax of old\nFROM python:3.12-slim\nWORKDIR /app\nRUN echo 'Hello World!' > index.html\nEXPOSE 8080\n"
        'CMD ["python3", "-u", "-m", "http.server", "8080"]\n',
    )
    site("-t", site.tag, ".")
    assert answer(served(site, 8080)) == "Hello World!\n"


def test_cowsay(site: Site) -> None:
    site.write("Dockerfile", "FROM ubuntu\nRUN apt update\nRUN apt install -y cowsay fortune\n")
    site("-t", site.tag, ".", timeout=600)
    assert "hi" in site.run("/usr/games/cowsay", "hi")
    assert [line for line in site.docker.out("history", site.tag).splitlines() if "apt install" in line]


def test_an_old_web_server(site: Site) -> None:
    site.write("index.html", "old\n")
    site.write(
        "Dockerfile",
        """FROM ubuntu:12.04
MAINTAINER Jane Doe <jane@example.org>
RUN apt-get update && apt-get install -y apache2
ENV APACHE_RUN_USER www-data
ENV APACHE_RUN_GROUP www-data
ENV APACHE_LOG_DIR /var/log/apache2
ADD ./index.html /var/www/html/
EXPOSE 80
CMD ["/usr/sbin/apache2ctl", "-D", "FOREGROUND"]
""",
    )
    site("-t", site.tag, ".", timeout=600)
    assert answer(served(site, 80)) == "old\n"


HELLO = '#include <stdio.h>\nint main(void) { puts("Hello, world"); }\n'


def test_layers_that_are_removed_later_do_not_shrink_an_image(site: Site) -> None:
    site.write("hello.c", HELLO)
    install, remove = (
        "apt-get update && apt-get install -y gcc libc6-dev",
        "apt-get purge -y gcc && apt-get autoremove -y",
    )
    sizes = []
    for steps in ([install, "gcc -o /hello /hello.c", remove], [f"{install} && gcc -o /hello /hello.c && {remove}"]):
        runs = "".join(f"RUN {step}\n" for step in steps)
        site.write("Dockerfile", f'FROM ubuntu\nCOPY hello.c /\n{runs}CMD ["/hello"]\n')
        site("-t", site.tag, ".", timeout=600)
        assert site.run() == "Hello, world"
        sizes.append(int(site.docker.out("image", "inspect", "-f", "{{.Size}}", site.tag)))
    assert sizes[1] < sizes[0] - 50_000_000


def test_stages_leave_their_tools_behind(site: Site) -> None:
    site.write("hello.c", HELLO)
    site.write(
        "Dockerfile",
        "FROM ubuntu AS build\nRUN apt-get update && apt-get install -y gcc libc6-dev\nCOPY hello.c /\n"
        "RUN gcc -static -o /hello /hello.c\nFROM ubuntu AS never\nRUN false\n"
        'FROM scratch\nCOPY --from=build /hello /hello\nCMD ["/hello"]\n',
    )
    site("-t", site.tag, ".", timeout=600)
    assert site.run() == "Hello, world"
    assert int(site.docker.out("image", "inspect", "-f", "{{.Size}}", site.tag)) < 6_000_000


def test_bills_of_real_systems(site: Site, tmp_path: Path) -> None:
    site.write("Dockerfile", "FROM python:3.12-slim\n")
    site("-o", str(tmp_path / "out"), "--sbom", "true", ".", timeout=300)
    bill = (tmp_path / "out/sbom.spdx.json").read_text()
    assert "pkg:deb/debian/libc6@" in bill
    assert "pkg:pypi/pip@" in bill


def test_apt_with_cache_mounts(site: Site) -> None:
    mount = (
        "--mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked"
    )
    site.write(
        "Dockerfile",
        f"FROM debian:bookworm-slim\nRUN {mount} rm -f /etc/apt/apt.conf.d/docker-clean; apt-get update && "
        "apt-get install -y --no-install-recommends cowsay\n",
    )
    site("-t", site.tag, ".", timeout=600)
    said = site("-t", site.tag, "--no-cache", "--progress", "plain", ".", timeout=600).stderr
    assert "Need to get 0 B" in said
    assert site.run("ls", "/var/lib/apt").split() == site.docker.out(
        "run", "--rm", "debian:bookworm-slim", "ls", "/var/lib/apt"
    ).split()  # fmt: skip
