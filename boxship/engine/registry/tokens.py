"""Bearer tokens that this registry gives out and believes: JWT signed with ES256, a key of the registry's own.

Source: distribution/distribution, docs/content/spec/auth/jwt.md (claims `access`, `aud`, `iss`).
"""

import os
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from boxship.base.clock import Clock
from boxship.base.errors import Invalid
from boxship.engine.registry.access import Scope

SECOND = 1_000_000_000
LIFE = 300  # seconds; the token protocol's own minimum is 60
REFRESH_LIFE = 90 * 86_400  # seconds
ISSUER = "boxship"
_KEPT = 1024
_REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Token:
    user: str
    scopes: tuple[Scope, ...]


class Tokens:
    """Tokens for one service name. The key is made in `key_file` if it is not there."""

    def __init__(self, key_file: Path, service: str, clock: Clock) -> None:
        self._key = load_key(key_file)
        self._public = self._key.public_key()
        self.service = service
        self._clock = clock
        self._read: OrderedDict[str, tuple[Token, int]] = OrderedDict()

    def issue(self, user: str, scopes: Sequence[Scope]) -> str:
        access = [{"type": s.kind, "name": s.name, "actions": list(s.actions)} for s in scopes]
        return self._sign(user, LIFE, {"access": access})

    def issue_refresh(self, user: str) -> str:
        """Return a token that stands for the user's password at the token service, and for nothing else."""
        return self._sign(user, REFRESH_LIFE, {"use": _REFRESH})

    def read(self, text: str) -> Token | None:
        """Return what a token grants, None for one that is not ours or no longer good."""
        known = self._read.get(text)
        if known is not None:
            return known[0] if known[1] > self._now() else None
        claims = self._claims(text)
        if claims is None or claims.get("use") == _REFRESH:
            return None
        scopes = [Scope(e["type"], e["name"], tuple(e["actions"])) for e in claims.get("access", ())]
        token = Token(claims.get("sub", ""), tuple(scopes))
        self._read[text] = (token, claims["exp"])
        while len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return token

    def read_refresh(self, text: str) -> str | None:
        """Return the user of a refresh token."""
        claims = self._claims(text)
        return str(claims["sub"]) if claims and claims.get("use") == _REFRESH else None

    def _sign(self, user: str, life: int, more: dict[str, Any]) -> str:
        now = self._now()
        claims = {"iss": ISSUER, "sub": user, "aud": self.service, "nbf": now - 10, "iat": now, "exp": now + life}
        return jwt.encode({**claims, "jti": secrets.token_hex(8), **more}, self._key, algorithm="ES256")

    def _claims(self, text: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                text, self._public, algorithms=["ES256"], audience=self.service, issuer=ISSUER,
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            return None
        return claims if claims["exp"] > self._now() else None

    def _now(self) -> int:
        return self._clock.now() // SECOND


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key of a PEM file, made once. Two that make it at the same time agree. Raises Invalid."""
    if not path.exists():
        _make_key(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as e:
        raise Invalid(f"token key: cannot read {path}: {e}") from e
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise Invalid(f"token key: {path} is not a P-256 key")
    return key


def _make_key(path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # somebody else was faster: theirs it is
    finally:
        draft.unlink()
