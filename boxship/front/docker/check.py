"""An extension of ours, /boxship/check: does the host hold what the records say, and nothing else?"""

from aiohttp import web

from boxship.engine.audit import Finding
from boxship.front.docker.keys import AUDIT

routes = web.RouteTableDef()


@routes.get("/boxship/check")
async def check(request: web.Request) -> web.Response:
    """200 {"Findings": [{Kind, Subject, Explanation, Remedy}, …]}; an empty list when all is well."""
    return web.json_response({"Findings": [_render(f) for f in await request.app[AUDIT].findings()]})


@routes.post("/boxship/check")
async def repair(request: web.Request) -> web.Response:
    """Mend what can be mended. The same list of what was found, each with Repaired: whether it is gone now."""
    found = await request.app[AUDIT].repair()
    left = await request.app[AUDIT].findings() if found else ()
    return web.json_response({"Findings": [{**_render(f), "Repaired": f not in left} for f in found]})


def _render(finding: Finding) -> dict[str, str | bool | None]:
    return {
        "Kind": finding.kind,
        "Subject": finding.subject,
        "Explanation": finding.text,
        "Remedy": finding.remedy,
    }
