"""Who asks, and may they: Basic against an htpasswd file, Bearer with our own tokens, or nobody asked at all."""

import base64
import binascii
from dataclasses import dataclass

from aiohttp import web

from boxship.engine.registry.access import ANONYMOUS, Rights, Scope, covers
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.passwords import Passwords
from boxship.engine.registry.tokens import Tokens

REALM = "Boxship registry"
USER: web.RequestKey[str] = web.RequestKey("user")


@dataclass(frozen=True, slots=True)
class Door:
    """passwords: None where nobody can log in.  tokens: None for Basic.  realm: address of the token service, "" for
    our own as the client reaches us.  behind_proxy: believe X-Forwarded-Proto."""

    rights: Rights
    passwords: Passwords | None = None
    tokens: Tokens | None = None
    realm: str = ""
    behind_proxy: bool = False

    async def admit(self, request: web.Request, repository: str, *actions: str) -> None:
        """Let a request pass that may do all `actions`; repository "" is for those on the registry itself.

        Raises Fault: UNAUTHORIZED with what the client shall show, DENIED when it has shown it and still may not.
        """
        if self.tokens is not None:
            return self._by_token(self.tokens, request, repository, actions)
        user = await self.user(request)
        request[USER] = user
        if not all(self.rights.allows(user, repository, action) for action in actions):
            if user == ANONYMOUS and self.passwords is not None:
                raise self.challenge(request, repository, actions)
            raise Fault("DENIED", "requested access to the resource is denied")
        return None

    async def enter(self, request: web.Request) -> None:
        """Let a request for the version check pass: who can log in must have. Raises Fault UNAUTHORIZED."""
        if self.tokens is not None:
            if self._token(self.tokens, request) is None:
                raise self.challenge(request, "", ())
        elif self.passwords is not None and await self.user(request) == ANONYMOUS:
            raise self.challenge(request, "", ())

    async def user(self, request: web.Request) -> str:
        """Return who shows a password, "" for nobody. Raises Fault UNAUTHORIZED when it is wrong."""
        shown = _basic(request.headers.get("Authorization", ""))
        if shown is None or self.passwords is None:
            return ANONYMOUS
        if not await self.passwords.check(*shown):
            raise self.challenge(request, "", (), "authentication required: wrong user name or password")
        return shown[0]

    def _by_token(self, tokens: Tokens, request: web.Request, repository: str, actions: tuple[str, ...]) -> None:
        text = _bearer(request.headers.get("Authorization", ""))
        token = tokens.read(text) if text else None
        if token is None or not all(covers(token.scopes, repository, action) for action in actions):
            raise self.challenge(request, repository, actions)
        request[USER] = token.user

    @staticmethod
    def _token(tokens: Tokens, request: web.Request) -> str | None:
        text = _bearer(request.headers.get("Authorization", ""))
        token = tokens.read(text) if text else None
        return token.user if token else None

    def challenge(
        self, request: web.Request, repository: str, actions: tuple[str, ...], text: str = "authentication required"
    ) -> Fault:
        """Return the refusal that tells a client what to show. RFC 9110, 11.6.1; distribution's token protocol."""
        if self.tokens is None:
            value = f'Basic realm="{REALM}"'
        else:
            value = f'Bearer realm="{self.realm or self._own_realm(request)}",service="{self.tokens.service}"'
            if actions:
                value += f',scope="{_scope(repository, actions)}"'
        return Fault("UNAUTHORIZED", text, headers={"WWW-Authenticate": value})

    def _own_realm(self, request: web.Request) -> str:
        scheme = request.headers.get("X-Forwarded-Proto", "") if self.behind_proxy else ""
        return f"{scheme or request.scheme}://{request.host}/token"


def _scope(repository: str, actions: tuple[str, ...]) -> Scope:
    return Scope("repository", repository, actions) if repository else Scope("registry", actions[0], ("*",))


def _basic(value: str) -> tuple[str, str] | None:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon and user else None


def _bearer(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""
