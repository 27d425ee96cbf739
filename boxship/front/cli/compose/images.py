"""`build`, `pull`, `push` and `images`."""

import json
from urllib.parse import quote

import msgspec

from boxship.base.errors import Invalid, PlatformError
from boxship.base.units import human_size, parse_size
from boxship.front.cli import progress, tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.compose.making import builder
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.flags import Flag, Parsed, many, switch, text
from boxship.front.client.credentials import shown
from boxship.front.compose import images as plans
from boxship.front.compose.buildwords import Flags
from boxship.front.compose.load.profiles import select
from boxship.front.compose.model import Project
from boxship.front.compose.observe import image_of
from boxship.front.compose.plan.steps import Plan
from boxship.front.compose.state import Observed
from boxship.front.compose.up import Up

NOBODY = {"X-Registry-Auth": "e30="}  # dockerd wants a header from those without a login too


def build(session: Session, parsed: Parsed) -> None:
    whole = load(session, parsed.args)
    if not parsed.on("with-dependencies"):
        whole = select(whole, parsed.args, dependencies=False)
    built = {name: service for name, service in whole.services.items() if service.build is not None}
    if not built:
        session.warn("No services to build")
        return
    whole = msgspec.structs.replace(whole, services=built)
    flags = Flags(
        args=parsed.many("build-arg"),
        no_cache=parsed.on("no-cache"),
        pull=parsed.on("pull"),
        quiet=parsed.on("quiet"),
        memory=parse_size(parsed.text("memory")) if parsed.text("memory") else 0,
        ssh=parsed.many("ssh"),
        provenance=parsed.text("provenance"),
        sbom=parsed.text("sbom"),
        check=parsed.on("check"),
    )
    if parsed.text("builder") not in ("", "default"):
        raise Invalid(f"--builder {parsed.text('builder')}: there is one builder, the daemon's own, named default")
    _carry(session, whole, plans.plan(whole, {}, build=True), flags)
    if parsed.on("push"):
        push_images(session, whole, quiet=parsed.on("quiet"))


def _carry(session: Session, whole: Project, plan: Plan, flags: Flags) -> None:
    with scope.board(session) as board:
        show = session.out if scope.above(session).on("dry-run") else None
        work = Up(session.client, whole, board, show)
        work.build = builder(session, whole, flags=flags)
        work.carry(plan, Observed())


def pull(session: Session, parsed: Parsed) -> None:
    whole = load(session, parsed.args)
    if not parsed.on("include-deps"):
        whole = select(whole, parsed.args, dependencies=False)
    for name, service in whole.services.items():
        if not service.image and not parsed.on("quiet"):
            session.warn(f" {name} Skipped - No image to be pulled")
    pulled = {
        name: service
        for name, service in whole.services.items()
        if service.image and not (service.build is not None and parsed.on("ignore-buildable"))
    }
    whole = msgspec.structs.replace(whole, services=pulled)
    policy = parsed.text("policy") or "always"
    present = {name: found["Id"] for name in plans.wanted(whole) if (found := image_of(session.client, name))}
    plan = plans.plan(whole, present, build=False, pull=policy, no_build=True)
    try:
        _carry(session, whole, plan, Flags(quiet=parsed.on("quiet")))
    except PlatformError as error:
        if not parsed.on("ignore-pull-failures"):
            raise
        session.warn(str(error))


def push(session: Session, parsed: Parsed) -> None:
    whole = load(session, parsed.args)
    if not parsed.on("include-deps"):
        whole = select(whole, parsed.args, dependencies=False)
    push_images(session, whole, quiet=parsed.on("quiet"), ignore=parsed.on("ignore-push-failures"))


def push_images(session: Session, whole: Project, *, quiet: bool = False, ignore: bool = False) -> None:
    """Push the images of services that are built here."""
    for name, service in sorted(whole.services.items()):
        if service.build is None or not service.image:
            session.warn(f" {name} Skipped - No image to be pushed" if not service.image else f" {name} Skipped")
            continue
        for reference in (service.image, *service.build.tags):
            image, tag = plans.split(reference)
            try:
                headers = shown(session.environ, image) or NOBODY
                path = f"/images/{quote(image, safe='/:')}/push"
                reply = session.client.stream("POST", path, {"tag": tag}, headers=headers)
                progress.show(reply, session.err, quiet=quiet)
            except PlatformError as error:
                if not ignore:
                    raise
                session.warn(f" {name} {error}")


def images(session: Session, parsed: Parsed) -> None:
    chosen = sorted(scope.view(session).containers(parsed.args), key=lambda c: c.name)
    if parsed.on("quiet"):
        ids = dict.fromkeys(tables.short_id(c.image_id) for c in chosen)
        session.out.write("".join(f"{id}\n" for id in ids))
        return
    rows = []
    for c in chosen:
        found = image_of(session.client, c.image_id) or {"RepoTags": [], "Size": 0}
        names = found.get("RepoTags") or []
        repository, tag = plans.split(c.image if c.image in names else names[0]) if names else ("<none>", "<none>")
        rows.append((c.name, repository, tag, c.image_id, int(found["Size"])))
    if parsed.text("format") == "json":
        keys = ("ContainerName", "Repository", "Tag", "ID", "Size")
        session.say(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], separators=(",", ":")))
        return
    head = ["CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"]
    shown = [[name, repository, tag, tables.short_id(id), human_size(size)] for name, repository, tag, id, size in rows]
    session.say(tables.aligned([head, *shown]))


COMMANDS = {
    "build": Command(
        "[OPTIONS] [SERVICE...]",
        build,
        (
            many("build-arg", "", "Set a build argument", "stringArray"),
            text("builder", "", "Builder to use: default, the daemon's own, is the only one"),
            switch("check", "", "Only tell what the rules for Dockerfiles have to say"),
            text("memory", "m", "Memory that a step may use", "bytes"),
            switch("no-cache", "", "Build every step anew"),
            switch("pull", "", "Look for newer base images"),
            switch("push", "", "Push what was built"),
            switch("quiet", "q", "Print nothing"),
            Flag("provenance", help="State how the image was built", value="string", bare="true"),
            Flag("sbom", help="State what is in the image", value="string", bare="true"),
            many("ssh", "", "An ssh agent for steps: default, or ID=SOCKET", "stringArray"),
            switch("with-dependencies", "", "Build what these services depend on too"),
        ),
    ),
    "pull": Command(
        "[OPTIONS] [SERVICE...]",
        pull,
        (
            switch("ignore-buildable", "", "Leave out images that can be built"),
            switch("ignore-pull-failures", "", "Pull what can be pulled"),
            switch("include-deps", "", "What these services depend on too"),
            text("policy", "", "missing or always"),
            switch("quiet", "q", "No progress"),
        ),
    ),
    "push": Command(
        "[OPTIONS] [SERVICE...]",
        push,
        (
            switch("ignore-push-failures", "", "Push what can be pushed"),
            switch("include-deps", "", "What these services depend on too"),
            switch("quiet", "q", "No progress"),
        ),
    ),
    "images": Command(
        "[OPTIONS] [SERVICE...]",
        images,
        (text("format", "", "table or json", default="table"), switch("quiet", "q", "Show ids only")),
    ),
}
