"""A list of manifests and its entries, as Docker's own client stores and sends them. Pure.

Source: docker/cli, "docker manifest"; distribution, "Image Manifest Version 2, Schema 2"; OCI image-spec, image-index.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from boxship.base.errors import Invalid
from boxship.front.client.manifests.names import Named, named

SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA2_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_LIST = "application/vnd.oci.image.index.v1+json"
# media type of a manifest -> where the stored document has it, and how old clients without Raw indented its bytes
KEYS = {SCHEMA2: "SchemaV2Manifest", OCI: "OCIManifest"}
_INDENT = {"SchemaV2Manifest": 3, "OCIManifest": 2}
PLATFORM = ("architecture", "os", "os.version", "os.features", "variant")
_ARCHITECTURES = {
    "darwin": "386 amd64 arm arm64", "dragonfly": "amd64", "freebsd": "386 amd64 arm", "netbsd": "386 amd64 arm",
    "linux": "386 amd64 arm arm64 mips64 mips64le ppc64le riscv64 s390x loong64", "openbsd": "386 amd64 arm",
    "plan9": "386 amd64", "solaris": "amd64", "windows": "386 amd64 arm64",
}  # fmt: skip
_ANEW = "remove the list with `boxship manifest rm` and make it anew"
Json = dict[str, Any]


class Entry(NamedTuple):
    """One image of a list. descriptor: mediaType, digest, size and, where known, platform. raw: its manifest."""

    ref: Named
    descriptor: Json
    raw: bytes

    @property
    def platform(self) -> Json:
        return dict(self.descriptor.get("platform") or {})

    def blobs(self) -> list[str]:
        """Return the digests of what the manifest needs, its configuration first."""
        told = json.loads(self.raw)
        return [part["digest"] for part in (told["config"], *told["layers"])]


def digest_of(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def described(ref: Named, kind: str, raw: bytes, platform: Mapping[str, Any]) -> Entry:
    """Return the entry of a manifest. Raises Invalid where it is of another kind, or not the one that was named."""
    digest = digest_of(raw)
    if kind not in KEYS:
        raise Invalid(f"{ref} is of the type {kind or 'unknown'}: want a manifest of one image")
    if ref.digest and ref.digest != digest:
        raise Invalid(f"manifest verification failed for digest {ref.digest}")
    found = {key: platform[key] for key in PLATFORM if platform.get(key)}
    return Entry(ref, {"mediaType": kind, "digest": digest, "size": len(raw), "platform": found}, raw)


def annotated(entry: Entry, wanted: Mapping[str, Any]) -> Entry:
    """Return the entry with what `wanted` has for its platform; features are added. Raises Invalid."""
    before = entry.platform
    features = list(dict.fromkeys([*(before.get("os.features") or ()), *(wanted.get("os.features") or ())]))
    merged = {**before, **{key: value for key, value in wanted.items() if value}, "os.features": features}
    platform = {key: merged[key] for key in PLATFORM if merged.get(key)}
    os, architecture = platform.get("os", ""), platform.get("architecture", "")
    if architecture not in _ARCHITECTURES.get(os, "").split():
        raise Invalid(f"manifest entry for image has unsupported os/arch combination: {os}/{architecture}")
    return entry._replace(descriptor={**entry.descriptor, "platform": platform})


def stored(entry: Entry) -> Json:
    """Return the document that stands for an entry in a file."""
    return {
        "Ref": str(entry.ref),
        "Descriptor": entry.descriptor,
        "Raw": base64.b64encode(entry.raw).decode(),
        KEYS[entry.descriptor["mediaType"]]: json.loads(entry.raw),
    }


def restored(told: Mapping[str, Any], place: str) -> Entry:
    """Return the entry of such a document, also of one that an older client wrote. Raises Invalid naming `place`."""
    try:
        ref, descriptor = named(told["Ref"]), dict(told["Descriptor"])
        raw = base64.b64decode(told["Raw"]) if told.get("Raw") else _indented(told)
        fits = digest_of(raw) == descriptor["digest"] and descriptor["mediaType"] in KEYS
    except (KeyError, TypeError, ValueError) as e:
        raise Invalid(f"{place}: cannot be read ({e}); {_ANEW}") from e
    if not fits:
        raise Invalid(f"{place}: does not fit its digest; {_ANEW}")
    return Entry(ref, descriptor, raw)


def _indented(told: Mapping[str, Any]) -> bytes:
    key = next(key for key in KEYS.values() if told.get(key))
    return json.dumps(told[key], indent=_INDENT[key], ensure_ascii=False).encode()


def document(entries: Sequence[Entry], target: Named) -> tuple[str, bytes]:
    """Return media type and bytes of the list. Raises Invalid for images of another registry."""
    for entry in entries:
        if entry.ref.domain != target.domain:
            raise Invalid(
                "cannot use source images from a different registry than the target image: "
                f"{entry.ref.domain} != {target.domain}"
            )
    kind = OCI_LIST if entries and entries[0].descriptor["mediaType"] == OCI else SCHEMA2_LIST
    manifests = [
        {
            "mediaType": entry.descriptor["mediaType"],
            "size": entry.descriptor["size"],
            "digest": entry.descriptor["digest"],
            "platform": {"architecture": "", "os": "", **entry.platform},
        }
        for entry in entries
    ]
    told = {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}
    return kind, json.dumps(told, indent=3, ensure_ascii=False).encode()


def require_platforms(entries: Iterable[Entry]) -> None:
    """Raises Invalid for an image of which nobody has said what it is for."""
    for entry in entries:
        if not (entry.platform.get("os") and entry.platform.get("architecture")):
            raise Invalid(
                f"manifest {entry.ref} must have an OS and Architecture to be pushed to a registry: "
                "`boxship manifest annotate` gives them"
            )
