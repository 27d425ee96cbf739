import base64
import json
import stat

import pytest

from boxship.front.docker.wire.filemode import go_mode, path_stat

# What dockerd 20.10 told of a directory, a link and a file, and Go's own definition for the rest.
MODES = {
    "directory": (stat.S_IFDIR | 0o755, 2147484141),
    "link": (stat.S_IFLNK | 0o777, 134218239),
    "file": (stat.S_IFREG | 0o644, 420),
    "setuid": (stat.S_IFREG | 0o4755, 1 << 23 | 0o755),
    "setgid": (stat.S_IFREG | 0o2755, 1 << 22 | 0o755),
    "sticky directory": (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
    "pipe": (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
    "socket": (stat.S_IFSOCK | 0o600, 1 << 24 | 0o600),
    "block device": (stat.S_IFBLK | 0o660, 1 << 26 | 0o660),
    "character device": (stat.S_IFCHR | 0o660, 1 << 26 | 1 << 21 | 0o660),
}


@pytest.mark.parametrize(("mode", "go"), MODES.values(), ids=MODES)
def test_modes(mode: int, go: int) -> None:
    assert go_mode(mode) == go


def test_the_header() -> None:
    header = path_stat(
        name="l", size=11, mode=stat.S_IFLNK | 0o777, mtime=1_795_257_811_096_417_727, link="/etc/passwd"
    )
    assert json.loads(base64.b64decode(header)) == {
        "name": "l",
        "size": 11,
        "mode": 134218239,
        "mtime": "2026-11-21T10:43:31.096417727Z",
        "linkTarget": "/etc/passwd",
    }
