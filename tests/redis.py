"""An image of the real Redis, made of Debian's own packages: server and client, their libraries, and busybox."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.images import busybox_rootfs

PROGRAMS = "redis-tools"
KINDS = ("Recommends", "Suggests", "Conflicts", "Breaks", "Replaces", "Enhances")
HOST_PROGRAMS = (Path("/usr/bin/getent"),)  # asks for names as programs do, unlike a static busybox
TRIPLET = "usr/lib/x86_64-linux-gnu"


def redis_rootfs() -> bytes:
    """Return a tar of a root file system with redis-server, redis-cli, getent and busybox."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        fetched, root = Path(folder, "fetched"), Path(folder, "root")
        fetched.mkdir()
        fetched.chmod(0o777)
        subprocess.run(["apt-get", "download", "-q", *packages()], cwd=fetched, check=True, capture_output=True)
        for package in fetched.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
        programs = [root / "usr/bin/redis-check-rdb", root / "usr/bin/redis-cli", *HOST_PROGRAMS]
        return _packed(root, programs)


def packages() -> list[str]:
    """Return the package of the programs, and those of the libraries it wants, which each release calls otherwise."""
    words = ["apt-cache", "depends", *(f"-oAPT::Cache::Show{kind}=false" for kind in KINDS), PROGRAMS]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    wanted = [line.split()[-1] for line in told.splitlines() if "Depends: " in line]
    return [PROGRAMS, *(name for name in wanted if name.startswith(("lib", "lua")) and name != "libc6")]


def _packed(root: Path, programs: list[Path]) -> bytes:
    buffer = io.BytesIO(busybox_rootfs())
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for program in programs:
            name = "redis-server" if program.name == "redis-check-rdb" else program.name
            tar.add(program, f"bin/{name}", filter=_of_root)
        for library in sorted(_libraries(root, programs)):
            tar.add(library.resolve(), f"lib64/{library.name}", filter=_of_root)
            if not library.name.startswith("ld-"):
                tar.add(library.resolve(), f"lib/x86_64-linux-gnu/{library.name}", filter=_of_root)
    return buffer.getvalue()


def _libraries(root: Path, programs: list[Path]) -> set[Path]:
    found = set()
    for program in programs:
        told = subprocess.run(
            ["ldd", str(program)],
            env={"LD_LIBRARY_PATH": str(root / TRIPLET)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in told.splitlines():
            paths = [Path(word) for word in line.split() if word.startswith("/")]
            found.update(paths[:1])
    return found


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry
