"""Flags of `boxship build` as the daemon's request."""

from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.front.client.building import wish
from boxship.front.client.building.giving import Secret

OUTPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "out": ({"Type": "local", "Id": "0", "Attributes": {}}, "out"),
    "-": ({"Type": "tar", "Id": "0", "Attributes": {}}, "-"),
    "type=local,dest=a b": ({"Type": "local", "Id": "0", "Attributes": {}}, "a b"),
    "type=oci,dest=x.tar": ({"Type": "oci", "Id": "0", "Attributes": {}}, "x.tar"),
    "type=oci": ({"Type": "oci", "Id": "0", "Attributes": {}}, "-"),
    "type=docker": ({"Type": "image", "Id": "0", "Attributes": {}}, ""),
    'type=image,"name=a,b",push=true': (
        {"Type": "image", "Id": "0", "Attributes": {"name": "a,b", "push": "true"}},
        "",
    ),
}


@pytest.mark.parametrize(("text", "wanted"), OUTPUTS.items(), ids=list(OUTPUTS))
def test_outputs(text: str, wanted: tuple[dict[str, Any], str]) -> None:
    assert wish.output(text, 0) == wanted


@pytest.mark.parametrize("text", ["type=local", "type=zip", "type=image,dest=x", 'type=oci,"x'])
def test_outputs_that_are_none(text: str) -> None:
    with pytest.raises(Invalid):
        wish.output(text, 0)


SECRETS = {
    "id=a,src=f": ("a", Secret(path="f")),
    "id=a,source=f,type=file": ("a", Secret(path="f")),
    "id=a,env=V": ("a", Secret(variable="V")),
    "type=env,id=a,src=V": ("a", Secret(variable="V")),
    "id=a,src=f,uid=5,mode=0440": ("a", Secret(path="f", owner={"Uid": 5, "Mode": 0o440})),
    "id=TOKEN": ("TOKEN", Secret(variable="TOKEN")),
}


@pytest.mark.parametrize(("text", "wanted"), SECRETS.items(), ids=list(SECRETS))
def test_secrets(text: str, wanted: tuple[str, Secret]) -> None:
    assert wish.secret(text) == wanted


@pytest.mark.parametrize("text", ["src=x", "id=a,color=red", "id=a,mode=rw", "id=a,type=vault"])
def test_secrets_that_are_none(text: str) -> None:
    with pytest.raises(Invalid, match="invalid secret"):
        wish.secret(text)


def test_caches() -> None:
    assert wish.cache("reg/a:b", "cache-from") == {"Type": "registry", "Attributes": {"ref": "reg/a:b"}}
    kept = wish.cache("type=local,dest=d,mode=max", "cache-to")
    assert kept == {"Type": "local", "Attributes": {"dest": "d", "mode": "max"}}
    for text, flag in (("type=gha", "cache-to"), ("type=local,dest=d", "cache-from"), ("type=registry", "cache-to")):
        with pytest.raises(Invalid):
            wish.cache(text, flag)


def test_attestations() -> None:
    assert wish.attests(["type=sbom"], "mode=max", "") == {"sbom": {}, "provenance": {"mode": "max"}}
    assert wish.attests([], "true", "false") == {"provenance": {}}
    assert wish.attests(["type=provenance,disabled=true"], "", "") == {}
    for given in (["type=smell"], ["mode=max"]):
        with pytest.raises(Invalid):
            wish.attests(given, "", "")


def test_arguments_take_the_environment() -> None:
    assert wish.pairs(["A=1", "B", "C", "D="], {"B": "2"}) == {"A": "1", "B": "2", "D": ""}


def test_small_flags() -> None:
    assert wish.limits(["nofile=1:2", "core=0"]) == [
        {"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "core", "Soft": 0, "Hard": 0},
    ]  # fmt: skip
    assert wish.hosts(["a:1.2.3.4", "b=::1"]) == ["a:1.2.3.4", "b:::1"]
    assert wish.agent("default", {"SSH_AUTH_SOCK": "/s"}) == ("default", "/s")
    assert wish.agent("k=/t", {}) == ("k", "/t")
    with pytest.raises(Invalid, match="SSH_AUTH_SOCK"):
        wish.agent("default", {})
    with pytest.raises(Invalid, match="ulimit"):
        wish.limits(["nofile"])
    with pytest.raises(Invalid, match="add-host"):
        wish.hosts(["a"])
