"""What software a file system holds, as its package tools noted it: dpkg, apk, Python, npm. Runs nothing of it."""

import os
import re
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from boxship.base.errors import Invalid, NotFound

Open = Callable[[Path, str], BinaryIO]
BIGGEST = 64 << 20  # bytes of one list of packages
_SKIPPED = frozenset(("proc", "sys", "dev"))


class Package(NamedTuple):
    """kind, namespace, qualifiers: as in a package URL (purl)."""

    kind: str
    name: str
    version: str
    namespace: str = ""
    architecture: str = ""
    found: str = ""


class Found(NamedTuple):
    """distribution: name and version of the system, as os-release has them."""

    packages: tuple[Package, ...]
    distribution: str = ""
    release: str = ""


def find(root: Path, open_in: Open) -> Found:
    """Return all packages below `root`. Nothing in it is trusted; what cannot be read is passed over. For a thread."""
    system = _release(_text(root, open_in, "etc/os-release") or _text(root, open_in, "usr/lib/os-release"))
    own = system.get("ID", "")
    packages = [*_dpkg(root, open_in, own or "debian"), *_apk(root, open_in, own or "alpine")]
    packages += _languages(root, open_in)
    return Found(tuple(sorted(set(packages))), own, system.get("VERSION_ID", ""))


def _text(root: Path, open_in: Open, path: str) -> str:
    try:
        with open_in(root, path) as file:
            return file.read(BIGGEST).decode(errors="replace")
    except (NotFound, Invalid, OSError):
        return ""


def _release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def _dpkg(root: Path, open_in: Open, namespace: str) -> Iterator[Package]:
    """The whole list, or one file for each package as in images without a package manager."""
    paths = ["var/lib/dpkg/status"]
    folder = root / "var/lib/dpkg/status.d"
    if folder.is_dir() and not folder.is_symlink():
        paths += [f"var/lib/dpkg/status.d/{n}" for n in sorted(os.listdir(folder)) if not n.endswith(".md5sums")]
    for path in paths:
        for paragraph in re.split(r"\n\s*\n", _text(root, open_in, path)):
            fields = HeaderParser().parsestr(paragraph)
            installed = "installed" in fields.get("Status", "installed").split()
            if fields["Package"] and fields["Version"] and installed:
                architecture = fields.get("Architecture", "")
                yield Package("deb", fields["Package"], fields["Version"], namespace, architecture, path)


def _apk(root: Path, open_in: Open, namespace: str) -> Iterator[Package]:
    path = "lib/apk/db/installed"
    for paragraph in _text(root, open_in, path).split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if re.match("[PVA]:", line))
        if "P" in fields and "V" in fields:
            yield Package("apk", fields["P"], fields["V"], namespace, fields.get("A", ""), path)


def _languages(root: Path, open_in: Open) -> Iterator[Package]:
    for above, folders, files in os.walk(root):
        inside = os.path.relpath(above, root)
        if inside == ".":
            folders[:] = [name for name in folders if name not in _SKIPPED]
        folder = os.path.basename(inside)
        if folder.endswith((".dist-info", ".egg-info")):
            name = "METADATA" if folder.endswith(".dist-info") else "PKG-INFO"
            if name in files:
                yield from _python(_text(root, open_in, f"{inside}/{name}"), f"{inside}/{name}")
        elif "package.json" in files and os.path.basename(os.path.dirname(inside)).startswith(("node_modules", "@")):
            yield from _npm(_text(root, open_in, f"{inside}/package.json"), f"{inside}/package.json")


def _python(text: str, path: str) -> Iterator[Package]:
    fields = HeaderParser().parsestr(text)
    if fields["Name"] and fields["Version"]:
        yield Package("pypi", re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"], found=path)


class _Npm(msgspec.Struct):
    name: str = ""
    version: str = ""


def _npm(text: str, path: str) -> Iterator[Package]:
    try:
        told = msgspec.json.decode(text, type=_Npm)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return
    namespace, _, name = told.name.rpartition("/")
    if name and told.version:
        yield Package("npm", name, told.version, namespace, found=path)
