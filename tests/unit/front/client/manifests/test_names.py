"""Names of images in full, as Docker's own client writes them."""

import pytest

from boxship.base.errors import Invalid
from boxship.front.client.manifests.names import named

DIGEST = "sha256:" + "a" * 64
CASES = {
    "alpine": "docker.io/library/alpine:latest",
    "alpine:3": "docker.io/library/alpine:3",
    "me/app": "docker.io/me/app:latest",
    "index.docker.io/alpine": "docker.io/library/alpine:latest",
    "localhost/app": "localhost/app:latest",
    "localhost:5000/team/app:v1.2": "localhost:5000/team/app:v1.2",
    "example.org/a/b/c__d-e.f": "example.org/a/b/c__d-e.f:latest",
    "[::1]:5000/app": "[::1]:5000/app:latest",
    f"app@{DIGEST}": f"docker.io/library/app@{DIGEST}",
    f"app:1@{DIGEST}": f"docker.io/library/app:1@{DIGEST}",
}


@pytest.mark.parametrize(("text", "whole"), CASES.items())
def test_names_in_full(text: str, whole: str) -> None:
    assert str(named(text)) == whole
    assert named(whole) == named(text)


@pytest.mark.parametrize(
    "text", ["", "Upper", "a//b", "a:", "a@sha256:12", "/a", "a b", "app:-x", "../x", "example.org/.."]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(Invalid, match="invalid reference format"):
        named(text)
