"""`boxship context …`: names for daemons, kept where docker keeps them. Speaks to no daemon."""

import json
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError
from boxship.front.cli import tables
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.mounts import fields
from boxship.front.cli.endpoint import context_name
from boxship.front.cli.flags import Parsed, many, switch, text
from boxship.front.cli.inspect import FORMAT, print_found
from boxship.front.client.api import host_from
from boxship.front.client.contexts import (
    DEFAULT,
    ENDPOINT,
    TLS_FILES,
    Context,
    ContextStore,
    context_of,
    read_config,
    write_config,
)

COLUMNS = {"Name": "NAME", "Description": "DESCRIPTION", "DockerEndpoint": "DOCKER ENDPOINT", "Error": "ERROR"}
IN_MEMORY = "<IN MEMORY>"
OVERRIDES = (
    "Warning: {} environment variable overrides the active context. To use a context, either set the global "
    "--context flag, or unset {} environment variable."
)


def _default(session: Session) -> Context:
    host = host_from(session.environ)
    meta = {"Name": DEFAULT, "Metadata": {}, "Endpoints": {ENDPOINT: {"Host": host, "SkipTLSVerify": False}}}
    return context_of(meta)._replace(description="Current DOCKER_HOST based configuration")


def _current(session: Session) -> str:
    return context_name(session.given, session.environ) if session.given is not None else DEFAULT


def ls(session: Session, parsed: Parsed) -> None:
    current = _current(session)
    known = sorted([_default(session), *ContextStore(session.environ).all()], key=lambda context: context.name)
    rows = [_row(context, current) for context in known]
    if current not in {context.name for context in known}:
        error = f'context "{current}" does not exist; `boxship context use` chooses another'
        rows.append(_row(Context(current), current) | {"Error": error})
    form = parsed.text("format")
    if form in ("", "table") and not parsed.on("quiet"):
        rows = [row | {"Name": f"{row['Name']} *" if row["Current"] else row["Name"]} for row in rows]
    shown = tables.listing(rows, COLUMNS, form, quiet="Name" if parsed.on("quiet") else "", more={"Current": "CURRENT"})
    session.say(shown)
    _warn_of_override(session)


def _row(context: Context, current: str) -> dict[str, Any]:
    return {
        "Name": context.name,
        "Current": context.name == current,
        "Description": context.description,
        "DockerEndpoint": context.host,
        "Error": "",
    }


def _warn_of_override(session: Session) -> None:
    for name in ("BOXSHIP_HOST", "DOCKER_HOST"):
        if session.environ.get(name):
            session.warn(OVERRIDES.format(name, name))
            return


def show(session: Session, parsed: Parsed) -> None:
    session.say(_current(session))


def use(session: Session, parsed: Parsed) -> None:
    name = parsed.args[0]
    if name != DEFAULT:
        ContextStore(session.environ).find(name)
    _remember(session, name)
    session.say(name)
    session.out.flush()
    session.warn(f'Current context is now "{name}"')
    if name != DEFAULT:
        _warn_of_override(session)


def _remember(session: Session, name: str) -> None:
    config = read_config(session.environ)
    config.pop("currentContext", None)
    write_config(session.environ, {**config, **({"currentContext": name} if name != DEFAULT else {})})


def create(session: Session, parsed: Parsed) -> None:
    name, store = parsed.args[0], ContextStore(session.environ)
    source = parsed.text("from")
    if source and parsed.given("docker"):
        raise Invalid("cannot use --docker flag when --from is set")
    if source or not parsed.given("docker"):
        origin = _find(session, source or _current(session))
        meta, tls = dict(origin.meta), store.tls_files(origin.name)
        if origin.name == DEFAULT:
            meta["Metadata"] = {"Description": origin.description}
    else:
        endpoint, tls = _endpoint(session, ",".join(parsed.many("docker")))
        meta = {"Metadata": {}, "Endpoints": {ENDPOINT: endpoint}}
    store.keep(_described({**meta, "Name": name}, parsed), tls, new=True)
    _tell(session, name, "created")


def _find(session: Session, name: str) -> Context:
    return _default(session) if name == DEFAULT else ContextStore(session.environ).find(name)


