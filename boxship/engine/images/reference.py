"""Names of images: `busybox`, `host:5000/team/app:1.2@sha256:…`. Pure.

The grammar is that of distribution/reference; "familiar" is what people write (`busybox:latest`), "canonical" is
the same with nothing left out (`docker.io/library/busybox:latest`).
"""

import re

import msgspec

from boxship.base.errors import Invalid

DEFAULT_DOMAIN = "docker.io"
LEGACY_DOMAIN = "index.docker.io"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
NAME_LIMIT = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[\w][\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_WHOLE = re.compile(
    rf"(?P<name>{_HOST}(?::[0-9]+)?/{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?", re.ASCII
)
_TAG_ONLY = re.compile(_TAG, re.ASCII)
_HEX = {"sha256": 64, "sha384": 96, "sha512": 128}
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


class Reference(msgspec.Struct, frozen=True):
    """domain: registry, "docker.io".  path: repository in it, "library/busybox".  tag, digest: "" where not said."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository with its registry, `docker.io/library/busybox`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it, `busybox`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(OFFICIAL)
        return self.path if "/" in short else short

    @property
    def canonical(self) -> str:
        return self.name + self._suffix

    @property
    def familiar(self) -> str:
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def is_name_only(self) -> bool:
        return not self.tag and not self.digest

    def with_default_tag(self) -> "Reference":
        """Return the same with `latest` where neither tag nor digest is said."""
        return self.with_tag(DEFAULT_TAG) if self.is_name_only else self

    def with_tag(self, tag: str) -> "Reference":
        """Return the same repository with this tag and no digest. Raises Invalid."""
        if not _TAG_ONLY.fullmatch(tag):
            raise Invalid("invalid tag format")
        return Reference(self.domain, self.path, tag)

    def with_digest(self, digest: str) -> "Reference":
        """Return the same repository at this digest and with no tag. Raises Invalid."""
        if not is_digest(digest):
            raise Invalid("invalid digest format")
        return Reference(self.domain, self.path, "", digest)


def is_digest(text: str) -> bool:
    """Tell whether `text` is a digest of an algorithm we know, with its full length."""
    algorithm, colon, digits = text.partition(":")
    return bool(colon) and len(digits) == _HEX.get(algorithm, -1) and re.fullmatch(r"[a-f0-9]+", digits) is not None


def is_identifier(text: str) -> bool:
    """Tell whether `text` is 64 hex digits, which names an image by its id and is never a repository."""
    return _IDENTIFIER.fullmatch(text) is not None


def parse(text: str) -> Reference:
    """Return the reference people mean by `text`. Raises Invalid with dockerd's sentences."""
    if is_identifier(text):
        raise Invalid(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, rest = _split_domain(text)
    path = rest.partition(":")[0].partition("@")[0]
    if path.lower() != path:
        raise Invalid(f"invalid reference format: repository name ({path}) must be lowercase")
    match = _WHOLE.fullmatch(f"{domain}/{rest}")
    if match is None:
        raise Invalid("invalid reference format")
    if len(match["name"]) > NAME_LIMIT:
        raise Invalid(f"repository name must not be more than {NAME_LIMIT} characters")
    if match["digest"] and not is_digest(match["digest"]):
        raise Invalid(_digest_fault(match["digest"]))
    return Reference(domain, match["name"].removeprefix(f"{domain}/"), match["tag"] or "", match["digest"] or "")


def _split_domain(text: str) -> tuple[str, str]:
    """Tell registry from repository: the first part is a registry if it could not be a user's name."""
    first, slash, rest = text.partition("/")
    is_domain = slash and (set(".:") & set(first) or first == "localhost" or first.lower() != first)
    domain, path = (first, rest) if is_domain else (DEFAULT_DOMAIN, text)
    if domain == LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = OFFICIAL + path
    return domain, path


def _digest_fault(digest: str) -> str:
    algorithm = digest.partition(":")[0]
    return "unsupported digest algorithm" if algorithm not in _HEX else "invalid checksum digest length"


class ImageName(msgspec.Struct, frozen=True):
    """What a user may write where an image is wanted. One or both are set: `abc` may be a name or a short id.

    reference: the name, None if it can only be an id.  digits: beginning of an id, "" if it cannot be one.
    """

    reference: Reference | None
    digits: str

    @property
    def shown(self) -> str:
        """As dockerd puts it into "No such image: …"."""
        return self.reference.with_default_tag().familiar if self.reference else f"sha256:{self.digits}"


def parse_any(text: str) -> ImageName:
    """Return what `text` may mean, name or id. Raises Invalid when it can be neither."""
    if is_identifier(text):
        return ImageName(None, text)
    if is_digest(text):
        return ImageName(None, text.partition(":")[2])
    digits = text.removeprefix("sha256:")
    return ImageName(parse(text), digits if re.fullmatch(r"[a-f0-9]{1,64}", digits) else "")
