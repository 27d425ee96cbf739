"""`boxship registry …`: look into a registry that runs, remove, collect, and write its file of passwords."""

import getpass
import os
import sys
from pathlib import Path

from boxship.base.errors import Invalid
from boxship.base.units import human_size
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.client.registry import DEFAULT, RegistryClient

WHERE = (
    text("registry", "r", f"Address of the registry; or BOXSHIP_REGISTRY (default {DEFAULT})", "url"),
    text("user", "u", "NAME or NAME:PASSWORD; the password also in BOXSHIP_REGISTRY_PASSWORD", "user"),
    text("cacert", "", "Certificate authority of the registry", "file"),
)
FORMAT = text("format", "", "Print as `json` or by a template")
REPOSITORIES = {"Repository": "REPOSITORY", "Tags": "TAGS"}
TAGS = {"Tag": "TAG", "Digest": "DIGEST", "Size": "SIZE"}


def client(session: Session, parsed: Parsed) -> RegistryClient:
    user = parsed.text("user")
    if user and ":" not in user:
        user += ":" + (session.environ.get("BOXSHIP_REGISTRY_PASSWORD") or getpass.getpass("Password: "))
    address = parsed.text("registry") or session.environ.get("BOXSHIP_REGISTRY") or DEFAULT
    return RegistryClient(address, user, parsed.text("cacert"))


def ls(session: Session, parsed: Parsed) -> None:
    registry = client(session, parsed)
    if parsed.args:
        rows, columns = [_tag(registry, parsed.args[0], tag) for tag in registry.tags(parsed.args[0])], TAGS
    else:
        rows = [{"Repository": n, "Tags": str(sum(1 for _ in registry.tags(n)))} for n in registry.repositories()]
        columns = REPOSITORIES
    quiet = next(iter(columns)) if parsed.on("quiet") else ""
    lines = tables.listing(rows, columns, parsed.text("format"), quiet=quiet)
    if lines:
        session.say(lines)


def _tag(registry: RegistryClient, repository: str, tag: str) -> dict[str, str]:
    digest, manifest = registry.manifest(repository, tag)
    parts = [manifest.get("config") or {}, *(manifest.get("layers") or ())]
    size = human_size(sum(part.get("size", 0) for part in parts)) if "layers" in manifest else "index"
    return {"Tag": tag, "Digest": digest, "Size": size}


def rm(session: Session, parsed: Parsed) -> int:
    registry = client(session, parsed)

    def act(name: str) -> str:
        registry.remove(*_split(name))
        return name

    return each(session, parsed.args, act)


def _split(name: str) -> tuple[str, str]:
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        raise Invalid(f"{name!r} names neither a tag nor a digest: want REPOSITORY:TAG or REPOSITORY@DIGEST")
    return repository, tag


def gc(session: Session, parsed: Parsed) -> None:
    report = client(session, parsed).collect(dry=parsed.on("dry-run"))
    for line in report["plan"]:
        session.say(line)
    if not parsed.on("dry-run"):
        session.say(f"Removed {report['tags']} tags, {report['manifests']} manifests, {report['blobs']} blobs; "
                    f"freed {human_size(report['bytes'])}")  # fmt: skip


def passwd(session: Session, parsed: Parsed) -> None:
    """Touches a file here and talks to nobody; a server that reads it notices by itself."""
    path = Path(parsed.text("file") or "htpasswd")
    user = parsed.args[0]
    if not user or ":" in user or any(letter.isspace() for letter in user):
        raise Invalid(f"user name {user!r} must have neither colon nor blank")
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition(":")[0] != user]
    if parsed.on("delete"):
        if len(kept) == len(lines):
            raise Invalid(f"there is no user {user!r} in {path}")
    else:
        kept.append(f"{user}:{_hashed(_password(session))}")
    _replace(path, "".join(f"{line}\n" for line in kept))


def _password(session: Session) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Invalid("the two are not the same")
    return password


def _hashed(password: str) -> str:
    if not password or len(password.encode()) > 72:
        raise Invalid("a password has 1 to 72 bytes")
    import bcrypt

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()


def _replace(path: Path, content: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    os.replace(draft, path)


COMMANDS = {
    "ls": Command("[OPTIONS] [REPOSITORY]", ls, (*WHERE, FORMAT, switch("quiet", "q", "Only names")), 0, 1),
    "rm": Command("[OPTIONS] REPOSITORY:TAG|REPOSITORY@DIGEST [...]", rm, WHERE, 1),
    "gc": Command("[OPTIONS]", gc, (*WHERE, switch("dry-run", "", "Only tell what retention would remove")), 0, 0),
    "passwd": Command(
        "[OPTIONS] USER",
        passwd,
        (text("file", "f", "The file (default htpasswd)"), switch("delete", "d", "Remove the user")),
        1,
        1,
        examples="boxship registry passwd -f users alice < password.txt",
    ),
}
