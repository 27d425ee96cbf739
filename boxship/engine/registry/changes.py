"""All that changes the records, each function part of one transaction. Whoever answers "it is here" has leased it.

A blob is safe while a manifest of a repository uses it, or while its lease there lasts. Every function that decides
about removal asks again inside its own transaction, so a push can never lose to a collection.
"""

import sqlite3
from collections.abc import Sequence

from boxship.engine.registry.faults import Fault
from boxship.engine.registry.manifests import Document
from boxship.engine.registry.options import Quota

Connection = sqlite3.Connection


def repository(db: Connection, name: str) -> int:
    """Return the id of a repository, which is made if need be."""
    db.execute("INSERT INTO repositories (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    return int(db.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()[0])


def known(db: Connection, name: str) -> int:
    """Raises Fault NAME_UNKNOWN."""
    found = db.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise Fault("NAME_UNKNOWN", "repository name not known to registry", detail={"name": name})
    return int(found[0])


def add_blob(db: Connection, digest: str, size: int, key: str) -> bool:
    """Record content that a driver holds under `key`; False when it had been here already, and `key` is not needed.

    Raises Fault when a sweep took the key for a leftover meanwhile.
    """
    if db.execute("SELECT 1 FROM graves WHERE key = ?", (key,)).fetchone():
        raise Fault("UNAVAILABLE", "the upload took too long to be stored; send it again")
    if db.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone():
        return False
    db.execute("INSERT INTO blobs (digest, size, key) VALUES (?, ?, ?)", (digest, size, key))
    return True


def link(db: Connection, name: str, digest: str, until: float, quotas: Sequence[Quota] = ()) -> None:
    """Show a blob in a repository, leased. Raises Fault DENIED where a quota is used up."""
    place = repository(db, name)
    db.execute(
        "INSERT INTO links VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET leased = max(leased, excluded.leased)",
        (place, digest, until),
    )
    for quota in quotas:
        used = db.execute(
            "SELECT coalesce(sum(size), 0) FROM links JOIN blobs USING (digest)"
            " JOIN repositories r ON repository = r.id WHERE r.name GLOB ?",
            (quota.repositories,),
        ).fetchone()[0]
        if used > quota.bytes:
            raise Fault("DENIED", f"quota of {quota.repositories} is used up: {used} of {quota.bytes} bytes")


def mount(db: Connection, name: str, digest: str, source: str, until: float, quotas: Sequence[Quota] = ()) -> bool:
    """Show a blob of repository `source`, "" for any, in another one; False when it is not there."""
    found = db.execute(
        "SELECT 1 FROM links JOIN repositories r ON repository = r.id WHERE digest = ? AND (r.name = ? OR ? = '')",
        (digest, source, source),
    ).fetchone()
    if found is None:
        return False
    link(db, name, digest, until, quotas)
    return True


def renew(db: Connection, name: str, digest: str, until: float) -> bool:
    """Lease a blob anew; False when the repository does not show it any more."""
    done = db.execute(
        "UPDATE links SET leased = max(leased, ?) WHERE digest = ? AND repository IN"
        " (SELECT id FROM repositories WHERE name = ?)",
        (until, digest, name),
    )
    return done.rowcount > 0


def unlink(db: Connection, name: str, digest: str) -> None:
    """Take a blob out of a repository. Raises Fault: BLOB_UNKNOWN, or UNSUPPORTED while a manifest uses it."""
    place = known(db, name)
    user = db.execute("SELECT manifest FROM uses WHERE repository = ? AND child = ?", (place, digest)).fetchone()
    if user is not None:
        raise Fault("UNSUPPORTED", f"blob is used by manifest {user[0]}; delete that first")
    if db.execute("DELETE FROM links WHERE repository = ? AND digest = ?", (place, digest)).rowcount == 0:
        raise Fault("BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})


def put_manifest(db: Connection, name: str, document: Document, tag: str, now: float) -> None:
    """Store a manifest and move `tag`, "" for none, to it. Raises Fault MANIFEST_BLOB_UNKNOWN for what it lacks."""
    place = repository(db, name)
    _check_whole(db, place, document)
    keep_manifest(db, name, document, tag, now)


def keep_manifest(db: Connection, name: str, document: Document, tag: str, now: float) -> None:
    """Store a manifest as it is: what it needs may come later, from an upstream."""
    place = repository(db, name)
    db.execute(
        "INSERT INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET pushed = excluded.pushed",
        (place, document.digest, document.media_type, document.content, document.subject, document.size, now),
    )
    children = dict.fromkeys((*document.blobs, *document.manifests))
    db.executemany(
        "INSERT INTO uses VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [(place, c, document.digest) for c in children]
    )
    if tag:
        set_tag(db, place, tag, document.digest, now)


def _check_whole(db: Connection, place: int, document: Document) -> None:
    missing = [d for d in document.blobs if not _has(db, "links", place, d)]
    missing += [d for d in document.manifests if not _has(db, "manifests", place, d)]
    if missing:
        raise Fault("MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry",
                    detail={"digest": missing[0]})  # fmt: skip


def set_tag(db: Connection, place: int, tag: str, digest: str, now: float) -> None:
    db.execute(
        "INSERT INTO tags (repository, name, digest, changed, checked) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET digest = excluded.digest, changed = excluded.changed, checked = excluded.checked",
        (place, tag, digest, now, now),
    )


def checked(db: Connection, name: str, tag: str, digest: str, now: float) -> bool:
    """Note that an upstream says `tag` is `digest`; False when we do not have that manifest."""
    place = repository(db, name)
    if not _has(db, "manifests", place, digest):
        return False
    old = db.execute("SELECT digest FROM tags WHERE repository = ? AND name = ?", (place, tag)).fetchone()
    if old is not None and old[0] == digest:
        db.execute("UPDATE tags SET checked = ? WHERE repository = ? AND name = ?", (now, place, tag))
    else:
        set_tag(db, place, tag, digest, now)
    return True


def _has(db: Connection, table: str, place: int, digest: str) -> bool:
    return (
        db.execute(f"SELECT 1 FROM {table} WHERE repository = ? AND digest = ?", (place, digest)).fetchone() is not None
    )


def remove_manifest(db: Connection, name: str, digest: str) -> list[str]:
    """Remove a manifest and its tags, which are returned. Raises Fault: MANIFEST_UNKNOWN, or UNSUPPORTED while an
    index uses it."""
    place = known(db, name)
    user = db.execute("SELECT manifest FROM uses WHERE repository = ? AND child = ?", (place, digest)).fetchone()
    if user is not None and _has(db, "manifests", place, digest):
        raise Fault("UNSUPPORTED", f"manifest is used by index {user[0]}; delete that first")
    if db.execute("DELETE FROM manifests WHERE repository = ? AND digest = ?", (place, digest)).rowcount == 0:
        raise Fault("MANIFEST_UNKNOWN", "manifest unknown", detail={"digest": digest})
    db.execute("DELETE FROM uses WHERE repository = ? AND manifest = ?", (place, digest))
    tags = [row[0] for row in db.execute("SELECT name FROM tags WHERE repository = ? AND digest = ?", (place, digest))]
    db.execute("DELETE FROM tags WHERE repository = ? AND digest = ?", (place, digest))
    return tags


def remove_tag(db: Connection, name: str, tag: str) -> str:
    """Remove a tag and return the digest it had. Raises Fault MANIFEST_UNKNOWN."""
    place = known(db, name)
    found = db.execute("DELETE FROM tags WHERE repository = ? AND name = ? RETURNING digest", (place, tag)).fetchone()
    if found is None:
        raise Fault("MANIFEST_UNKNOWN", "manifest unknown", detail={"tag": tag})
    return str(found[0])
