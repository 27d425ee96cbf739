"""File modes as chmod(1) takes them: octal, or `u=rwX,go-w`. Pure."""

import re
import stat

from boxship.base.errors import Invalid

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*|[-+=][ugo])+)")
_STEP = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


def changed(mode: int, wish: str) -> int:
    """Return the permission bits of `mode` after `wish`; "" leaves them. Raises Invalid."""
    bits = stat.S_IMODE(mode)
    if not wish:
        return bits
    if re.fullmatch(r"[0-7]{1,4}", wish.removeprefix("0o")):
        return int(wish.removeprefix("0o"), 8)
    for clause in wish.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise Invalid(
                f"invalid chmod parameter: '{wish}'. it should be octal string or symbolic, 0644 or u=rwX,go=rX"
            )
        who = match[1].replace("a", "ugo") or "ugo"
        for sign, names in _STEP.findall(match[2]):
            bits = _step(bits, stat.S_ISDIR(mode), who, sign, names)
    return bits


def _step(bits: int, directory: bool, who: str, sign: str, names: str) -> int:
    result = bits
    for one in dict.fromkeys(who):
        shift = _SHIFT[one]
        wanted = _wanted(bits, directory, one, names) << shift
        extra = _extra(one, names)
        if sign == "+":
            result |= wanted | extra
        elif sign == "-":
            result &= ~(wanted | extra)
        else:
            result = (result & ~(7 << shift)) | wanted | extra
    return result


def _wanted(bits: int, directory: bool, one: str, names: str) -> int:
    wanted = 0
    for name in names:
        if name in _BITS:
            wanted |= _BITS[name]
        elif name == "X" and (directory or bits & 0o111):
            wanted |= 1
        elif name in _SHIFT:
            wanted |= (bits >> _SHIFT[name]) & 7
    return wanted


def _extra(one: str, names: str) -> int:
    """setuid, setgid and the sticky bit."""
    found = 0
    if "s" in names:
        found |= {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}[one]
    return found | (stat.S_ISVTX if "t" in names else 0)
