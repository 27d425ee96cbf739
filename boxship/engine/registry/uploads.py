"""Uploads on their way: one file each, hashed as bytes come, resumable after a broken connection or a restart.

The file's length is all there is to know of an upload, so nothing can disagree with it. Bytes are gathered into
batches that a thread writes and hashes while the next ones arrive.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from boxship.base.errors import KernelError
from boxship.engine.registry.faults import Fault
from boxship.engine.registry.names import hasher

BATCH = 1 << 20  # bytes handed to a thread at once
PATIENCE = 5.0  # seconds to wait for an older request of the same upload to notice that its client has gone
_KEPT = 4096  # hashes of unfinished uploads; others are computed anew from the file
_ID = 32


class Progress(NamedTuple):
    """A hash of the first `size` bytes."""

    hash: Any
    size: int


class Uploads:
    """All unfinished uploads below `root`, which is made. Must be closed."""

    def __init__(self, root: Path, threads: int) -> None:
        self._root = root
        self._pool = ThreadPoolExecutor(threads, "registry-upload")
        self._hashes: OrderedDict[str, Progress] = OrderedDict()
        root.mkdir(parents=True, exist_ok=True)

    def begin(self, repository: str) -> str:
        """Return the id of a new, empty upload."""
        upload = uuid.uuid4().hex
        path = self._path(repository, upload)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        self._remember(upload, Progress(hashlib.sha256(), 0))
        return upload

    def size(self, repository: str, upload: str) -> int:
        """Return how many bytes have come. Raises Fault BLOB_UPLOAD_UNKNOWN."""
        try:
            return self._path(repository, upload).stat().st_size
        except FileNotFoundError:
            raise _unknown(upload) from None

    def open(self, repository: str, upload: str) -> int:
        """Return a descriptor to read what has come; the caller closes it. Raises Fault BLOB_UPLOAD_UNKNOWN."""
        try:
            return os.open(self._path(repository, upload), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _unknown(upload) from None

    async def append(self, repository: str, upload: str, pieces: AsyncIterator[bytes], start: int | None = None) -> int:
        """Add bytes and return how many there are now; what came before a broken connection stays.

        start: where the client believes they go, None for the end. Raises Fault: BLOB_UPLOAD_UNKNOWN, or RANGE_INVALID
        when `start` is not the end.
        """
        async with self._held(repository, upload) as file:
            size = os.fstat(file).st_size
            if start is not None and start != size:
                raise Fault("RANGE_INVALID", f"the upload holds {size} bytes, not {start}", detail={"size": size})
            known = self._hashes.pop(upload, None)
            batch = _Batch(file, known if known and known.size == size else None, size, self._pool)
            try:
                async for piece in pieces:
                    await batch.add(piece)
            finally:
                await asyncio.shield(batch.flush())
                if batch.progress:
                    self._remember(upload, batch.progress)
            return batch.size

    async def finish(self, repository: str, upload: str, digest: str) -> tuple[Path, int]:
        """Return file and size of an upload that hashes to `digest`; the file is the caller's now.

        Raises Fault: BLOB_UPLOAD_UNKNOWN, or DIGEST_INVALID, upon which the upload is over.
        """
        async with self._held(repository, upload) as file:
            size = os.fstat(file).st_size
            known = self._hashes.pop(upload, None)
            path = self._path(repository, upload)
            if known and known.size == size and digest.startswith("sha256:"):
                found = known.hash.hexdigest()
            else:
                found = await asyncio.get_running_loop().run_in_executor(self._pool, _hash_file, path, digest)
            if found != digest.partition(":")[2]:
                path.unlink(missing_ok=True)
                raise Fault("DIGEST_INVALID", "provided digest did not match uploaded content",
                            detail={"digest": digest, "found": found})  # fmt: skip
            return path, size

    async def cancel(self, repository: str, upload: str) -> None:
        """Raises Fault BLOB_UPLOAD_UNKNOWN."""
        async with self._held(repository, upload):
            self._path(repository, upload).unlink(missing_ok=True)
            self._hashes.pop(upload, None)

    async def sweep(self, before: float) -> int:
        """Remove uploads that got no byte since `before`, in seconds since 1970; return how many."""
        return await asyncio.to_thread(self._sweep, before)

    def _sweep(self, before: float) -> int:
        count = 0
        for folder in list(self._root.iterdir()):
            for path in list(folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()
                        count += 1
        return count

    async def aclose(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)

    def _remember(self, upload: str, progress: Progress) -> None:
        self._hashes[upload] = progress
        while len(self._hashes) > _KEPT:
            self._hashes.popitem(last=False)

    def _path(self, repository: str, upload: str) -> Path:
        if len(upload) != _ID or not upload.isalnum():
            raise _unknown(upload)
        return self._root / hashlib.sha256(repository.encode()).hexdigest()[:16] / upload

    @contextlib.asynccontextmanager
    async def _held(self, repository: str, upload: str) -> AsyncIterator[int]:
        """Hold an upload's file alone, against other processes too. Raises Fault."""
        try:
            file = os.open(self._path(repository, upload), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _unknown(upload) from None
        try:
            await _lock(file, upload)
            if os.fstat(file).st_nlink == 0:  # finished or cancelled while we waited
                raise _unknown(upload)
            yield file
        finally:
            os.close(file)


class _Batch:
    """Bytes gathered for one file. progress: None when the file's beginning has not been hashed here."""

    def __init__(self, file: int, progress: Progress | None, size: int, pool: ThreadPoolExecutor) -> None:
        self.progress = progress
        self.size = size
        self._file = os.dup(file)  # our own, with the lock: we may outlive a cancelled request
        self._pool = pool
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._writing: asyncio.Future[None] | None = None

    async def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= BATCH:
            await self._settle()
            self._start()

    async def flush(self) -> None:
        """Write what is left and let go of the file. Must run to its end: a thread may be writing."""
        try:
            await self._settle()
            if self._pieces:
                self._start()
                await self._settle()
        finally:
            os.close(self._file)

    def _start(self) -> None:
        hash = self.progress.hash if self.progress else None
        pieces, self._pieces = self._pieces, []
        self.size += self._waiting
        self._waiting = 0
        self._writing = asyncio.get_running_loop().run_in_executor(self._pool, _write, self._file, pieces, hash)

    async def _settle(self) -> None:
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)  # the thread goes on even if we are cancelled: it stays ours then
        except OSError as e:
            self._writing, self.progress = None, None
            raise KernelError(f"write an upload: {e.strerror}", e.errno or 0) from e
        self._writing = None
        if self.progress:
            self.progress = Progress(self.progress.hash, self.size)


def _write(file: int, pieces: list[bytes], hash: Any) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(file, rest) :]
        if hash is not None:
            hash.update(piece)


def _hash_file(path: Path, digest: str) -> str:
    hash = hasher(digest)
    buffer = bytearray(BATCH)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hash.update(memoryview(buffer)[:count])
    return str(hash.hexdigest())


async def _lock(file: int, upload: str) -> None:
    end = time.monotonic() + PATIENCE
    for pause in _pauses():
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise Fault(
                    "BLOB_UPLOAD_INVALID", f"upload {upload} is in use by another request", answer=409
                ) from None
            await asyncio.sleep(pause)


def _pauses() -> Iterator[float]:
    pause = 0.005
    while True:
        yield pause
        pause = min(pause * 2, 0.2)


def _unknown(upload: str) -> Fault:
    return Fault("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", detail={"upload": upload[:_ID]})
