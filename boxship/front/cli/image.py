"""`boxship image …`."""

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import human_duration, human_size
from boxship.front.cli import image_tree, progress, tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.files import save as save_body
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.client.api import segment
from boxship.front.client.credentials import shown

COLUMNS = {"Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE"}
MORE = {"Digest": "DIGEST", "CreatedAt": "CREATED AT", "Containers": "CONTAINERS"}
HISTORY = {
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
}  # fmt: skip
CHUNK = 1 << 20


def path(ref: str) -> str:
    return f"/images/{segment(ref)}"


def ls(session: Session, parsed: Parsed) -> None:
    chosen = filters(parsed) or {}
    if parsed.args:
        chosen.setdefault("reference", []).append(parsed.args[0])
    if parsed.on("tree"):
        return _tree(session, parsed, chosen)
    found = session.client.get("/images/json", {"all": parsed.on("all"), "filters": chosen or None})
    rows = [row for entry in found for row in rows_of(entry, parsed.on("no-trunc"), parsed.on("digests"))]
    form = parsed.text("format")
    with_digests = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **COLUMNS}
    columns = with_digests if parsed.on("digests") else COLUMNS
    shown = {**columns, **MORE} if form not in ("", "table") else columns
    if parsed.on("quiet"):
        rows = list({row["ID"]: row for row in rows}.values())
    lines = tables.listing(rows, shown, form, quiet="ID" if parsed.on("quiet") else "")
    if lines:
        session.say(lines)
    return None


def _tree(session: Session, parsed: Parsed, chosen: dict[str, list[str]]) -> None:
    for name in ("quiet", "no-trunc", "digests"):
        if parsed.on(name):
            raise Invalid(f"--{name} cannot be had together with --tree")
    if parsed.text("format"):
        raise Invalid("--format cannot be had together with --tree")
    query = {"all": parsed.on("all"), "filters": chosen or None, "manifests": True}
    session.say(image_tree.tree(session.client.get("/images/json", query)))


def rows_of(entry: dict[str, Any], whole: bool, digests: bool) -> Iterator[dict[str, str]]:
    """Yield a row for each tag of an image, one with <none> where it has none."""
    known = dict(name.split("@") for name in entry.get("RepoDigests") or [] if "@" in name)
    tags = [tag for tag in entry.get("RepoTags") or [] if tag != "<none>:<none>"]
    for name in tags or ["<none>:<none>"]:
        repository, _, tag = name.rpartition(":")
        if not tags and known and digests:
            repository = next(iter(known))
        yield {
            "Repository": repository,
            "Tag": tag,
            "Digest": known.get(repository, "<none>"),
            "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
            "CreatedSince": f"{human_duration(time.time() - entry['Created'])} ago",
            "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(entry["Created"])),
            "Size": human_size(entry["Size"], digits=3),
            "Containers": str(entry.get("Containers", -1)).replace("-1", "N/A"),
        }


def inspect(session: Session, parsed: Parsed) -> int:
    query = {"platform": parsed.text("platform") or None}
    return print_each(session, parsed, lambda ref: session.client.get(f"{path(ref)}/json", query))


def remove(session: Session, parsed: Parsed) -> int:
    query = {"force": parsed.on("force"), "noprune": parsed.on("no-prune"), "platforms": list(parsed.many("platform"))}

    def act(ref: str) -> str:
        told = session.client.delete(path(ref), query) or []
        return "\n".join(f"{key}: {name}" for entry in told for key, name in entry.items())

    return each(session, parsed.args, act)


def tag(session: Session, parsed: Parsed) -> None:
    source, target = parsed.args
    name = progress.from_image(target)
    session.client.post(f"{path(source)}/tag", {"repo": name["fromImage"], "tag": name["tag"]})


def history(session: Session, parsed: Parsed) -> None:
    whole = parsed.on("no-trunc")
    rows = []
    for entry in session.client.get(f"{path(parsed.args[0])}/history", {"platform": parsed.text("platform") or None}):
        command = entry["CreatedBy"].replace("\t", " ")
        rows.append(
            {
                "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
                "CreatedSince": f"{human_duration(time.time() - entry['Created'])} ago",
                "CreatedAt": datetime.fromtimestamp(entry["Created"]).astimezone().isoformat(),
                "CreatedBy": command if whole else tables.ellipsis(command, 45),
                "Size": human_size(entry["Size"], digits=3),
                "Comment": entry["Comment"],
            }
        )
    session.say(tables.listing(rows, HISTORY, parsed.text("format"), quiet="ID" if parsed.on("quiet") else ""))


def pull(session: Session, parsed: Parsed) -> None:
    name = progress.from_image(parsed.args[0])
    everything = parsed.on("all-tags")
    if everything and parsed.args[0] != name["fromImage"]:
        raise Invalid("tag can't be used with --all-tags/-a")
    query = {**name, "platform": parsed.text("platform") or None} | ({"tag": None} if everything else {})
    reply = session.client.stream("POST", "/images/create", query, headers=shown(session.environ, name["fromImage"]))
    progress.show(reply, session.out, quiet=parsed.on("quiet"))
    if everything:
        return session.say(name["fromImage"])
    separator = "@" if ":" in name["tag"] else ":"
    return session.say(f"{name['fromImage']}{separator}{name['tag']}")


