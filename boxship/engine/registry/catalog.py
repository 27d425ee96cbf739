"""Manifests and tags of all repositories, and the lists of them. Knows no bytes of blobs."""

from dataclasses import dataclass
from typing import Any

from boxship.base.clock import Clock
from boxship.engine.registry import changes
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.manifests import Document, descriptor, parse
from boxship.engine.registry.names import is_digest
from boxship.engine.registry.records import Records

SECOND = 1_000_000_000
_COLUMNS = "m.media_type, m.content, m.digest"


@dataclass(frozen=True, slots=True)
class Manifest:
    digest: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Tag:
    """changed, checked: seconds since 1970; checked is when an upstream last confirmed it."""

    name: str
    digest: str
    changed: float
    checked: float


class Catalog:
    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def find(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest that a tag or digest names."""
        if is_digest(reference):
            query = "FROM manifests m JOIN repositories r ON m.repository = r.id WHERE r.name = ? AND m.digest = ?"
        else:
            query = (
                "FROM tags t JOIN repositories r ON t.repository = r.id JOIN manifests m"
                " ON m.repository = t.repository AND m.digest = t.digest WHERE r.name = ? AND t.name = ?"
            )
        row = self._records.row(f"SELECT {_COLUMNS} {query}", (repository, reference))
        return Manifest(row[2], row[0], row[1]) if row else None

    def get(self, repository: str, reference: str) -> Manifest:
        """Raises Fault: MANIFEST_UNKNOWN, NAME_UNKNOWN."""
        found = self.find(repository, reference)
        if found is None:
            self._check_known(repository)
            raise Fault("MANIFEST_UNKNOWN", "manifest unknown", detail={"reference": reference})
        return found

    def tag(self, repository: str, name: str) -> Tag | None:
        row = self._records.row(
            "SELECT t.name, digest, changed, checked FROM tags t JOIN repositories r ON repository = r.id"
            " WHERE r.name = ? AND t.name = ?",
            (repository, name),
        )
        return Tag(*row) if row else None

    async def put(self, repository: str, reference: str, media_type: str, content: bytes) -> Document:
        """Store a manifest under a tag or its digest. Raises Fault: MANIFEST_INVALID, DIGEST_INVALID,
        MANIFEST_BLOB_UNKNOWN."""
        by_digest = is_digest(reference)
        document = parse(content, media_type, reference if by_digest else "")
        tag = "" if by_digest else reference
        now = self._now()
        await self._records.write(lambda db: changes.put_manifest(db, repository, document, tag, now))
        return document

    async def keep(self, repository: str, tag: str, document: Document) -> None:
        """Store a manifest of an upstream, whose blobs may come later. tag: "" for none."""
        now = self._now()
        await self._records.write(lambda db: changes.keep_manifest(db, repository, document, tag, now))

    async def confirm(self, repository: str, tag: str, digest: str) -> bool:
        """Note that an upstream's tag is `digest`; False when that manifest is not here."""
        now = self._now()
        return await self._records.write(lambda db: changes.checked(db, repository, tag, digest, now))

    async def delete(self, repository: str, reference: str) -> tuple[str, list[str]]:
        """Remove a manifest and its tags, or one tag only; return its digest and the tags. Raises Fault."""
        if is_digest(reference):
            return reference, await self._records.write(
                lambda db: changes.remove_manifest(db, repository, reference)
            )  # fmt: skip
        return await self._records.write(lambda db: changes.remove_tag(db, repository, reference)), [reference]

    def tags(self, repository: str, after: str = "", limit: int = -1) -> list[str]:
        """Return names behind `after` in their order, `limit` of them or all (-1). Raises Fault NAME_UNKNOWN."""
        self._check_known(repository)
        rows = self._records.rows(
            "SELECT t.name FROM tags t JOIN repositories r ON repository = r.id WHERE r.name = ? AND t.name > ?"
            " ORDER BY t.name LIMIT ?",
            (repository, after, limit),
        )
        return [row[0] for row in rows]

    def repositories(self, after: str = "", limit: int = -1) -> list[str]:
        """Return names of repositories that hold manifests, as `tags` does."""
        rows = self._records.rows(
            "SELECT name FROM repositories r WHERE name > ?"
            " AND EXISTS (SELECT 1 FROM manifests WHERE repository = r.id) ORDER BY name LIMIT ?",
            (after, limit),
        )
        return [row[0] for row in rows]

    def search(self, term: str, limit: int, offset: int = 0) -> tuple[int, list[str]]:
        """Return how many repositories' names hold `term`, and a page of them."""
        where = "FROM repositories r WHERE instr(name, ?) AND EXISTS (SELECT 1 FROM manifests WHERE repository = r.id)"
        total = self._records.row(f"SELECT count(*) {where}", (term.lower(),))
        rows = self._records.rows(f"SELECT name {where} ORDER BY name LIMIT ? OFFSET ?", (term.lower(), limit, offset))
        return (total[0] if total else 0), [row[0] for row in rows]

    def referrers(self, repository: str, subject: str, artifact_type: str = "") -> list[dict[str, Any]]:
        """Return descriptors of the manifests whose subject is `subject`, oldest first; those that older clients keep
        in an index tagged after the subject are among them."""
        rows = self._records.rows(
            f"SELECT {_COLUMNS} FROM manifests m JOIN repositories r ON repository = r.id"
            " WHERE r.name = ? AND subject = ? ORDER BY pushed, m.digest",
            (repository, subject),
        )
        found = {row[2]: descriptor(parse(row[1], row[0], row[2])) for row in rows}
        for entry in self._fallback(repository, subject):
            found.setdefault(entry["digest"], entry)
        return [entry for entry in found.values() if artifact_type in ("", entry.get("artifactType"))]

    def _fallback(self, repository: str, subject: str) -> list[dict[str, Any]]:
        listed = self.find(repository, subject.replace(":", "-", 1))
        if listed is None:
            return []
        parts = [self.find(repository, digest) for digest in parse(listed.content, listed.media_type).manifests]
        return [descriptor(parse(m.content, m.media_type, m.digest)) for m in parts if m]

    def knows(self, repository: str) -> bool:
        """Tell whether a repository holds a manifest."""
        row = self._records.row(
            "SELECT 1 FROM repositories r WHERE name = ? AND EXISTS (SELECT 1 FROM manifests WHERE repository = r.id)",
            (repository,),
        )
        return row is not None

    def _check_known(self, repository: str) -> None:
        if not self.knows(repository):
            raise Fault("NAME_UNKNOWN", "repository name not known to registry", detail={"name": repository})

    def _now(self) -> float:
        return self._clock.now() / SECOND
