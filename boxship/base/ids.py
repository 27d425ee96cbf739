"""Identifiers as Docker shows them: 64 hexadecimal digits, shortened to 12 for people."""

import secrets

LENGTH = 64


def new_id() -> str:
    """Return 64 random hex digits. The first twelve are never all decimal, or a host name made of them
    would be taken for a number."""
    while True:
        candidate = secrets.token_hex(LENGTH // 2)
        if not candidate[:12].isdecimal():
            return candidate


def short(identifier: str) -> str:
    """Return the twelve digits people see; `sha256:` in front is dropped."""
    return identifier.removeprefix("sha256:")[:12]


def is_full_id(text: str) -> bool:
    return len(text) == LENGTH and all(c in "0123456789abcdef" for c in text)
