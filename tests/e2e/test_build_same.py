"""The same input gives the same image: on two machines, by three doors, whatever clocks, orders and masks are."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemons import PROGRAM, Daemon
from tests.e2e.buildx import program
from tests.images import busybox_rootfs

pytestmark = pytest.mark.e2e
DOCKERFILE = """FROM base
WORKDIR /app
COPY . .
COPY --chown=1:2 --chmod=u=rwX,go=rX d /other/d/
ADD a /other/
RUN mkdir /made && echo x > /made/f && ln -s f /made/l && ln /made/f /made/h && rm /bin/yes
LABEL a=b
CMD ["cat", "/app/a"]
"""
FILES = {"a": 0o644, "run.sh": 0o755, "d/e/deep": 0o600, "d/ü": 0o640, "d/f": 0o644, "z/last": 0o444}
Door = Callable[[str, Path, tuple[str, ...]], str]


def checkout(root: Path, *, backwards: bool, time: int) -> Path:
    """Write the context as somebody's clone may look."""
    names = sorted(FILES, reverse=backwards)
    for name in names:
        (root / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        (root / name).write_text(f"in {name}\n")
        (root / name).chmod(FILES[name])
    (root / "link").symlink_to("d/f")
    (root / "Dockerfile").write_text(DOCKERFILE)
    for path in (*root.rglob("*"), root):
        os.utime(path, (time, time), follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    return root


def _said(words: list[str], root: Path, **environment: str) -> str:
    done = subprocess.run(words, cwd=root, env={**os.environ, **environment}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def classic(host: str, root: Path, flags: tuple[str, ...]) -> str:
    return _said(["docker", "build", "-q", "--no-cache", *flags, "."], root, DOCKER_HOST=host, DOCKER_BUILDKIT="0")


def buildx(host: str, root: Path, flags: tuple[str, ...]) -> str:
    words = [program(), "build", "-q", "--no-cache", "--load", "--provenance=false", *flags, "."]
    return _said(words, root, DOCKER_HOST=host)


def own(host: str, root: Path, flags: tuple[str, ...]) -> str:
    return _said([str(PROGRAM), "build", "-q", "--no-cache", *flags, "."], root, BOXSHIP_HOST=host)


DOORS: dict[str, Door] = {"classic": classic, "buildx": buildx, "own": own}


@contextmanager
def masked(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[str, Path]]]:
    """Two daemons that have the same base, and a clone beside each."""
    found, daemons = [], []
    try:
        for number, mask in enumerate((0o022, 0o077)):
            daemons.append(Daemon())
            with masked(mask):
                daemons[-1].start()
            root = tmp_path_factory.mktemp("clone")
            found.append((daemons[-1].host, checkout(root, backwards=bool(number), time=10**9 + number * 10**6)))
        subprocess.run(["docker", "-H", found[0][0], "import", "-", "base"], input=busybox_rootfs(), check=True)
        saved = subprocess.run(["docker", "-H", found[0][0], "save", "base"], capture_output=True, check=True).stdout
        subprocess.run(["docker", "-H", found[1][0], "load"], input=saved, check=True, capture_output=True)
        yield found
    finally:
        for daemon in daemons:
            daemon.close()


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--build-arg", "SOURCE_DATE_EPOCH=1000000000")], ids=["plain", "epoch"])
def test_one_image_everywhere(machines: list[tuple[str, Path]], flags: tuple[str, ...]) -> None:
    found = {}
    for number, (host, root) in enumerate(machines):
        for name, door in DOORS.items():
            found[f"{name} {number}"] = door(host, root, flags)
            time.sleep(1.1 if name == "classic" else 0)  # over a second's end
    assert len(set(found.values())) == 1, found
