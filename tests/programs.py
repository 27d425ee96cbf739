"""Images of real programs, made of Debian's own packages: the program, its libraries, and busybox."""

import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.images import busybox_rootfs

LIBRARIES = "lib/x86_64-linux-gnu"


class Account(NamedTuple):
    """A user of the image, with a group of the same name and number."""

    name: str
    number: int
    home: str


def newest(pattern: str) -> str:
    """Return the package with the highest number in its name, `postgresql-15`. Raises AssertionError for none."""
    names = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=True).stdout.split()
    found = [name for name in names if re.fullmatch(pattern, name)]
    assert found, f"no package is called {pattern}"
    return max(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


@contextmanager
def unpacked(packages: Iterable[str]) -> Iterator[Path]:
    """Give a directory with the files of packages."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        fetched, root = Path(folder, "fetched"), Path(folder, "root")
        fetched.mkdir()
        fetched.chmod(0o777)
        subprocess.run(["apt-get", "download", "-q", *packages], cwd=fetched, check=True, capture_output=True)
        for package in fetched.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
        yield root


def rootfs(root: Path, programs: Iterable[str], trees: Iterable[str] = (), accounts: Iterable[Account] = ()) -> bytes:
    """Return a tar of busybox, `programs` and `trees` of the directory `root` at their own paths, and what libraries
    the programs need, of the packages or of this host."""
    users = list(accounts)
    passwd = "".join(f"{a.name}:x:{a.number}:{a.number}::{a.home}:/bin/sh\n" for a in users)
    group = "".join(f"{a.name}:x:{a.number}:\n" for a in users)
    buffer = io.BytesIO(busybox_rootfs(passwd, group))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        for path in (*programs, *trees):
            tar.add(root / path, path, filter=_of_root)
        for library in sorted(_libraries(root, [root / program for program in programs])):
            for folder in ("lib64", LIBRARIES) if library.name.startswith("ld-") else (LIBRARIES,):
                tar.add(library.resolve(), f"{folder}/{library.name}", filter=_of_root)
        for account in users:
            tar.addfile(_home(account))
    return buffer.getvalue()


def _home(account: Account) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(account.home.lstrip("/"))
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, account.number, account.number
    return entry


def _libraries(root: Path, programs: Iterable[Path]) -> set[Path]:
    found = set()
    where = ":".join(map(str, (root / "usr" / LIBRARIES, root / LIBRARIES)))
    for program in programs:
        told = subprocess.run(
            ["ldd", str(program)], env={"LD_LIBRARY_PATH": where}, capture_output=True, text=True
        ).stdout
        assert "not found" not in told, f"{program} lacks libraries:\n{told}"
        for line in told.splitlines():
            paths = [Path(word) for word in line.split() if word.startswith("/")]
            found.update(paths[:1])
    return found


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry
