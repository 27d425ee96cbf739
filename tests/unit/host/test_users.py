import os
from pathlib import Path

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.base.facts import Identity
from boxship.host import users

PASSWD = """root:x:0:0:root:/root:/bin/sh
# a comment
bad line
halfway:x:nine:9::/:
web:x:33:33:www:/var/www:/bin/false
twin:x:33:44::/twin:
homeless:x:50:51
1234:x:7:7::/odd:
"""
GROUP = """root:x:0:root
adm:x:4:root,web
www:x:33:
tty:x:5:
video:x:44:web,twin
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


FOUND = {
    "nobody said": ("", Identity(uid=0, gid=0, groups=(0, 4), home="/root")),
    "a name": ("web", Identity(uid=33, gid=33, groups=(4, 44), home="/var/www")),
    "a number takes the first of that number": ("33", Identity(uid=33, gid=33, groups=(4, 44), home="/var/www")),
    "a name with a group has no others": ("web:tty", Identity(uid=33, gid=5, home="/var/www")),
    "a name with a group's number": ("web:99", Identity(uid=33, gid=99, home="/var/www")),
    "numbers that nobody has": ("4711:4712", Identity(uid=4711, gid=4712)),
    "a number that nobody has is in group 0": ("4711", Identity(uid=4711, gid=0)),
    "digits are a number even if they are a name": ("1234", Identity(uid=1234, gid=0)),
    "no home is the root": ("homeless", Identity(uid=50, gid=51)),
    "an empty group is none": ("web:", Identity(uid=33, gid=33, groups=(4, 44), home="/var/www")),
}


@pytest.mark.parametrize(("user", "expected"), FOUND.values(), ids=FOUND)
def test_identity(root: Path, user: str, expected: Identity) -> None:
    assert users.identity(root, user) == expected


REFUSED = {
    "ghost": "unable to find user ghost: no matching entries in passwd file",
    "web:ghosts": "unable to find group ghosts: no matching entries in group file",
    "2147483648": "uids and gids must be in range 0-2147483647",
    "-1": "uids and gids must be in range 0-2147483647",
    "0:2147483648": "uids and gids must be in range 0-2147483647",
    "halfway": "unable to find user halfway: no matching entries in passwd file",
}


@pytest.mark.parametrize(("user", "text"), REFUSED.items(), ids=REFUSED)
def test_refused(root: Path, user: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        users.identity(root, user)
    assert str(caught.value) == text


def test_further_groups(root: Path) -> None:
    assert users.identity(root, "web", ["tty", "77", "adm"]).groups == (4, 44, 5, 77)
    with pytest.raises(Invalid, match="unable to find group ghosts"):
        users.identity(root, "web", ["ghosts"])


def test_without_files_numbers_still_work(tmp_path: Path) -> None:
    assert users.identity(tmp_path, "12:13") == Identity(uid=12, gid=13)
    assert users.identity(tmp_path, "") == Identity()
    with pytest.raises(Invalid, match="unable to find user web"):
        users.identity(tmp_path, "web")


def test_links_stay_in_the_root(tmp_path: Path) -> None:
    """An image that links its passwd file to the host's must not learn from it."""
    (tmp_path / "outside").write_text("spy:x:99:99::/:\n")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").symlink_to("../../outside")
    (root / "etc/group").symlink_to("/proc/self/environ")
    with pytest.raises(Invalid, match="unable to find user spy"):
        users.identity(root, "spy")
    (root / "outside").write_text("ours:x:5:6::/home:\n")
    assert users.identity(root, "ours") == Identity(uid=5, gid=6, home="/home")


def test_a_pipe_for_a_passwd_file_does_not_hold_us(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert users.identity(tmp_path, "5") == Identity(uid=5)


def test_subordinate_ranges(tmp_path: Path) -> None:
    (tmp_path / "subuid").write_text("# none\nann:100000:65536\nbob:200000:10\n1000:300000:5\nann:x:1\nann:400000:7\n")
    assert users.subordinate("ann", 1000, "uid", tmp_path) == ((100000, 65536), (300000, 5), (400000, 7))
    assert users.subordinate("bob", 2, "uid", tmp_path) == ((200000, 10),)
    with pytest.raises(NotFound, match=r'no subordinate ids for "eve" in .*subuid'):
        users.subordinate("eve", 3, "uid", tmp_path)
    with pytest.raises(NotFound, match="subgid"):
        users.subordinate("ann", 1000, "gid", tmp_path)
