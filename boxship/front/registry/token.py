"""The token service: a password or a refresh token in, a short-lived bearer token out.

Source: distribution/distribution, docs/content/spec/auth/token.md and oauth.md.
"""

from datetime import UTC, datetime

from aiohttp import web

from boxship.engine.registry.access import ANONYMOUS, parse_scopes
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.tokens import LIFE, Tokens
from boxship.front.registry.door import Door
from boxship.front.registry.keys import DOOR
from boxship.front.registry.listing import reply

FORM_LIMIT = 64 << 10  # bytes
routes = web.RouteTableDef()


def _tokens(door: Door) -> Tokens:
    if door.tokens is None:
        raise Fault("UNSUPPORTED", "this registry gives no tokens", answer=404)
    return door.tokens


@routes.get("/token")
async def token(request: web.Request) -> web.Response:
    """Name and password as Basic, or nobody. What is asked for and may not be is left out of the token."""
    door = request.app[DOOR]
    tokens = _tokens(door)
    _check_service(tokens, request.query.get("service", ""))
    user = await door.user(request)
    answer = _granted(door, tokens, user, request.query.getall("scope", []))
    if request.query.get("offline_token") == "true" and user != ANONYMOUS:
        answer["refresh_token"] = tokens.issue_refresh(user)
    return reply(answer)


@routes.post("/token")
async def oauth(request: web.Request) -> web.Response:
    """OAuth2: grant types password and refresh_token."""
    door = request.app[DOOR]
    tokens = _tokens(door)
    if (request.content_length or 0) > FORM_LIMIT:
        raise Fault("SIZE_INVALID", "form is too large", answer=413)
    form = {key: str(value) for key, value in (await request.post()).items()}
    _check_service(tokens, form.get("service", ""))
    grant = form.get("grant_type")
    if grant == "password":
        user = form.get("username", "")
        right = door.passwords is not None and await door.passwords.check(user, form.get("password", ""))
    elif grant == "refresh_token":
        user = tokens.read_refresh(form.get("refresh_token", "")) or ANONYMOUS
        right = user != ANONYMOUS
    else:
        raise Fault("UNSUPPORTED", "grant_type must be password or refresh_token", answer=400)
    if not right:
        raise Fault("UNAUTHORIZED", "wrong user name, password or refresh token")
    answer = _granted(door, tokens, user, [form.get("scope", "")])
    if grant == "refresh_token" or form.get("access_type") == "offline":
        answer["refresh_token"] = form.get("refresh_token") or tokens.issue_refresh(user)
    return reply(answer)


def _granted(door: Door, tokens: Tokens, user: str, asked: list[str]) -> dict[str, object]:
    scopes = door.rights.granted(user, parse_scopes(asked))
    if user == ANONYMOUS and not scopes:
        raise Fault("UNAUTHORIZED", "authentication required", headers={"WWW-Authenticate": 'Basic realm="tokens"'})
    text = tokens.issue(user, scopes)
    return {
        "token": text,
        "access_token": text,
        "expires_in": LIFE,
        "issued_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "scope": " ".join(str(scope) for scope in scopes),
    }


def _check_service(tokens: Tokens, service: str) -> None:
    if service not in ("", tokens.service):
        raise Fault("DENIED", f"this is the token service of {tokens.service}, not of {service[:200]}")
