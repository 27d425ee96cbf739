"""Docker Engine API, /containers: create, list, inspect, and the life of a container. Streams are elsewhere."""

import asyncio

from aiohttp import web

from boxship.base import codec
from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.front.docker.keys import CLOCK, CONTAINERS, EXECS, IMAGES, PLACES, SYSTEM
from boxship.front.docker.wire import config, create, inspect, select, summary
from boxship.front.rest import body, filters, query, versions
from boxship.front.rest.connection import cancel_when_gone
from boxship.model.status import Container

routes = web.RouteTableDef()


def ref(request: web.Request) -> str:
    return request.match_info["ref"]


# The most frequent first: aiohttp compares paths in this order.


@routes.post("/containers/{ref}/start")
async def start(request: web.Request) -> web.Response:
    if (request.content_length or 0) > 7 or request.headers.get("Transfer-Encoding"):
        raise Invalid(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    if request.query.get("checkpoint"):
        raise Invalid("starting from a checkpoint is not supported: checkpoint")
    await request.app[CONTAINERS].start(ref(request))
    return body.empty()


@routes.get("/containers/{ref}/json")
async def show(request: web.Request) -> web.Response:
    """`size=1` measures the container's files, which takes a while."""
    container = request.app[CONTAINERS].get(ref(request))
    sizes = await request.app[SYSTEM].sizes(container) if query.boolean(request, "size") else None
    extra = inspect.Extra(
        exec_ids=tuple(request.app[EXECS].for_container(container.id)), sizes=sizes, version=versions.of(request)
    )
    return body.reply(inspect.render(container, request.app[PLACES], extra))


@routes.post("/containers/{ref}/wait")
async def wait(request: web.Request) -> web.StreamResponse:
    """Headers go out before the exit: `docker run` starts the container only when it has seen them."""
    version = versions.of(request)
    condition = request.query.get("condition", "") if version >= (1, 30) else ""
    waiter = request.app[CONTAINERS].wait(ref(request), condition or "not-running")
    response = web.StreamResponse(headers={"Content-Type": body.JSON})
    cancel_when_gone(request)
    if version >= (1, 30):
        await response.prepare(request)
    code, error = await waiter.result()
    if not response.prepared:
        await response.prepare(request)
    answer = {"StatusCode": code, "Error": {"Message": error}} if error else {"StatusCode": code}
    await response.write(codec.encode(answer) + b"\n")
    await response.write_eof()
    return response


@routes.post("/containers/{ref}/stop")
async def stop(request: web.Request) -> web.Response:
    """`t`: seconds before KILL; absent means the container's own grace, -1 for ever."""
    signal, grace = _stopping(request)
    await request.app[CONTAINERS].stop(ref(request), signal=signal, grace=grace)
    return body.empty()


@routes.post("/containers/{ref}/restart")
async def restart(request: web.Request) -> web.Response:
    signal, grace = _stopping(request)
    await request.app[CONTAINERS].restart(ref(request), signal=signal, grace=grace)
    return body.empty()


def _stopping(request: web.Request) -> tuple[str | None, int | None]:
    signal = request.query.get("signal") if versions.of(request) >= (1, 42) else None
    return signal or None, query.number(request, "t")


@routes.post("/containers/{ref}/kill")
async def kill(request: web.Request) -> web.Response:
    try:
        await request.app[CONTAINERS].kill(ref(request), request.query.get("signal", ""))
    except PlatformError as error:
        if "annot kill container" in str(error):
            raise
        raise type(error)(f"cannot kill container: {ref(request)}: {error}") from error
    return body.empty()


@routes.delete("/containers/{ref}")
async def remove(request: web.Request) -> web.Response:
    await request.app[CONTAINERS].remove(
        ref(request),
        force=query.boolean(request, "force"),
        volumes=query.boolean(request, "v"),
        link=query.boolean(request, "link"),
    )
    return body.empty()


@routes.delete("/containers/{parent}/{alias}")
async def remove_link(request: web.Request) -> web.Response:
    """A link is named by the container that has it and what that one calls the other."""
    name = f"{request.match_info['parent']}/{request.match_info['alias']}"
    if not query.boolean(request, "link"):
        raise NotFound(f"No such container: {name}")
    await request.app[CONTAINERS].remove(name, link=True)
    return body.empty()


@routes.post("/containers/create")
async def make(request: web.Request) -> web.Response:
    version = versions.of(request)
    asked = await body.read(request)
    spec, warnings = create.parse(asked, version, cgroup_v2=request.app[SYSTEM].unified_cgroups)
    platform = request.query.get("platform", "") if version >= (1, 41) else ""
    name = request.query.get("name") or None
    container, more = await request.app[CONTAINERS].create(spec, name, platform)
    return body.reply({"Id": container.id, "Warnings": [*more, *warnings]}, status=201)


@routes.get("/containers/json")
async def listing(request: web.Request) -> web.Response:
    asked = _list_query(request)
    chosen = select.select(request.app[CONTAINERS].all(), asked)
    now, version, image_names = request.app[CLOCK].now(), versions.of(request), _image_names(request.app, chosen)
    sizes: dict[str, tuple[int, int]] = {}
    if query.boolean(request, "size"):
        measured = await asyncio.gather(*(request.app[SYSTEM].sizes(container) for container in chosen))
        sizes = {container.id: size for container, size in zip(chosen, measured, strict=True)}
    return body.reply(
        [
            summary.render(
                container, now, image=image_names.get(container.id, ""), sizes=sizes.get(container.id), version=version
            )
            for container in chosen
        ]
    )


def _list_query(request: web.Request) -> select.Query:
    asked = filters.of(request, select.LIST_KEYS)
    containers = request.app[CONTAINERS]

    def named(key: str) -> Container | None:
        name = asked.one(key) or request.query.get(key)
        return containers.get(name) if name else None

    return select.Query(
        filters=asked,
        all=query.boolean(request, "all"),
        limit=query.number(request, "limit") or 0,
        before=named("before"),
        since=named("since"),
        ancestors=_descendants(request.app, asked.get("ancestor")) if "ancestor" in asked else frozenset(),
    )


def _descendants(app: web.Application, ancestors: tuple[str, ...]) -> frozenset[str]:
    """Return the ids of the images with these names and of all that were made from them."""
    images = app[IMAGES]
    found = {image.id for name in ancestors if (image := images.find(name)) is not None}
    children: dict[str, list[str]] = {}
    for image in images.all():
        children.setdefault(image.parent, []).append(image.id)
    todo = list(found)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return frozenset(found)


def _image_names(app: web.Application, containers: list[Container]) -> dict[str, str]:
    """Return, by container id, the image id for those whose image name now means another image or none."""
    images, now_means = app[IMAGES], dict[str, str | None]()
    shown: dict[str, str] = {}
    for container in containers:
        name = container.spec.image
        if name not in now_means:
            image = images.find(name)
            now_means[name] = image.id if image else None
        if now_means[name] != container.image_id:
            shown[container.id] = container.image_id
    return shown


@routes.post("/containers/prune")
async def prune(request: web.Request) -> web.Response:
    asked = filters.of(request, select.PRUNE_KEYS)
    pruned, size = await request.app[CONTAINERS].prune(select.prunable(asked, request.app[CLOCK].now()))
    return body.reply({"ContainersDeleted": list(pruned) or None, "SpaceReclaimed": size})


@routes.post("/containers/{ref}/pause")
async def pause(request: web.Request) -> web.Response:
    await request.app[CONTAINERS].pause(ref(request))
    return body.empty()


@routes.post("/containers/{ref}/unpause")
async def unpause(request: web.Request) -> web.Response:
    await request.app[CONTAINERS].unpause(ref(request))
    return body.empty()


@routes.post("/containers/{ref}/rename")
async def rename(request: web.Request) -> web.Response:
    await request.app[CONTAINERS].rename(ref(request), request.query.get("name", ""))
    return body.empty()


@routes.post("/containers/{ref}/update")
async def update(request: web.Request) -> web.Response:
    asked = await body.read(request)
    warnings = await request.app[CONTAINERS].update(ref(request), config.parse_update(asked))
    return body.reply({"Warnings": list(warnings) or None})


@routes.get("/containers/{ref}/checkpoints")
@routes.post("/containers/{ref}/checkpoints")
@routes.delete("/containers/{ref}/checkpoints/{checkpoint}")
async def checkpoints(request: web.Request) -> web.Response:
    """dockerd without --experimental does not know these paths either, and says so."""
    raise NotFound("page not found: checkpoints are an experimental feature that this daemon does not have")
