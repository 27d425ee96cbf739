"""`backup` and `restore`: the volumes of a project, as one archive that the engine writes and reads."""

import os
from collections.abc import Iterator

from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.client.api import segment
from boxship.front.compose import backup as archives
from boxship.front.compose import labels
from boxship.front.compose.plan import life
from boxship.front.compose.plan.life import View

CHUNK = 256 * 1024


def backup(session: Session, parsed: Parsed) -> None:
    """Write each volume of the project into a tar archive, below its name. Containers that use it pause meanwhile."""
    seen = scope.view(session, ground=True)
    names = _volumes(seen, parsed.args)
    path = parsed.text("output") or f"{seen.name}-backup.tar"
    users = [c for c in seen.seen.containers if c.state == "running" and _uses(c.mounts, names)]
    paused = () if parsed.on("no-pause") else users
    for c in paused:
        session.client.post(f"/containers/{segment(c.id)}/pause")
    try:
        _write(session, seen, names, path)
    finally:
        for c in paused:
            session.client.post(f"/containers/{segment(c.id)}/unpause")
    session.say(path)


def _write(session: Session, seen: View, names: dict[str, str], path: str) -> None:
    part = f"{path}.part"
    with archives.holder(session.client, seen.name, names.values(), _image(session, seen)) as holder:
        with open(part, "wb") as file:
            for key, name in sorted(names.items()):
                session.warn(f" Volume {name}  Saving")
                query = {"path": f"{archives.ROOT}/{name}"}
                size = archives.copy(session.client.stream("GET", f"{holder}/archive", query).parts(), file, key, name)
                session.warn(f" Volume {name}  Saved {size} bytes")
            archives.end(file)
    os.replace(part, path)


def restore(session: Session, parsed: Parsed) -> None:
    """Fill the project's volumes from an archive; files of the same names are replaced, others stay."""
    seen = scope.view(session, ground=True)
    running = [c.name for c in seen.seen.containers if c.state in life.UP]
    if running and not parsed.on("force"):
        raise Conflict(f"{', '.join(running)} run: `boxship compose stop` first, or give --force")
    path = parsed.args[0]
    if not os.path.isfile(path):
        raise NotFound(f"{path}: no such archive")
    with open(path, "rb") as file:
        found = archives.contents(file)
    wanted = {key: name for key, name in _known(seen).items() if key in found}
    if not wanted:
        raise Invalid(f"{path} holds none of the project's volumes ({', '.join(found) or 'it is empty'})")
    for key, name in wanted.items():
        own = {labels.VOLUME: key, labels.PROJECT: seen.name, labels.VERSION: labels.AGREES_WITH}
        session.client.post("/volumes/create", body={"Name": name, "Labels": own})
    with archives.holder(session.client, seen.name, wanted.values(), _image(session, seen)) as holder:
        for key, name in sorted(wanted.items()):
            query = {"path": f"{archives.ROOT}/{name}", "copyUIDGID": True}
            headers = {"Content-Type": "application/x-tar"}
            body = archives.pieces(path, found[key])
            session.client.stream("PUT", f"{holder}/archive", query, body=body, headers=headers).body()
            session.warn(f" Volume {name}  Restored")


def _known(seen: View) -> dict[str, str]:
    """Return key -> name of all volumes of the project, there or not."""
    found = {
        own[labels.VOLUME]: name
        for name, own in seen.seen.volumes.items()
        if own.get(labels.PROJECT) == seen.name and labels.VOLUME in own
    }
    if seen.project is not None:
        found |= {key: volume.name for key, volume in seen.project.volumes.items()}
    return found


def _volumes(seen: View, asked: tuple[str, ...]) -> dict[str, str]:
    there = {key: name for key, name in _known(seen).items() if name in seen.seen.volumes}
    for key in asked:
        if key not in there:
            raise NotFound(f"no such volume in the project: {key}")
    found = {key: name for key, name in there.items() if not asked or key in asked}
    if not found:
        raise NotFound(f"project {seen.name} has no volumes")
    return found


def _uses(mounts: tuple[object, ...], names: dict[str, str]) -> bool:
    return any(isinstance(mount, dict) and mount.get("Name") in names.values() for mount in mounts)


def _image(session: Session, seen: View) -> str:
    """Any image will do: nothing of it is run."""
    known: Iterator[str] = (c.image_id for c in seen.seen.containers)
    found = next(known, "") or next((image["Id"] for image in session.client.get("/images/json")), "")
    if not found:
        raise PlatformError("there is no image: a backup needs one, whichever it is")
    return found


COMMANDS = {
    "backup": Command(
        "[OPTIONS] [VOLUME...]",
        backup,
        (
            text("output", "o", "Archive to write; default PROJECT-backup.tar", "file"),
            switch("no-pause", "", "Let containers that use a volume go on meanwhile"),
        ),
        examples="boxship compose backup -o before.tar\nboxship compose restore before.tar",
    ),
    "restore": Command("[OPTIONS] ARCHIVE", restore, (switch("force", "f", "Even while containers run"),), 1, 1),
}
