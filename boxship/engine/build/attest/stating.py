"""Make the statements that a build was asked for, once about each subject."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from boxship.base.codec import encode
from boxship.engine.build import layouts
from boxship.engine.build.attest import packages, provenance, sbom
from boxship.engine.build.attest.provenance import Material, Story
from boxship.engine.build.attest.wish import PROVENANCE, SBOM, inline_only, reproducible
from boxship.engine.build.state import State
from boxship.engine.build.work import Work
from boxship.engine.images.attested import about
from boxship.engine.images.reference import Reference
from boxship.model.image import Statement

FILES = {PROVENANCE: "provenance.json", SBOM: "sbom.spdx.json"}


class Stating:
    """All that is to be said about one result. `prepare` it before use."""

    def __init__(self, work: Work, state: State, image_id: str, references: Sequence[Reference]) -> None:
        self._work = work
        self._state = state
        self._image_id = image_id
        self._references = references
        self._predicates: dict[str, tuple[str, dict[str, object]]] = {}

    async def prepare(self, kind: str) -> None:
        asked = self._work.spec.attests[kind]
        if kind == PROVENANCE:
            story = self._story(same=reproducible(asked))
            told = await asyncio.to_thread(provenance.predicate, self._work.spec, asked, story)
            self._predicates[PROVENANCE] = provenance.PREDICATE, told
        else:
            self._predicates[SBOM] = sbom.PREDICATE, await asyncio.to_thread(self._packages)

    def _story(self, *, same: bool) -> Story:
        """same: leave out what differs from one build to the next."""
        work = self._work
        finished = work.parts.clock.now()
        return Story(
            text=work.text,
            materials=_materials(work),
            platform="/".join(part for part in work.parts.platform if part),
            started=self._state.created if same else work.started,
            finished=self._state.created if same else finished,
            id="" if same else work.reporter.digest("build"),
            declared=frozenset(work.declared),
        )

    def _packages(self) -> dict[str, object]:
        root = self._work.view(self._state.layers)
        found = packages.find(root, self._work.parts.trees.open_in)
        name = self._references[0].familiar if self._references else self._image_id
        return sbom.spdx(found, name, self._image_id.partition(":")[2], self._state.created // 1_000_000_000)

    def statements(self, *, manifests: bool = True) -> tuple[Statement, ...]:
        """Return what is to be stated. manifests: it goes where those are; what is only for them is left out else."""
        platform = quote(f"{self._state.os}/{self._state.architecture}", safe="")
        names = tuple(f"pkg:docker/{_purl(each)}?platform={platform}" for each in self._references)
        found = []
        for kind, (predicate_type, predicate) in self._predicates.items():
            asked = self._work.spec.attests[kind]
            if manifests or not inline_only(asked):
                raw = encode(provenance.statement(predicate_type, predicate, [("_", self._image_id)]))
                found.append(
                    Statement(kind=predicate_type, raw=raw, names=names, file=asked.get("filename") or FILES[kind])
                )
        return tuple(found)

    def files(self) -> dict[str, bytes]:
        """Return the statements as files of a directory, by name."""
        return {each.file: about(each, [("_", self._image_id)]) for each in self.statements(manifests=False)}


def _purl(reference: Reference) -> str:
    host = "" if reference.familiar_name == reference.path.removeprefix("library/") else f"{reference.domain}/"
    return f"{host}{reference.path.removeprefix('library/')}@{reference.tag}"


def _materials(work: Work) -> tuple[Material, ...]:
    found = [Material(uri=provenance.without_user(uri), digest=digest) for uri, digest in sorted(work.fetched.items())]
    for name, image in work.bases.found():
        if name.startswith(layouts.PREFIX):
            found.append(Material(uri=name, digest=image.id))
            continue
        known = [each for each in work.parts.images.references(image.id) if each.digest]
        digest = known[0].digest if known else image.id
        platform = quote(f"{image.os}/{image.architecture}", safe="")
        found.append(Material(uri=f"pkg:docker/{name}?platform={platform}", digest=digest))
    return tuple(found)