def load(session: Session, parsed: Parsed) -> None:
    source = parsed.text("input")
    if not source and sys.stdin.isatty():
        raise Invalid("requested load from stdin, but stdin is empty; name a file with --input")
    query = {"quiet": "1" if parsed.on("quiet") else "0", "platform": parsed.text("platform") or None}
    headers = {"Content-Type": "application/x-tar"}
    reply = session.client.stream("POST", "/images/load", query, body=_pieces(source), headers=headers)
    progress.show(reply, session.out)


def import_(session: Session, parsed: Parsed) -> None:
    """Print the new image's id. The source is a file, `-` for our input, or a URL that the daemon fetches."""
    source, *name = parsed.args
    target = progress.from_image(name[0]) if name else {}
    remote = "://" in source
    query = {
        "fromSrc": source if remote else "-",
        "repo": target.get("fromImage"),
        "tag": target.get("tag"),
        "message": parsed.text("message") or None,
        "changes": list(parsed.many("change")),
        "platform": parsed.text("platform") or None,
    }
    body = None if remote else _pieces("" if source == "-" else source)
    progress.show(session.client.stream("POST", "/images/create", query, body=body), session.out)


def _pieces(source: str) -> Iterator[bytes]:
    """Yield a file, or our input for ""."""
    try:
        with open(source, "rb") if source else sys.stdin.buffer as file:
            while data := file.read(CHUNK):
                yield data
    except OSError as e:
        raise Invalid(f"open {source}: {e.strerror}") from e


def save(session: Session, parsed: Parsed) -> None:
    query = {"names": list(parsed.args), "platform": parsed.text("platform") or None}
    save_body(session, session.client.stream("GET", "/images/get", query), parsed.text("output"))


def prune(session: Session, parsed: Parsed) -> None:
    everything = parsed.on("all")
    what = "all images without at least one container associated to them" if everything else "all dangling images"
    confirm(session, parsed, f"This will remove {what}.")
    chosen = {**(filters(parsed) or {}), "dangling": ["false" if everything else "true"]}
    told = session.client.post("/images/prune", {"filters": chosen})
    lines = [f"{key.lower()}: {name}" for entry in told.get("ImagesDeleted") or [] for key, name in entry.items()]
    if lines:
        session.say("\n".join(["Deleted Images:", *lines, ""]))
    session.say(f"Total reclaimed space: {human_size(told.get('SpaceReclaimed', 0))}")


_PLATFORM = text("platform", "", "Platform, linux/amd64")
_QUIET = switch("quiet", "q", "Show ids only")
_TRUNC = switch("no-trunc", "", "Show all of it")

COMMANDS = {
    "history": Command(
        "[OPTIONS] IMAGE", history, (FORMAT, _TRUNC, _QUIET, _PLATFORM, switch("human", "H", "", True)), 1, 1
    ),
    "import": Command(
        "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
        import_,
        (many("change", "c", "Apply a Dockerfile instruction"), text("message", "m", "What it is"), _PLATFORM),
        1,
        2,
        examples="tar -C rootfs -c . | boxship import - base:1",
    ),
    "inspect": Command("[OPTIONS] IMAGE [IMAGE...]", inspect, (FORMAT, _PLATFORM), 1),
    "load": Command(
        "[OPTIONS]",
        load,
        (text("input", "i", "Read this file, not our input"), switch("quiet", "q", "Do not tell progress"), _PLATFORM),
        most=0,
    ),
    "ls": Command(
        "[OPTIONS] [REPOSITORY[:TAG]]",
        ls,
        (
            switch("all", "a", "Show images in between too"),
            switch("digests", "", "Show digests"),
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            _TRUNC,
            _QUIET,
            switch("tree", "", "Show what images hold, platform by platform"),
        ),
        most=1,
    ),
    "prune": Command("[OPTIONS]", prune, (switch("all", "a", "Also those with a name"), FORCE, FILTER), most=0),
    "pull": Command(
        "[OPTIONS] NAME[:TAG|@DIGEST]",
        pull,
        (
            _PLATFORM,
            switch("all-tags", "a", "Pull all tags of the repository"),
            switch("quiet", "q", "Do not tell progress"),
        ),
        1,
        1,
    ),
    "rm": Command(
        "[OPTIONS] IMAGE [IMAGE...]",
        remove,
        (
            switch("force", "f", "Remove although something uses it"),
            switch("no-prune", "", "Keep untagged parents"),
            many("platform", "", "Only if it is of this platform"),
        ),
        1,
    ),
    "save": Command(
        "[OPTIONS] IMAGE [IMAGE...]", save, (text("output", "o", "Write to this file, not our output"), _PLATFORM), 1
    ),
    "tag": Command("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", tag, least=2, most=2),
}
