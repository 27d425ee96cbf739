"""Names of images as Docker writes them in full: `alpine` is `docker.io/library/alpine:latest`. Pure.

Source: distribution/reference, its grammar.
"""

import re
from typing import NamedTuple

from boxship.base.errors import Invalid

HUB = "docker.io"
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_WHOLE = re.compile(
    rf"(?P<domain>{_DOMAIN})/(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?",
    re.ASCII,
)


class Named(NamedTuple):
    """tag and digest: "" without one."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.path}"

    @property
    def reference(self) -> str:
        """What a registry knows it by in its repository."""
        return self.digest or self.tag


def named(text: str) -> Named:
    """Return what `text` names; the tag is `latest` where there is neither tag nor digest. Raises Invalid."""
    first, slash, rest = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        first, rest = HUB, text
    if first == "index.docker.io":
        first = HUB
    if first == HUB and "/" not in rest:
        rest = f"library/{rest}"
    match = _WHOLE.fullmatch(f"{first}/{rest}")
    if match is None:
        raise Invalid(f"invalid reference format: {text!r} is no name of an image; want [HOST/]NAME[:TAG][@DIGEST]")
    found = Named(match["domain"], match["path"], match["tag"] or "", match["digest"] or "")
    return found if found.reference else found._replace(tag="latest")