def _described(meta: Mapping[str, Any], parsed: Parsed) -> dict[str, Any]:
    metadata = dict(meta.get("Metadata") or {})
    if parsed.given("description"):
        metadata["Description"] = parsed.text("description")
    return {"Name": meta["Name"], "Metadata": metadata, "Endpoints": meta.get("Endpoints") or {}}


def _endpoint(session: Session, spec: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return meta.json's endpoint and the TLS files for `--docker host=…,ca=…`. Raises Invalid naming the key."""
    given = {key: value for key, value, _ in fields(spec)}
    unknown = given.keys() - {"from", "host", "ca", "cert", "key", "skip-tls-verify"}
    if unknown:
        word = min(unknown)
        raise Invalid(
            f"unable to create docker endpoint config: unrecognized config key: {word} "
            "(want host, ca, cert, key, skip-tls-verify or from)"
        )
    if "from" in given:
        origin = _find(session, given["from"])
        return dict(origin.meta["Endpoints"][ENDPOINT]), ContextStore(session.environ).tls_files(origin.name)
    from boxship.front.client.api import parse_host

    if given.get("host"):
        parse_host(given["host"])
    files = {name: _read(given[name.partition(".")[0]]) for name in TLS_FILES if given.get(name.partition(".")[0])}
    skip = given.get("skip-tls-verify", "false").lower() in ("true", "1")
    return {"Host": given.get("host", ""), "SkipTLSVerify": skip}, files


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as e:
        raise Invalid(f"unable to create docker endpoint config: open {path}: {e.strerror}") from e


def update(session: Session, parsed: Parsed) -> None:
    name, store = parsed.args[0], ContextStore(session.environ)
    if name == DEFAULT:
        raise Invalid('context "default" cannot be updated: it is what the environment says')
    meta, tls = dict(store.find(name).meta), None
    if parsed.given("docker"):
        endpoint, tls = _endpoint(session, ",".join(parsed.many("docker")))
        meta["Endpoints"] = {**(meta.get("Endpoints") or {}), ENDPOINT: endpoint}
    store.keep(_described(meta, parsed), tls, new=False)
    _tell(session, name, "updated")


def _tell(session: Session, name: str, done: str) -> None:
    session.say(name)
    session.out.flush()
    session.warn(f'Successfully {done} context "{name}"')


def remove(session: Session, parsed: Parsed) -> int:
    """Go on after a failure; return the exit code."""
    code, store, current = 0, ContextStore(session.environ), _current(session)
    for name in parsed.args:
        try:
            _remove(session, store, name, current, force=parsed.on("force"))
            session.say(name)
        except PlatformError as error:
            session.out.flush()
            session.warn(str(error))
            code = 1
    return code


def _remove(session: Session, store: ContextStore, name: str, current: str, *, force: bool) -> None:
    if name == DEFAULT:
        raise Invalid('context "default" cannot be removed')
    if name == current and not force:
        raise Conflict(f'context "{name}" is in use, set -f flag to force remove')
    try:
        store.remove(name)
    except NotFound as e:
        if not force:
            raise NotFound(f'context "{name}" does not exist') from e
    if name == read_config(session.environ).get("currentContext"):
        _remember(session, DEFAULT)


def inspect(session: Session, parsed: Parsed) -> int:
    store = ContextStore(session.environ)

    def fetch(name: str) -> Any:
        context = _find(session, name)
        files = sorted(store.tls_files(name)) if name != DEFAULT else []
        stored = name != DEFAULT
        return {
            "Name": name,
            "Metadata": context.meta.get("Metadata") or {},
            "Endpoints": context.meta.get("Endpoints") or {},
            "TLSMaterial": {ENDPOINT: files} if files else {},
            "Storage": {
                "MetadataPath": os.path.dirname(store.meta_file(name)) if stored else IN_MEMORY,
                "TLSPath": os.path.dirname(store.tls_folder(name)) if stored else IN_MEMORY,
            },
        }

    return print_found(session, parsed.args or (_current(session),), parsed.text("format"), fetch)


def export(session: Session, parsed: Parsed) -> None:
    """Write meta.json and the TLS files as a tar archive; nothing that exists is overwritten."""
    name, *target = parsed.args
    context, store = _find(session, name), ContextStore(session.environ)
    path = target[0] if target else f"{name}.dockercontext"
    if path == "-":
        if session.out.isatty():
            raise Invalid("cowardly refusing to export to a terminal, specify a file path")
        _pack(context, store, sys.stdout.buffer)
        return
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _pack(context, store, file)
    except OSError as e:
        raise Invalid(f"open {path}: {(e.strerror or str(e)).lower()}") from e
    session.warn(f'Written file "{path}"')


def _pack(context: Context, store: ContextStore, sink: Any) -> None:
    from io import BytesIO

    files = store.tls_files(context.name) if context.name != DEFAULT else {}
    with tarfile.open(fileobj=sink, mode="w|") as archive:
        for name, content, mode in _entries(_described(context.meta, _nothing()), files):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = mode, len(content or b"")
            entry.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
            archive.addfile(entry, BytesIO(content) if content is not None else None)


def _nothing() -> Parsed:
    return Parsed((_DESCRIPTION,), {}, ())


def _entries(meta: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes | None, int]]:
    yield "meta.json", json.dumps(meta, separators=(",", ":")).encode(), 0o644
    yield "tls", None, 0o700
    if files:
        yield f"tls/{ENDPOINT}", None, 0o700
    for name, content in files.items():
        yield f"tls/{ENDPOINT}/{name}", content, 0o600


