"""`boxship image …`."""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import human_duration, human_size
from boxship.front.cli import image_tree, preferences, progress, tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters
from boxship.front.cli.container.options import refuse_trust
from boxship.front.cli.flags import Parsed, many, switch, text, words
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.cli.transfer import told
from boxship.front.client.api import segment
from boxship.front.client.credentials import shown

COLUMNS = {"Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED", "Size": "SIZE"}
MORE = {
    "Digest": "DIGEST", "CreatedAt": "CREATED AT", "Containers": "CONTAINERS", "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
}  # fmt: skip
RAW = {
    "repository": "Repository", "tag": "Tag", "image_id": "ID", "created_at": "CreatedAt", "virtual_size": "Size",
}  # fmt: skip
HISTORY = {
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
}  # fmt: skip
CHUNK = 1 << 20
NONE = "<none>"


def _platform(parsed: Parsed) -> str | None:
    """Return `--platform linux/arm64/v8` as the JSON that the API wants; None without one."""
    word = parsed.text("platform")
    return json.dumps(platform_of(word)) if word else None


def platform_of(word: str) -> dict[str, str]:
    """Raises Invalid for what is not OS/ARCHITECTURE[/VARIANT]."""
    parts = word.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise Invalid(f"invalid platform {word!r}: want OS/ARCHITECTURE[/VARIANT], as in linux/arm64/v8")
    return dict(zip(("os", "architecture", "variant"), parts, strict=False))


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
    form = preferences.form(session, parsed, "imagesFormat")
    with_digests = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **COLUMNS}
    columns = with_digests if parsed.on("digests") else COLUMNS
    if parsed.on("quiet") and form in ("", "table"):
        rows = list({row["ID"]: row for row in rows}.values())
    lines = tables.listing(rows, columns, form, quiet="ID" if parsed.on("quiet") else "", more=MORE, raw=RAW)
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
    """Yield a row for each name of an image, one with <none> where it has none."""
    for repository, tag, digest in _names(entry, digests):
        yield {
            "Repository": repository,
            "Tag": tag,
            "Digest": digest,
            "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
            "CreatedSince": f"{human_duration(time.time() - entry['Created'])} ago",
            "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(entry["Created"])),
            "Size": human_size(entry["Size"], digits=3),
            "VirtualSize": human_size(entry["Size"]),
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": "N/A",
        }


def _names(entry: dict[str, Any], digests: bool) -> list[tuple[str, str, str]]:
    """Return repository, tag and digest of each row: the tags, then the repositories that know it by digest alone."""
    known = [tuple(name.split("@")) for name in entry.get("RepoDigests") or [] if not name.startswith("<none>@")]
    tags = [name.rpartition(":")[::2] for name in entry.get("RepoTags") or [] if name != f"{NONE}:{NONE}"]
    found = []
    for repository, tag in tags:
        own = [digest for name, digest in known if name == repository] if digests else []
        found += [(repository, tag, digest) for digest in own or [NONE]]
    tagged = {repository for repository, _ in tags}
    alone = [(name, NONE, digest if digests else "") for name, digest in known if name not in tagged]
    return [*found, *dict.fromkeys(alone)] or [(NONE, NONE, NONE)]


def inspect(session: Session, parsed: Parsed) -> int:
    query = {"platform": _platform(parsed)}
    return print_each(session, parsed, lambda ref: session.client.get(f"{path(ref)}/json", query))


def remove(session: Session, parsed: Parsed) -> int:
    platforms = [json.dumps(platform_of(word)) for word in parsed.many("platform")]
    query = {"force": parsed.on("force"), "noprune": parsed.on("no-prune"), "platforms": platforms or None}

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
    for entry in session.client.get(f"{path(parsed.args[0])}/history", {"platform": _platform(parsed)}):
        command = entry["CreatedBy"].replace("\t", " ")
        rows.append(
            {
                "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
                "CreatedSince": f"{human_duration(time.time() - entry['Created'])} ago",
                "CreatedAt": datetime.fromtimestamp(entry["Created"]).astimezone().isoformat().replace("+00:00", "Z"),
                "CreatedBy": command if whole else tables.ellipsis(command, 45),
                "Size": human_size(entry["Size"], digits=3),
                "Comment": entry["Comment"],
            }
        )
    session.say(tables.listing(rows, HISTORY, parsed.text("format"), quiet="ID" if parsed.on("quiet") else ""))


def pull(session: Session, parsed: Parsed) -> None:
    refuse_trust(parsed)
    reference, everything = parsed.args[0], parsed.on("all-tags")
    name: dict[str, str | None] = {**progress.from_image(reference)}
    named = progress.names_a_tag(reference)
    if everything and named:
        raise Invalid("tag can't be used with --all-tags/-a")
    if everything:
        name["tag"] = None
    elif not named and not parsed.on("quiet"):
        session.say("Using default tag: latest")
    query = {**name, "platform": parsed.text("platform") or None}
    headers = shown(session.environ, name["fromImage"] or "")
    reply = session.client.stream("POST", "/images/create", query, headers=headers)
    progress.show(reply, session.out, quiet=parsed.on("quiet"))
    session.say(progress.canonical(name["fromImage"] or "", name["tag"] or ""))


def load(session: Session, parsed: Parsed) -> None:
    source = parsed.text("input")
    if not source and sys.stdin.isatty():
        raise Invalid("requested load from stdin, but stdin is empty; name a file with --input")
    query = {"quiet": "1" if parsed.on("quiet") else "0", "platform": _platform(parsed)}
    headers = {"Content-Type": "application/x-tar"}
    reply = session.client.stream("POST", "/images/load", query, body=_sent(session, source), headers=headers)
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
    body = None if remote else _sent(session, "" if source == "-" else source)
    progress.show(session.client.stream("POST", "/images/create", query, body=body), session.out)


def _sent(session: Session, source: str) -> Iterator[bytes]:
    """Yield what `_pieces` does, and show on a terminal how it goes."""
    total = os.path.getsize(source) if source and os.path.isfile(source) else 0
    return told(_pieces(source), session.err, "Sending", total)


def _pieces(source: str) -> Iterator[bytes]:
    """Yield a file, or our input for ""."""
    try:
        with open(source, "rb") if source else sys.stdin.buffer as file:
            while data := file.read(CHUNK):
                yield data
    except OSError as e:
        raise Invalid(f"open {source}: {e.strerror}") from e


def save(session: Session, parsed: Parsed) -> None:
    query = {"names": list(parsed.args), "platform": _platform(parsed)}
    from boxship.front.cli.container.files import save as save_body  # archives: ten milliseconds for who saves alone

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
_HUMAN = switch("human", "H", "Print sizes and dates for people", True)
_TRUNC = switch("no-trunc", "", "Show all of it")
TRUST = switch("disable-content-trust", "", "Do not check signatures; checking them is not supported", True)

COMMANDS = {
    "history": Command(
        "[OPTIONS] IMAGE",
        history,
        (
            FORMAT._replace(short=""),
            _TRUNC,
            _QUIET,
            _HUMAN,
            _PLATFORM,
        ),
        1,
        1,
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
            switch("all-tags", "a", "Download all tags"),
            TRUST,
            _PLATFORM,
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
            words("platform", "", "Remove only these platforms of an image"),
        ),
        1,
    ),
    "save": Command(
        "[OPTIONS] IMAGE [IMAGE...]", save, (text("output", "o", "Write to this file, not our output"), _PLATFORM), 1
    ),
    "tag": Command("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", tag, least=2, most=2),
}
