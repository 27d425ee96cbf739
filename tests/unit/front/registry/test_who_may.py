"""Passwords, tokens and rights, as clients meet them."""

import base64
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from boxship.base.errors import PlatformError
from boxship.engine.registry.options import Right
from boxship.front.client.registry import RegistryClient
from tests.registries import Api, image, serving

RIGHTS = (
    Right(users=("*",), repositories=("public/*",)),
    Right(users=("alice",), repositories=("team/*",), actions=("pull", "push")),
    Right(users=("root",), actions=("*",)),
)


@pytest.fixture
def users(tmp_path: Path) -> str:
    path = tmp_path / "users"
    lines = [
        f"{name}:{bcrypt.hashpw(f'{name} secret'.encode(), bcrypt.gensalt(4)).decode()}" for name in ("alice", "root")
    ]
    path.write_text("\n".join(lines))
    return str(path)


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password or user + ' secret'}".encode()).decode()


async def test_passwords(tmp_path: Path, users: str) -> None:
    async with serving(tmp_path / "r", htpasswd=users, rights=RIGHTS) as api:
        refused = await api.ask("GET", "/v2/")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="Boxship registry"')
        assert (await api.ask("GET", "/v2/", Authorization=basic("alice", "wrong"))).status == 401
        assert (await api.ask("GET", "/v2/", Authorization=basic("alice"))).status == 200
        api.shown = {"Authorization": basic("alice")}
        await api.push("team/app", "v1", image(b"l"))
        assert (await api.ask("DELETE", "/v2/team/app/manifests/v1")).code == "DENIED"
        assert (await api.ask("POST", "/v2/else/blobs/uploads/")).status == 403
        assert (await api.ask("GET", "/v2/_catalog")).status == 403
        assert (await api.ask("POST", "/boxship/collect")).status == 403
        api.shown = {}
        assert (await api.ask("GET", "/v2/team/app/manifests/v1")).status == 401
        assert (await api.ask("GET", "/v2/public/app/manifests/v1")).code == "NAME_UNKNOWN", "nobody may look there"
        api.shown = {"Authorization": basic("root")}
        assert (await api.ask("GET", "/v2/_catalog")).json == {"repositories": ["team/app"]}
        assert (await api.ask("DELETE", "/v2/team/app/manifests/v1")).status == 202


async def token(api: Api, user: str, *scopes: str, **query: Any) -> str:
    shown = {"Authorization": basic(user)} if user else {}
    pairs = "&".join(["service=boxship-registry", *(f"scope={scope}" for scope in scopes)])
    answer = await api.ask("GET", f"/token?{pairs}", **shown)
    assert answer.status == 200, answer.body
    return "Bearer " + answer.json["token"]


async def test_tokens(tmp_path: Path, users: str) -> None:
    async with serving(tmp_path / "r", htpasswd=users, token=True, rights=RIGHTS) as api:
        refused = await api.ask("POST", "/v2/team/app/blobs/uploads/")
        scope = 'scope="repository:team/app:push,pull"'
        realm = f'Bearer realm="{api.base}/token",service="boxship-registry",{scope}'
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, realm)
        api.shown = {"Authorization": await token(api, "alice", "repository:team/app:pull,push,delete")}
        assert (await api.ask("GET", "/v2/")).status == 200
        await api.push("team/app", "v1", image(b"l"))
        assert (await api.ask("DELETE", "/v2/team/app/manifests/v1")).status == 401, "was asked for, not granted"
        assert (await api.ask("GET", "/v2/team/other/manifests/v1")).status == 401, "another repository"
        api.shown = {"Authorization": await token(api, "", "repository:public/app:pull")}
        assert (await api.ask("GET", "/v2/public/app/manifests/v1")).code == "NAME_UNKNOWN"
        api.shown = {}
        assert (await api.ask("GET", "/token?scope=repository:team/app:pull")).status == 401
        assert (await api.ask("GET", "/token?service=else", Authorization=basic("alice"))).status == 403
        assert (await api.ask("GET", "/v2/", Authorization="Bearer nonsense")).status == 401
        assert (await api.ask("GET", "/v2/", Authorization=basic("alice"))).status == 401


async def test_oauth(tmp_path: Path, users: str) -> None:
    async with serving(tmp_path / "r", htpasswd=users, token=True, rights=RIGHTS) as api:
        form = {"grant_type": "password", "service": "boxship-registry", "username": "alice", "access_type": "offline",
                "password": "alice secret", "scope": "repository:team/app:pull"}  # fmt: skip
        first = await api.ask("POST", "/token", form)
        assert first.json["scope"] == "repository:team/app:pull"
        again = {
            "grant_type": "refresh_token",
            "refresh_token": first.json["refresh_token"],
            "scope": "registry:catalog:*",
        }
        assert (await api.ask("POST", "/token", again)).json["scope"] == "", "alice may not list"
        assert (await api.ask("POST", "/token", {**form, "password": "wrong"})).status == 401
        assert (await api.ask("POST", "/token", {**again, "refresh_token": first.json["token"]})).status == 401
        assert (await api.ask("POST", "/token", {"grant_type": "magic"})).status == 400


async def test_mounting_needs_the_right_to_read_the_source(tmp_path: Path, users: str) -> None:
    async with serving(tmp_path / "r", htpasswd=users, rights=RIGHTS) as api:
        api.shown = {"Authorization": basic("root")}
        digest = await api.upload("private", b"layer")
        api.shown = {"Authorization": basic("alice")}
        assert (await api.ask("POST", f"/v2/team/x/blobs/uploads/?mount={digest}&from=private")).status == 202
        assert (await api.ask("HEAD", f"/v2/team/x/blobs/{digest}")).status == 404


@pytest.mark.parametrize("by_token", [False, True])
async def test_our_own_client(tmp_path: Path, users: str, by_token: bool) -> None:
    import asyncio

    async with serving(tmp_path / "r", htpasswd=users, token=by_token, rights=RIGHTS) as api:

        def look() -> list[str]:
            client = RegistryClient(api.base, "root:root secret")
            assert client.collect(dry=True)["plan"] == []
            return list(client.repositories())

        assert await asyncio.to_thread(look) == []
        with pytest.raises(PlatformError, match="UNAUTHORIZED"):
            await asyncio.to_thread(lambda: list(RegistryClient(api.base, "root:wrong").repositories()))
