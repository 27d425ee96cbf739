"""Contexts: names, the store's layout, which one is in use; what ssh:// becomes."""

import json
import os
from pathlib import Path

import pytest

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.front.client.api import parse_host
from boxship.front.client.contexts import ContextStore, check_name, chosen, context_of, read_config, write_config
from boxship.front.client.ssh import command

REMOTE = "system dial-stdio"


def meta(name: str, host: str = "tcp://h:2376", skip: bool = False) -> dict[str, object]:
    endpoint = {"Host": host, "SkipTLSVerify": skip}
    return {"Name": name, "Metadata": {"Description": "mine"}, "Endpoints": {"docker": endpoint}}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_CONFIG": str(tmp_path)}


def test_a_context_is_kept_with_its_keys(environ: dict[str, str], tmp_path: Path) -> None:
    store = ContextStore(environ)
    store.keep(meta("prod"), {"ca.pem": b"ca", "key.pem": b"key"}, new=True)
    assert store.find("prod")[:4] == ("prod", "mine", "tcp://h:2376", False)
    assert store.tls_files("prod") == {"ca.pem": b"ca", "key.pem": b"key"}
    tls = store.tls(store.find("prod"))
    assert tls is not None
    assert (os.path.basename(tls.authority), tls.certificate, tls.verify) == ("ca.pem", "", True)
    assert (Path(store.tls_folder("prod")) / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict):
        store.keep(meta("prod"), None, new=True)
    store.keep(meta("prod", skip=True), None, new=False)
    assert store.tls_files("prod")
    store.remove("prod")
    assert store.all() == []
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    with pytest.raises(NotFound, match="context not found"):
        store.find("prod")


def test_the_layout_is_dockers(environ: dict[str, str], tmp_path: Path) -> None:
    ContextStore(environ).keep(meta("a1"), {}, new=True)
    # SHA-256 of "a1"
    digest = "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114"
    written = json.loads((tmp_path / "contexts/meta" / digest / "meta.json").read_text())
    assert written == meta("a1")


@pytest.mark.parametrize("name", ["default", "a", "-a", "a b", "", "a/b", "../x"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(Invalid):
        check_name(name)


USED = {
    "nothing is said": ("", False, {}, "default"),
    "the flag": ("b", False, {"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "c"}, "b"),
    "a host": ("", True, {"DOCKER_CONTEXT": "c"}, "default"),
    "a host of the environment": ("", False, {"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "c"}, "default"),
    "ours": ("", False, {"BOXSHIP_HOST": "tcp://x", "DOCKER_CONTEXT": "c"}, "default"),
    "the environment": ("", False, {"DOCKER_CONTEXT": "c"}, "c"),
}


@pytest.mark.parametrize(("flag", "hosts", "more", "name"), USED.values(), ids=USED)
def test_which_context_is_in_use(
    environ: dict[str, str], flag: str, hosts: bool, more: dict[str, str], name: str
) -> None:
    assert chosen(flag, hosts, {**environ, **more}) == name


def test_config_json_names_the_context_in_use(environ: dict[str, str]) -> None:
    write_config(environ, {"currentContext": "d", "auths": {}})
    assert chosen("", False, environ) == "d"
    assert read_config(environ) == {"currentContext": "d", "auths": {}}


def test_a_context_without_a_description() -> None:
    assert context_of({"Name": "x", "Metadata": {}, "Endpoints": {}})[:4] == ("x", "", "", False)


SSH = {
    "a host": ("host", ["--", "host"]),
    "a user and a port": ("me@host:2222", ["-l", "me", "-p", "2222", "--", "host"]),
    "a user with a blank": ("a%20b@host", ["-l", "a b", "--", "host"]),
}


@pytest.mark.parametrize(("rest", "words"), SSH.values(), ids=SSH)
def test_ssh(rest: str, words: list[str]) -> None:
    program, _, _, terminal, *others, remote = command(rest)
    assert (program, terminal, others) == ("ssh", "-T", words)
    assert remote.count(REMOTE) == 2


def test_a_socket_over_there_cannot_break_out_of_its_word() -> None:
    assert "--host 'unix:///run/a'\\''b.sock' system" in command("host/run/a'b.sock")[-1]


@pytest.mark.parametrize("text", ["", "-oProxyCommand=x", "me:secret@host", "host?x", "-l@host", "host:port"])
def test_ssh_that_cannot_be(text: str) -> None:
    with pytest.raises(Invalid):
        parse_host(f"ssh://{text}")


def test_ssh_is_an_address() -> None:
    address = parse_host("ssh://me@host")
    assert (address.shown, address.path, address.command[0]) == ("ssh://me@host", "", "ssh")
