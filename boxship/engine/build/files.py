"""Steps that change files without running anything: COPY, ADD, WORKDIR."""

import asyncio
import hashlib
import posixpath
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.engine.build import keys, remote
from boxship.engine.build.api import CONTEXT, Tree
from boxship.engine.build.dockerfile.shellwords import ShellError, expand_heredoc
from boxship.engine.build.dockerfile.source import DockerfileError, failed
from boxship.engine.build.dockerfile.values import Add, Copy
from boxship.engine.build.graph import Origin
from boxship.engine.build.progress import Telling
from boxship.engine.build.scope import Scope
from boxship.engine.build.state import State, workdir
from boxship.engine.build.work import Work
from boxship.host.api.files import Placing, Selection
from boxship.host.jobs.mode import changed

ROOT = (0, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of what one COPY takes. archive: its file is taken apart.  owned: files have owners of their own.
    tree: the context it is of."""

    root: Path
    what: Selection
    owned: bool = False
    archive: bool = False
    tree: Tree | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """pieces, and what they are: content for the cache key."""

    pieces: tuple[Piece, ...]
    content: tuple[str, ...]
    many: bool


class Files:
    """One COPY or ADD."""

    def __init__(self, work: Work, state: State, scope: Scope, step: Copy) -> None:
        self._work = work
        self._state = state
        self._scope = scope
        self._step = step
        self._env = state.env
        self._trees = work.parts.trees

    async def run(self, origin: Origin, stage: State | None, telling: Telling, *, fresh: bool) -> State:
        """Return the state after the step. stage: of the stage or image files are taken from."""
        step, state = self._step, self._state
        target = self._target()
        chown, mode = self._text(step.chown), self._text(step.chmod)
        if mode:
            self._check_mode(mode)
        taken = await self._taken(origin, stage, telling)
        independent = step.link and not re.search(r"[A-Za-z]", chown)
        key = keys.key(
            "copy",
            files="" if independent else keys.files(state.layers),
            content=taken.content,
            target=target,
            chown=chown,
            mode=mode,
            link=step.link,
            epoch=state.created,
            many=taken.many,
        )
        text = f"{step.line.keyword} {' '.join(self._shown())} {target}"

        async def make() -> str:
            return await self._make(taken, target, chown, mode, still=origin.kind in ("main", "context"))

        diff_id = await self._work.layer(key, text, telling, make, fresh=fresh)
        return state.layered(key, diff_id, self._described())

    def _text(self, text: str) -> str:
        return self._scope.text(self._step.line, text, self._env) if text else ""

    def _check_mode(self, mode: str) -> None:
        try:
            changed(stat.S_IFREG, mode)
        except Invalid as e:
            raise failed(self._step.line, str(e), part=self._step.chmod) from e

    def _shown(self) -> tuple[str, ...]:
        return tuple(self._text(source) for source in self._step.sources) + tuple(
            f"<<{heredoc.name}" for heredoc in self._step.heredocs
        )

    def _described(self) -> str:
        step = self._step
        flags = [f"--{name}={value}" for name, value in (("chown", step.chown), ("chmod", step.chmod)) if value]
        return " ".join([step.line.keyword, *flags, *self._shown(), self._text(step.target)])

    def _target(self) -> str:
        """Return the absolute target; a "/" at its end, or `.`, means a directory."""
        asked = self._text(self._step.target)
        if not asked:
            raise failed(self._step.line, "the destination is empty", part=self._step.target)
        whole = posixpath.normpath(posixpath.join("/", self._state.config.working_dir or "/", asked))
        whole = "/" + whole.lstrip("/")
        return whole.rstrip("/") + "/" if asked.endswith(("/", "/.")) or asked in (".", "..") else whole

    # ---- what is taken

    async def _taken(self, origin: Origin, stage: State | None, telling: Telling) -> Taken:
        pieces: list[Piece] = []
        content: list[str] = []
        sources = [self._text(source) for source in self._step.sources]
        local = [s for s in sources if not self._is_remote(s)]
        for source in sources:
            if self._is_remote(source):
                pieces.append(await self._fetched(source, telling))
        if local:
            pieces += await self._local(local, origin, stage)
        if self._step.heredocs:
            pieces.append(self._inline())
        many = len(sources) + len(self._step.heredocs) > 1
        for piece in pieces:
            told = await self._fingerprint(piece)
            content.append(f"{told} {piece.owned:d} {piece.archive:d} {piece.what.parents:d}")
        if many and not self._target().endswith("/"):
            message = (
                f"When using {self._step.line.keyword} with more than one source file, the destination must be a "
                "directory and end with a /"
            )
            raise failed(self._step.line, message, part=self._step.target)
        return Taken(tuple(pieces), tuple(content), many)

    async def _fingerprint(self, piece: Piece) -> str:
        try:
            return await self._fingerprinted(piece)
        except NotFound as e:
            hint = await self._hint(piece)
            message = f"failed to compute cache key: {e}" + (f" ({hint})" if hint else "")
            raise failed(self._step.line, message, part=_blamed(str(e), self._step.sources)) from e

    async def _fingerprinted(self, piece: Piece) -> str:
        contents, what = piece.tree.contents if piece.tree else None, piece.what
        if contents is not None:
            told = await asyncio.to_thread(contents.fingerprint, what.sources, what.ignore, what.exclude, what.parents)
            if told is not None:
                return told
            await contents.fill()
        return await self._trees.fingerprint(piece.root, what, owned=piece.owned)

    async def _hint(self, piece: Piece) -> str:
        """Tell those who have forgotten their `.dockerignore`."""
        if not piece.what.ignore:
            return ""
        if piece.tree is not None and piece.tree.contents is not None:
            await piece.tree.contents.fill()
        try:
            bare = Selection(sources=piece.what.sources, parents=piece.what.parents)
            await self._trees.sources(piece.root, bare)
        except NotFound:
            return ""
        return "it is excluded by .dockerignore"

    def _is_remote(self, source: str) -> bool:
        return isinstance(self._step, Add) and (remote.is_url(source) or remote.is_git(source))

    async def _fetched(self, source: str, telling: Telling) -> Piece:
        try:
            return await self._remote(source, telling)
        except PlatformError as e:
            if isinstance(e, DockerfileError):
                raise
            raise failed(self._step.line, str(e), part=source) from e

    async def _remote(self, source: str, telling: Telling) -> Piece:
        step = self._step
        assert isinstance(step, Add)
        if remote.is_git(source):
            self._work.fetched.setdefault(source, "")
            wish = remote.Wish(keep_git=step.keep_git_dir, checksum=self._text(step.checksum))
            root = await remote.clone(source, self._work.space, self._work.parts, wish, self._work.sources)
            return Piece(root, self._selection(["/"]))
        checksum = self._text(step.checksum)
        file = await remote.download(source, self._work.space, checksum, telling, self._work.sources)
        self._work.fetched[source] = await asyncio.to_thread(_digest, file)
        return Piece(file.parent, self._selection([_literal(f"/{file.name}")]), archive=bool(step.unpack))

    async def _local(self, sources: Sequence[str], origin: Origin, stage: State | None) -> list[Piece]:
        root, owned, ignore, tree = await self._origin(origin, stage)
        whole = self._selection(sources, ignore)
        if not isinstance(self._step, Add) or self._step.unpack is False:
            return [Piece(root, whole, owned, tree=tree)]
        if tree is not None and tree.contents is not None:
            await tree.contents.fill()
        try:
            found = await self._trees.sources(root, whole)
        except NotFound:
            return [Piece(root, whole, owned)]  # the fingerprint says it better
        archives = [path for path in found if not path.endswith("/") and self._is_archive(root, path)]
        if not archives:
            return [Piece(root, whole, owned)]
        others = [_literal(path) for path in found if path not in archives]
        pieces = [Piece(root, self._selection([_literal(p)], ignore), owned, archive=True) for p in archives]
        return [*pieces, *([Piece(root, self._selection(others, ignore), owned)] if others else [])]

    async def _origin(self, origin: Origin, stage: State | None) -> tuple[Path, bool, tuple[str, ...], Tree | None]:
        if origin.kind in ("main", "context"):
            name = CONTEXT if origin.kind == "main" else origin.name
            tree = await self._work.tree(name)
            return tree.root, tree.owned, await self._work.ignored(name), tree
        return self._work.view(stage.layers if stage is not None else ()), True, (), None

    def _selection(self, sources: Sequence[str], ignore: tuple[str, ...] = ()) -> Selection:
        exclude = tuple(self._text(pattern) for pattern in self._step.exclude)
        return Selection(sources=tuple(sources), ignore=ignore, exclude=exclude, parents=self._step.parents)

    def _is_archive(self, root: Path, path: str) -> bool:
        try:
            with self._trees.open_in(root, path) as file:
                return remote.is_archive(file.read(1 << 16))
        except (NotFound, Invalid):
            return False

    def _inline(self) -> Piece:
        root = self._work.space.directory("inline")
        for heredoc in self._step.heredocs:
            text = heredoc.text
            if heredoc.expand:
                try:
                    text = expand_heredoc(text, self._scope.variables(self._env), self._scope.escape).text
                except ShellError as e:
                    raise failed(self._step.line, str(e)) from e
            name = posixpath.basename(heredoc.name)
            (root / name).write_bytes(text.encode(errors="surrogateescape"))
        names = [_literal(f"/{posixpath.basename(heredoc.name)}") for heredoc in self._step.heredocs]
        return Piece(root, Selection(sources=tuple(names)))

    # ---- carrying out

    async def _make(self, taken: Taken, target: str, chown: str, mode: str, *, still: bool) -> str:
        work = self._work
        lowers = [] if self._step.link else work.lowers(self._state.layers)
        owner = self._owner(chown)
        async with work.space.changing(lowers) as (root, upper):
            for piece in taken.pieces:
                given = owner or (None if piece.owned else ROOT)
                how = Placing(target=target, owner=given, mode=mode, directory=taken.many)
                try:
                    await self._put(piece, root, how, None if upper == root or len(taken.pieces) > 1 else upper)
                except (NotFound, Invalid) as e:
                    if isinstance(e, DockerfileError):
                        raise
                    raise failed(self._step.line, str(e)) from e
        return await work.take(upper, self._state.created // 1_000_000_000, still=still)

    async def _put(self, piece: Piece, root: Path, how: Placing, upper: Path | None) -> None:
        """upper: of the overlay that root is, if nobody looks at root later."""
        if piece.tree is not None and piece.tree.contents is not None:
            await piece.tree.contents.fill()
        if not piece.archive:
            await self._trees.place(piece.root, piece.what, root, how, upper=upper)
            return
        way = Placing(target=how.target.rstrip("/") or "/", owner=how.owner)
        await self._trees.place(self._work.space.empty, Selection(sources=("/",)), root, way)
        for path in await self._trees.sources(piece.root, piece.what):
            file = piece.root / self._trees.resolve(piece.root, path).lstrip("/")
            await self._trees.unpack_stream(remote.archive_pieces(file), root, how.target)

    def _owner(self, chown: str) -> tuple[int, int] | None:
        if not chown:
            return None
        user, _, group = chown.partition(":")
        if user.isdecimal() and (not group or group.isdecimal()):
            return int(user), int(group or user)
        try:
            found = self._work.parts.identity(self._work.view(self._state.layers), chown)
        except (Invalid, NotFound) as e:
            raise failed(self._step.line, str(e), part=self._step.chown) from e
        return found.uid, found.gid


async def make_workdir(work: Work, state: State, path: str, telling: Telling, *, fresh: bool) -> State:
    """Return the state after WORKDIR: the directory is made if it is not there."""
    whole = workdir(state, path)
    after = state.configured(working_dir=whole)
    key = keys.key("workdir", files=keys.files(state.layers), path=whole, epoch=state.created)

    async def make() -> str:
        view = work.view(state.layers)
        try:
            if stat.S_ISDIR(work.parts.trees.entry(view, whole, follow=True).mode):
                return ""
        except NotFound:
            pass
        async with work.space.changing(work.lowers(state.layers)) as (root, upper):
            how = Placing(target=whole, owner=ROOT)
            await work.parts.trees.place(work.space.empty, Selection(sources=("/",)), root, how)
        return await work.take(upper, state.created // 1_000_000_000, still=True)

    diff_id = await work.layer(key, f"WORKDIR {whole}", telling, make, fresh=fresh)
    return after.layered(key, diff_id, f"WORKDIR {whole}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _literal(path: str) -> str:
    """Return a pattern that means this path and no other."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def _blamed(said: str, sources: Sequence[str]) -> str:
    return next((source for source in sources if source.strip("./") and source.strip("./") in said), "")
