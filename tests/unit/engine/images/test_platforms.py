"""Names of platforms: one for each, however it is written."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.images.manifest import parse_platform, parse_platforms, shown

WRITTEN = {
    "linux/amd64": "linux/amd64",
    "amd64": "linux/amd64",
    "linux/x86_64": "linux/amd64",
    "Linux/AMD64": "linux/amd64",
    "linux/amd64/v2": "linux/amd64/v2",
    "aarch64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/armhf": "linux/arm/v7",
    "linux/arm/v6": "linux/arm/v6",
    "windows": "windows",
}


@pytest.mark.parametrize(("text", "name"), WRITTEN.items())
def test_one_name_for_each(text: str, name: str) -> None:
    assert shown(parse_platform(text)) == name


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux//v7", "linux/amd64,linux/arm64", "linux/amd 64"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(Invalid, match="platform specifier"):
        parse_platform(text)


def test_lists() -> None:
    assert parse_platforms("linux/amd64, arm64,linux/arm64/v8,") == ("linux/amd64", "linux/arm64")
    assert parse_platforms("") == ()
