"""`boxship manifest …`: lists of images for several platforms, put together here and pushed to a registry.

Like the stock client this speaks to registries itself, with the logins of config.json; no daemon takes part.
"""

import json
from typing import Any

from boxship.base.errors import Conflict, NotFound
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.flags import Parsed, switch, text, words
from boxship.front.client.manifests.lists import Entry, annotated, document, require_platforms, stored
from boxship.front.client.manifests.names import Named, named
from boxship.front.client.manifests.remote import Remote
from boxship.front.client.manifests.store import ManifestStore

INSECURE = switch("insecure", "", "Trust any certificate of the registry, or speak plain HTTP to it")


def create(session: Session, parsed: Parsed) -> None:
    """All images are looked up before one of them is stored."""
    target, store = named(parsed.args[0]), ManifestStore(session.environ)
    if store.has(target) and not parsed.on("amend"):
        raise Conflict(f"refusing to amend an existing manifest list with no --amend flag: {target}")
    remote, found = Remote(session.environ, insecure=parsed.on("insecure")), {}
    for name in map(named, parsed.args[1:]):
        found[name] = store.find(target, name) or remote.image(name)
    store.keep(target, found)
    session.say(f"Created manifest list {target}")


def annotate(session: Session, parsed: Parsed) -> None:
    target, name = map(named, parsed.args)
    store = ManifestStore(session.environ)
    entry = store.find(target, name)
    if entry is None:
        raise NotFound(f"manifest for image {parsed.args[1]} does not exist in {parsed.args[0]}")
    wanted = {"os": parsed.text("os"), "architecture": parsed.text("arch"), "variant": parsed.text("variant")}
    wanted |= {"os.version": parsed.text("os-version")}
    store.keep(target, {name: annotated(entry, {**wanted, "os.features": list(parsed.many("os-features"))})})


def inspect(session: Session, parsed: Parsed) -> None:
    """What is put together here comes before what the registry has under the same name."""
    name, store, verbose = named(parsed.args[-1]), ManifestStore(session.environ), parsed.on("verbose")
    if len(parsed.args) == 2:
        entry = store.find(named(parsed.args[0]), name)
        if entry is None:
            raise NotFound(f"No such manifest: {name}")
        return session.say(_image(entry, verbose))
    if store.has(name):
        return session.say(_list(name, store.list(name), verbose))
    found = Remote(session.environ, insecure=parsed.on("insecure")).either(name)
    return session.say(_list(name, found, verbose) if isinstance(found, list) else _image(found, verbose))


def _image(entry: Entry, verbose: bool) -> str:
    return _tabbed(stored(entry) if verbose else json.loads(entry.raw))


def _list(name: Named, entries: list[Entry], verbose: bool) -> str:
    return _tabbed([stored(entry) for entry in entries]) if verbose else document(entries, name)[1].decode()


def _tabbed(told: Any) -> str:
    return json.dumps(told, indent="\t", ensure_ascii=False)


def push(session: Session, parsed: Parsed) -> None:
    """Images of other repositories of the same registry go into the list's own first."""
    target, store = named(parsed.args[0]), ManifestStore(session.environ)
    entries = store.list(target)
    require_platforms(entries)
    kind, raw = document(entries, target)
    remote = Remote(session.environ, insecure=parsed.on("insecure"))
    for entry in entries:
        if entry.ref.name != target.name:
            for digest in dict.fromkeys(entry.blobs()):
                remote.mount(digest, entry.ref, target)
            place = target._replace(tag="", digest=entry.descriptor["digest"])
            told = remote.put(place, entry.descriptor["mediaType"], entry.raw)
            session.say(f"Pushed ref {place} with digest: {told}")
    session.say(remote.put(target, kind, raw))
    if parsed.on("purge"):
        store.remove(target)


def remove(session: Session, parsed: Parsed) -> int:
    store = ManifestStore(session.environ)

    def act(name: str) -> str:
        store.remove(named(name))
        return ""

    return each(session, parsed.args, act)


COMMANDS = {
    "annotate": Command(
        "[OPTIONS] MANIFEST_LIST MANIFEST",
        annotate,
        (
            text("arch", "", "Set its architecture, such as arm64"),
            text("os", "", "Set its operating system, such as linux"),
            words("os-features", "", "Add features of the operating system that it needs"),
            text("os-version", "", "Set the version of the operating system"),
            text("variant", "", "Set the variant of the architecture, such as v8"),
        ),
        2,
        2,
        examples="boxship manifest annotate --arch arm64 --variant v8 example.org/app:1 example.org/app:1-arm",
    ),
    "create": Command(
        "[OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]",
        create,
        (switch("amend", "a", "Add to a list that exists"), INSECURE),
        2,
        examples="boxship manifest create example.org/app:1 example.org/app:1-amd64 example.org/app:1-arm",
    ),
    "inspect": Command(
        "[OPTIONS] [MANIFEST_LIST] MANIFEST",
        inspect,
        (INSECURE, switch("verbose", "v", "Show platforms, layers and bytes, too")),
        1,
        2,
        examples="boxship manifest inspect example.org/app:1\nboxship manifest inspect -v redis:7",
    ),
    "push": Command(
        "[OPTIONS] MANIFEST_LIST",
        push,
        (INSECURE, switch("purge", "p", "Remove the list here once it is pushed")),
        1,
        1,
        examples="boxship manifest push --purge example.org/app:1",
    ),
    "rm": Command(
        "MANIFEST_LIST [MANIFEST_LIST...]", remove, least=1, examples="boxship manifest rm example.org/app:1"
    ),
}
