"""A registry in memory on a loopback port, which can be made to misbehave."""

import base64
import hashlib
import json
from typing import Any

from aiohttp import web

TOKEN = "letmein"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """auth: none, basic or bearer (user: me, password: secret).  break_after: bytes after which the connection of the
    first so many blob downloads is cut.  ranges: whether Range is understood."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.auth = "none"
        self.breaks: list[int] = []
        self.ranges = True
        self.resumable = False  # uploads that broke are kept
        self.busy: list[tuple[int, dict[str, str]]] = []  # statuses and headers of the next answers
        self.corrupt = ""
        self.expire_on: list[str] = []  # methods at whose next request who asks must show who he is anew
        self.post_only = False  # the token service knows OAuth2's POST only
        self.refresh = ""  # given to who asks for one
        self.requests: list[str] = []
        self.uploads: dict[str, bytearray] = {}
        self.token_requests: list[dict[str, str]] = []
        self.domain = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> "FakeRegistry":
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/token", self._give_token)
        app.router.add_get("/v1/search", self._search)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.domain = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        return self

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def put_image(self, name: str, layers: list[bytes], diff_ids: list[str], **config: Any) -> str:
        """Add an image under `path:tag`; return the digest of its manifest."""
        raw = json.dumps(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}, **config}
        ).encode()
        self.blobs |= {digest(data): data for data in (raw, *layers)}
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {"mediaType": "c", "digest": digest(raw), "size": len(raw)},
                "layers": [{"mediaType": "l", "digest": digest(data), "size": len(data)} for data in layers],
            }
        ).encode()
        return self.put_manifest(name, kind, body)

    def put_manifest(self, name: str, kind: str, body: bytes) -> str:
        path, _, tag = name.rpartition(":")
        for key in (f"{path}/{tag}", f"{path}/{digest(body)}"):
            self.manifests[key] = (kind, body)
        return digest(body)

    async def _give_token(self, request: web.Request) -> web.Response:
        form = dict(await request.post()) if request.method == "POST" else dict(request.query)
        self.token_requests.append({str(k): str(v) for k, v in form.items()})
        if request.method == "GET" and self.post_only:
            return web.Response(status=405)
        known = base64.b64encode(b"me:secret").decode()
        who = form.get("username"), form.get("password")
        shown = request.headers.get("Authorization") == f"Basic {known}" or who == ("me", "secret")
        if shown or form.get("refresh_token") == "refresh":
            offline = form.get("offline_token") == "true" or form.get("access_type") == "offline"
            more = {"refresh_token": self.refresh} if self.refresh and offline else {}
            return web.json_response({"token": TOKEN, **more})
        return web.json_response({"errors": [{"code": "DENIED", "message": "who are you"}]}, status=401)

    async def _search(self, request: web.Request) -> web.Response:
        names = [{"name": f"a/{request.query['q']}", "star_count": stars, "is_official": False} for stars in (5, 1)]
        return web.json_response({"results": names})

    def _challenge(self, request: web.Request) -> web.Response | None:
        shown = request.headers.get("Authorization", "")
        known = base64.b64encode(b"me:secret").decode()
        if request.method in self.expire_on:
            self.expire_on.remove(request.method)
            shown = ""
        if self.auth == "none" or shown in (f"Bearer {TOKEN}", f"Basic {known}"):
            return None
        ask = 'Basic realm="r"' if self.auth == "basic" else f'Bearer realm="http://{self.domain}/token",service="s"'
        body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return web.json_response(body, status=401, headers={"WWW-Authenticate": ask})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v2/")
        self.requests.append(f"{request.method} {request.path}")
        if self.busy:
            status, headers = self.busy.pop(0)
            return web.json_response({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow"}]}, status=status,
                                     headers=headers)  # fmt: skip
        refused = self._challenge(request)
        if refused is not None:
            return refused
        if not path:
            return web.json_response({})
        if "/blobs/uploads/" in request.path:
            return await self._upload(request)
        repository, _, rest = path.partition("/manifests/") if "/manifests/" in path else path.partition("/blobs/")
        if path.endswith("/tags/list"):
            name = path.removesuffix("/tags/list")
            tags = [key.rpartition("/")[2] for key in self.manifests if key.startswith(f"{name}/")]
            return web.json_response({"name": name, "tags": [tag for tag in tags if ":" not in tag]})
        if "/manifests/" in path:
            return await self._manifest(request, f"{repository}/{rest}")
        return await self._blob(request, rest)

    async def _manifest(self, request: web.Request, key: str) -> web.Response:
        if request.method == "PUT":
            repository, _, tag = key.rpartition("/")
            self.put_manifest(f"{repository}:{tag}", request.headers["Content-Type"], await request.read())
            return web.Response(status=201)
        if key not in self.manifests:
            body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return web.json_response(body, status=404)
        kind, body_bytes = self.manifests[key]
        return web.Response(
            body=body_bytes, headers={"Content-Type": kind, "Docker-Content-Digest": digest(body_bytes)}
        )

    async def _blob(self, request: web.Request, name: str) -> web.StreamResponse:
        data = self.blobs.get(name)
        if data is None:
            return web.json_response({"errors": [{"code": "BLOB_UNKNOWN", "message": "no blob"}]}, status=404)
        if name == self.corrupt:
            data = data[:-1] + b"!"
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": str(len(data))})
        start = 0
        if "Range" in request.headers and self.ranges:
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        response = web.StreamResponse(status=206 if start else 200, headers={"Content-Length": str(len(data) - start)})
        await response.prepare(request)
        stop = start + self.breaks.pop(0) if self.breaks and len(data) > 1000 else len(data)
        await response.write(data[start:stop])
        if stop < len(data):
            assert request.transport is not None
            request.transport.close()
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            if request.query.get("mount") in self.blobs:
                return web.Response(status=201)
            name = str(len(self.uploads))
            self.uploads[name] = bytearray()
            return web.Response(status=202, headers={"Location": f"{request.path}{name}?state=x"})
        held = self.uploads[request.path.rpartition("/")[2]]
        if request.method == "GET":
            there = {"Location": f"{request.path}?state=z", "Range": f"0-{max(0, len(held) - 1)}"}
            return web.Response(status=204 if self.resumable else 404, headers=there)
        if request.method == "PATCH":
            if self.breaks:
                held += await request.content.readexactly(self.breaks.pop(0))
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            held += await request.read()
            return web.Response(status=202, headers={"Location": f"{request.path}?state=y"})
        data = bytes(held) + await request.read()
        if digest(data) != request.query["digest"]:
            return web.json_response({"errors": [{"code": "DIGEST_INVALID", "message": "digest"}]}, status=400)
        self.blobs[digest(data)] = data
        return web.Response(status=201)
