"""`# syntax=`: Docker's own frontend is read here, others are refused by name."""

import pytest

from boxship.base.errors import PlatformError, Unsupported
from boxship.engine.build.dockerfile.source import DockerfileError
from boxship.engine.build.dockerfile.syntax import asked, check, is_dockerfile

ASKED = {
    "# syntax=docker/dockerfile:1\nFROM a\n": ("docker/dockerfile:1", 1),
    "#syntax = a/b:c more\n": ("a/b:c", 1),
    "#!/usr/bin/env x\n# escape=`\n# SYNTAX=a\n": ("a", 3),
    "// syntax=a/b\n{}": ("a/b", 1),
    '{"syntax": "a/b"}': ("a/b", 1),
    "# a comment\n# syntax=a\n": ("", 0),
    "FROM a\n# syntax=b\n": ("", 0),
    "": ("", 0),
}
OURS = ("docker/dockerfile", "docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile@sha256:" + "a" * 64,
        "docker/dockerfile-upstream:master", "mirror.example:5000/hub/docker/dockerfile:1")  # fmt: skip


@pytest.mark.parametrize(("text", "found"), ASKED.items())
def test_what_a_file_asks_for(text: str, found: tuple[str, int]) -> None:
    assert asked(text) == found


def test_whose_frontends() -> None:
    assert all(map(is_dockerfile, OURS))
    assert not any(map(is_dockerfile, ("dockerfile", "me/dockerfile", "docker/dockerfiles", "A B", "")))


@pytest.mark.parametrize(
    ("text", "args", "kind", "said"),
    [
        ("# syntax=me/mopy\nname: x\n", {}, DockerfileError, "line 1: the frontend me/mopy is not supported"),
        ("FROM a\n", {"BUILDKIT_SYNTAX": "me/other --flag"}, Unsupported, "the frontend me/other"),
    ],
)
def test_others_are_refused(text: str, args: dict[str, str | None], kind: type[PlatformError], said: str) -> None:
    with pytest.raises(kind, match=said):
        check(text, "Dockerfile", args)


def test_an_argument_outweighs_the_file() -> None:
    check("# syntax=me/mopy\nFROM a\n", "Dockerfile", {"BUILDKIT_SYNTAX": "docker/dockerfile:1"})
