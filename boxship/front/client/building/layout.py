"""An OCI layout in a directory: where `--cache-to type=local` writes and `--cache-from type=local` reads."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from boxship.base.errors import Invalid, NotFound

CHUNK = 1 << 20
INDEX = "application/vnd.oci.image.index.v1+json"
TAG = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def path(root: str, digest: str) -> str:
    """Raises Invalid for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise Invalid(f"invalid digest {digest!r}")
    return os.path.join(root, "blobs", "sha256", digest.partition(":")[2])


def manifest(root: str, tag: str = "", digest: str = "") -> bytes | None:
    """Return the manifest of that digest or tag; without either what is called `latest`, or the first entry. None
    without a layout, or a tag that it does not have. Raises NotFound for a digest."""
    if digest:
        return b"".join(read(root, digest))
    try:
        with open(os.path.join(root, "index.json"), "rb") as file:
            entries = json.load(file).get("manifests") or []
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as e:
        raise Invalid(f"{root}/index.json: {e}") from e
    tagged = [each for each in entries if _called(each, tag or "latest")]
    for entry in tagged or ([] if tag else entries[:1]):
        return b"".join(read(root, entry["digest"]))
    return None


def _called(entry: dict[str, Any], tag: str) -> bool:
    """Tags stand alone, or at the end of a whole name."""
    name = (entry.get("annotations") or {}).get(TAG, "")
    return bool(name == tag or name.endswith(f":{tag}"))


def has(root: str, digest: str) -> bool:
    return os.path.isfile(path(root, digest))


def read(root: str, digest: str) -> Iterator[bytes]:
    """Raises NotFound."""
    try:
        with open(path(root, digest), "rb") as file:
            while data := file.read(CHUNK):
                yield data
    except FileNotFoundError as e:
        raise NotFound(f"{root}: no blob {digest}") from e


def write(root: str, digest: str, pieces: Iterator[bytes]) -> None:
    """Raises Invalid for bytes that are not the digest's."""
    where, seen = path(root, digest), hashlib.sha256()
    os.makedirs(os.path.dirname(where), exist_ok=True)
    new = f"{where}.{os.getpid()}"
    try:
        with open(new, "wb") as file:
            for data in pieces:
                seen.update(data)
                file.write(data)
        if f"sha256:{seen.hexdigest()}" != digest:
            raise Invalid(f"blob {digest} came as sha256:{seen.hexdigest()}")
        os.replace(new, where)
    finally:
        if os.path.exists(new):
            os.unlink(new)


def finish(root: str, content: bytes, media_type: str, tag: str = "latest") -> None:
    """Put a manifest on top; blobs that only an older one under this tag needed stay."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    write(root, digest, iter([content]))
    entry = {"mediaType": media_type, "digest": digest, "size": len(content), "annotations": {TAG: tag}}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    _put(root, "index.json", json.dumps(index).encode())
    _put(root, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


def _put(root: str, name: str, content: bytes) -> None:
    new = os.path.join(root, f".{name}.{os.getpid()}")
    with open(new, "wb") as file:
        file.write(content)
    os.replace(new, os.path.join(root, name))