def import_(session: Session, parsed: Parsed) -> None:
    """Nothing of the archive is written but what a context may have."""
    name, source = parsed.args
    meta: dict[str, Any] | None = None
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|*") if source == "-" else tarfile.open(source) as archive:
            for entry in archive:
                inside = archive.extractfile(entry) if entry.isreg() and entry.size < 1 << 20 else None
                folder, _, file = entry.name.rpartition("/")
                if inside is not None and entry.name == "meta.json":
                    meta = json.load(inside)
                elif inside is not None and folder == f"tls/{ENDPOINT}" and file in TLS_FILES:
                    files[file] = inside.read()
        if meta is None:
            raise Invalid(f"{source} is no exported context: it has no meta.json")
    except (OSError, ValueError, tarfile.TarError) as e:
        raise Invalid(f"{source} cannot be read as an exported context: {e}") from e
    ContextStore(session.environ).keep(_described({**meta, "Name": name}, _nothing()), files, new=True)
    _tell(session, name, "imported")


_DESCRIPTION = text("description", "", "What this context is for")
_DOCKER = many("docker", "", "Daemon: host=…[,ca=…,cert=…,key=…][,skip-tls-verify=true], or from=CONTEXT", "map")

COMMANDS = {
    "create": Command(
        "[OPTIONS] CONTEXT",
        create,
        (_DESCRIPTION, _DOCKER, text("from", "", "Make it from another context")),
        1,
        1,
        examples="boxship context create prod --docker host=ssh://me@prod.example.org\n"
        "boxship context create lab --docker host=tcp://lab:2376,ca=ca.pem,cert=cert.pem,key=key.pem",
    ),
    "export": Command("CONTEXT [FILE|-]", export, least=1, most=2, examples="boxship context export prod prod.tar"),
    "import": Command("CONTEXT FILE|-", import_, least=2, most=2, examples="boxship context import prod prod.tar"),
    "inspect": Command("[OPTIONS] [CONTEXT] [CONTEXT...]", inspect, (FORMAT,), examples="boxship context inspect prod"),
    "ls": Command(
        "[OPTIONS]",
        ls,
        (FORMAT._replace(short=""), switch("quiet", "q", "Show names only")),
        most=0,
        examples="boxship context ls",
    ),
    "rm": Command(
        "CONTEXT [CONTEXT...]",
        remove,
        (switch("force", "f", "Remove even the one in use"),),
        1,
        examples="boxship context rm lab",
    ),
    "show": Command("", show, most=0, examples="boxship context show"),
    "update": Command(
        "[OPTIONS] CONTEXT",
        update,
        (_DESCRIPTION, _DOCKER),
        1,
        1,
        examples="boxship context update prod --docker host=ssh://me@new.example.org",
    ),
    "use": Command("CONTEXT", use, least=1, most=1, examples="boxship context use prod\nboxship context use default"),
}
