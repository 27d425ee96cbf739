"""`backup` and `restore`: the volumes of a project, as one archive that the engine writes and reads."""

import os

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.client import backups
from boxship.front.compose import labels
from boxship.front.compose.plan import life
from boxship.front.compose.plan.life import View


def backup(session: Session, parsed: Parsed) -> None:
    """Save each volume of the project in one file, an OCI layout. Containers that write there pause meanwhile."""
    seen = scope.view(session, ground=True)
    names = _volumes(seen, parsed.args)
    path = parsed.text("output") or f"{seen.name}-backup.tar"
    session.warn(f" Saving {', '.join(sorted(names))}")
    size = backups.save(session.client, sorted(names.values()), path, pause=not parsed.on("no-pause"))
    session.warn(f" Saved {size} bytes")
    session.say(path)


def restore(session: Session, parsed: Parsed) -> None:
    """Give the project's volumes what they held when the file was written; what they hold now goes."""
    seen = scope.view(session, ground=True)
    path = parsed.args[0]
    if not os.path.isfile(path):
        raise NotFound(f"{path}: no such archive")
    saved = {own.get(labels.VOLUME, name): name for name, own in backups.contents(path).items()}
    wanted = {key: name for key, name in _known(seen).items() if key in saved}
    if not wanted:
        raise Invalid(f"{path} holds none of the project's volumes ({', '.join(saved) or 'it is empty'})")
    users = [c.name for c in seen.seen.containers if c.state in life.UP and _uses(c.mounts, wanted)]
    if users:
        raise Conflict(f"{', '.join(users)} run and use what is to be restored: `boxship compose stop` first")
    for key, name in wanted.items():
        own = {labels.VOLUME: key, labels.PROJECT: seen.name, labels.VERSION: labels.AGREES_WITH}
        session.client.post("/volumes/create", body={"Name": name, "Labels": own})
    backups.load(session.client, path, {saved[key]: name for key, name in wanted.items()})
    for name in sorted(wanted.values()):
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
    "restore": Command("ARCHIVE", restore, least=1, most=1),
}
