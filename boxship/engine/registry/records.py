"""The registry's database: one file, one schema, reads on the caller's thread and writes on one of their own.

Every write is one transaction that has the whole database to itself, in this process and in others (BEGIN IMMEDIATE),
and that is on disk before anybody is told (synchronous=FULL). Blocks nobody: write-ahead logging lets readers read.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from boxship.base.errors import PlatformError

T = TypeVar("T")
BUSY = 30.0  # seconds a writer waits for another process's transaction
VERSION = 1

SCHEMA = """
CREATE TABLE repositories (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
-- content that is here; key: its name in the driver, never used twice
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, key TEXT NOT NULL UNIQUE) WITHOUT ROWID;
-- keys whose bytes are to be removed, and since when
CREATE TABLE graves (key TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
-- which repository shows which blob; leased: until when it is safe though nothing uses it
CREATE TABLE links (repository INTEGER NOT NULL, digest TEXT NOT NULL, leased REAL NOT NULL,
                    PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE INDEX links_of_blob ON links (digest);
CREATE TABLE manifests (repository INTEGER NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,
                        content BLOB NOT NULL, subject TEXT NOT NULL, size INTEGER NOT NULL, pushed REAL NOT NULL,
                        PRIMARY KEY (repository, digest));
CREATE INDEX manifests_about ON manifests (repository, subject) WHERE subject <> '';
-- references from manifests to blobs and to other manifests of the same repository
CREATE TABLE uses (repository INTEGER NOT NULL, child TEXT NOT NULL, manifest TEXT NOT NULL,
                   PRIMARY KEY (repository, child, manifest)) WITHOUT ROWID;
CREATE INDEX uses_of_manifest ON uses (repository, manifest);
CREATE TABLE tags (repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, changed REAL NOT NULL,
                   checked REAL NOT NULL DEFAULT 0, PRIMARY KEY (repository, name)) WITHOUT ROWID;
CREATE INDEX tags_of_manifest ON tags (repository, digest);
-- what webhooks are still to be told
CREATE TABLE notices (id INTEGER PRIMARY KEY AUTOINCREMENT, hook TEXT NOT NULL, body BLOB NOT NULL,
                      attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL);
CREATE INDEX notices_due ON notices (due);
"""


class Records:
    """Made by `Records(path)` on the loop's thread; must be closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = _connect(path)
        _prepare(self._reader)
        self._thread = ThreadPoolExecutor(1, "registry-records")
        self._writer: sqlite3.Connection | None = None

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds, at once."""
        return self._reader.execute(query, values).fetchall()

    def row(self, query: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._reader.execute(query, values).fetchone()
        return found

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` as one transaction and return its value; when it raises, nothing has happened.

        It is carried out to its end even if the caller is cancelled meanwhile.
        """
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._write, change))

    def _write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            self._writer = _connect(self._path)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            value = change(self._writer)
            self._writer.execute("COMMIT")
            return value
        except sqlite3.Error as e:
            raise PlatformError(f"the registry's records: {e}") from e
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    async def aclose(self) -> None:
        """Let writes that wait end, then let go of the file."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        self._reader.close()
        if self._writer is not None:
            self._writer.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        lines = [line for line in SCHEMA.splitlines() if not line.startswith("--")]
        for statement in "\n".join(lines).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    if version > VERSION:
        raise PlatformError(f"the registry's records are of version {version}, this program knows {VERSION}")
