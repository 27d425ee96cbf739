"""The transactions of a collection: each asks again whether what it takes away is still unused. Any number may fail
or be cut off at any point; the next collection goes on from what the records say."""

import sqlite3
from collections.abc import Sequence

Connection = sqlite3.Connection
_UNUSED = (
    " leased < ? AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.repository = links.repository AND u.child = links.digest)"
)

LINKS_AFTER = (
    f"SELECT repository, digest FROM links WHERE (repository, digest) > (?, ?) AND {_UNUSED}"
    " ORDER BY repository, digest LIMIT ?"
)
BLOBS_AFTER = (
    "SELECT digest FROM blobs WHERE digest > ? AND NOT EXISTS"
    " (SELECT 1 FROM links WHERE links.digest = blobs.digest) ORDER BY digest LIMIT ?"
)


def drop_links(db: Connection, found: Sequence[tuple[int, str]], now: float) -> int:
    """Take blobs that no manifest uses and no lease protects out of their repositories; return how many."""
    query = f"DELETE FROM links WHERE repository = ? AND digest = ? AND {_UNUSED}"
    return sum(db.execute(query, (place, digest, now)).rowcount for place, digest in found)


def bury_blobs(db: Connection, digests: Sequence[str], now: float) -> tuple[int, int]:
    """Forget blobs that no repository shows; their bytes are to be removed. Return how many, and their bytes."""
    count = size = 0
    for digest in digests:
        found = db.execute(
            "DELETE FROM blobs WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest)"
            " RETURNING key, size",
            (digest,),
        ).fetchone()
        if found:
            db.execute("INSERT INTO graves (key, since) VALUES (?, ?)", (found[0], now))
            count, size = count + 1, size + found[1]
    return count, size


def bury_strays(db: Connection, keys: Sequence[str], now: float) -> int:
    """Mark bytes that no record knows for removal; return how many."""
    count = 0
    for key in keys:
        if db.execute("SELECT 1 FROM blobs WHERE key = ?", (key,)).fetchone() is None:
            count += db.execute("INSERT INTO graves VALUES (?, ?) ON CONFLICT DO NOTHING", (key, now)).rowcount
    return count


def close_graves(db: Connection, keys: Sequence[str]) -> None:
    db.executemany("DELETE FROM graves WHERE key = ?", [(key,) for key in keys])


def drop_empty(db: Connection) -> int:
    """Forget repositories that hold nothing; return how many."""
    return db.execute(
        "DELETE FROM repositories WHERE NOT EXISTS (SELECT 1 FROM links WHERE repository = repositories.id)"
        " AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = repositories.id)"
    ).rowcount
