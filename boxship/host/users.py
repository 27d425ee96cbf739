"""Users and groups by name: of a root file system, whose files are read without leaving it, and of the host."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.base.facts import Identity
from boxship.host.tree import confined

HIGHEST = 2**31 - 1
MOST = 16 << 20  # bytes of a file that are looked at


class User(NamedTuple):
    name: str
    uid: int
    gid: int
    home: str


class Group(NamedTuple):
    name: str
    gid: int
    members: tuple[str, ...]


def identity(root: Path, user: str, groups: Sequence[str] = ()) -> Identity:
    """Look up "name", "1000", "name:group", "1000:1000" or "" (uid 0) and further `groups`.

    Numbers need not be in the files. Groups of which the user is a member are added unless a group is named.
    Raises Invalid with the words of Docker's daemon.
    """
    wanted, _, group = user.partition(":")
    known_groups = list(parse_group(_read(root, "/etc/group")))
    found = _user(list(parse_passwd(_read(root, "/etc/passwd"))), wanted)
    gid = found.gid
    extra: list[int] = []
    if group:
        gid = _gid(known_groups, group)
    elif found.name:
        extra = [g.gid for g in known_groups if found.name in g.members]
    extra += [_gid(known_groups, name) for name in groups]
    return Identity(uid=found.uid, gid=gid, groups=tuple(dict.fromkeys(extra)), home=found.home or "/")


def _user(users: Sequence[User], wanted: str) -> User:
    """The user's name is "" when only its number is known."""
    uid = _number(wanted) if wanted else 0
    matches: Callable[[User], bool] = (lambda u: u.name == wanted) if uid is None else (lambda u: u.uid == uid)
    match = next(filter(matches, users), None)
    if match is not None:
        return match
    if uid is None:
        raise Invalid(f"unable to find user {wanted}: no matching entries in passwd file")
    return User("", _in_range(uid), 0, "")


def _gid(groups: Sequence[Group], wanted: str) -> int:
    gid = _number(wanted)
    matches: Callable[[Group], bool] = (lambda g: g.name == wanted) if gid is None else (lambda g: g.gid == gid)
    match = next(filter(matches, groups), None)
    if match is not None:
        return match.gid
    if gid is None:
        raise Invalid(f"unable to find group {wanted}: no matching entries in group file")
    return _in_range(gid)


def _number(text: str) -> int | None:
    digits = text.removeprefix("-").removeprefix("+")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None


def _in_range(value: int) -> int:
    if not 0 <= value <= HIGHEST:
        raise Invalid(f"uids and gids must be in range 0-{HIGHEST}")
    return value


def _read(root: Path, path: str) -> str:
    """A missing file is an empty one, and so is one that is no file at all."""
    try:
        with confined.open_in(root, path) as file:
            return file.read(MOST).decode(errors="surrogateescape")
    except (NotFound, Invalid):
        return ""


def _rows(text: str, least: int) -> Iterator[list[str]]:
    """Yield the cells of each line that has at least `least`; comments and blank lines are left out."""
    for line in text.splitlines():
        cells = line.strip().split(":")
        if len(cells) >= least and not line.lstrip().startswith("#"):
            yield cells


def parse_passwd(text: str) -> Iterator[User]:
    """Source: passwd(5). Lines without numbers where numbers belong are left out."""
    for cells in _rows(text, 4):
        with suppress(ValueError):
            yield User(cells[0], int(cells[2]), int(cells[3]), cells[5] if len(cells) > 5 else "")


def parse_group(text: str) -> Iterator[Group]:
    """Source: group(5)."""
    for cells in _rows(text, 3):
        members = cells[3] if len(cells) > 3 else ""
        with suppress(ValueError):
            yield Group(cells[0], int(cells[2]), tuple(filter(None, members.split(","))))


class Range(NamedTuple):
    """`size` ids from `first` on."""

    first: int
    size: int


def subordinate(user: str, uid: int, kind: str = "uid", etc: Path = Path("/etc")) -> tuple[Range, ...]:
    """Return the ranges that /etc/subuid (kind "uid") or /etc/subgid ("gid") give to the host's `user`, by name or
    number. Raises NotFound naming the file when there are none."""
    path = etc / f"sub{kind}"
    text = path.read_text(errors="replace") if path.exists() else ""
    ranges = tuple(parse_subordinate(text, user, uid))
    if not ranges:
        raise NotFound(f'no subordinate ids for "{user}" in {path} (want a line as "{user}:100000:65536")')
    return ranges


def parse_subordinate(text: str, user: str, uid: int) -> Iterator[Range]:
    """Source: subuid(5)."""
    for cells in _rows(text, 3):
        if cells[0] in (user, str(uid)) and cells[1].isdecimal() and cells[2].isdecimal():
            yield Range(int(cells[1]), int(cells[2]))
