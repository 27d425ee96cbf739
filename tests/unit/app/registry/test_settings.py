import json
from pathlib import Path
from typing import Any

import pytest

from boxship.app.registry import rules
from boxship.app.registry.reference import help_text, markdown
from boxship.app.registry.settings import TABLE, Settings, load, options, read_flags
from boxship.base.errors import Invalid
from boxship.engine.registry.options import Quota, Retention, Right, Upstream

ROOT = Path(__file__).parents[4]


def settings(*argv: str, environ: dict[str, str] | None = None, file: Any = None) -> Settings:
    return load(read_flags(list(argv)), environ or {}, json.dumps(file) if file is not None else None)


RULES = {
    "--right": ("users=alice+bob,repositories=team/*,actions=pull+push",
                Right(users=("alice", "bob"), repositories=("team/*",), actions=("pull", "push"))),
    "--upstream": ("prefix=docker.io,url=https://x,default=true,fresh=5m",
                   Upstream(prefix="docker.io", url="https://x", default=True, fresh=300.0)),
    "--quota": ("repositories=team/*,bytes=10g", Quota(repositories="team/*", bytes=10 << 30)),
    "--retention": ("tags=pr-*,keep=3,within=30d,untagged=1w",
                    Retention(tags="pr-*", keep=3, within=2_592_000.0, untagged=604_800.0)),
}  # fmt: skip
NAMES = {"--right": "rights", "--upstream": "upstreams", "--quota": "quotas", "--retention": "retention"}


@pytest.mark.parametrize("flag", RULES)
def test_rules_as_flags(flag: str) -> None:
    text, rule = RULES[flag]
    assert getattr(settings(flag, text), NAMES[flag]) == (rule,)


def test_a_lone_plus_is_a_word() -> None:
    assert settings("--right", "users=+").rights == (Right(users=("+",)),)


def test_rules_add_up() -> None:
    found = settings("--quota", "repositories=a,bytes=1", "--quota", "repositories=b,bytes=2").quotas
    assert [quota.bytes for quota in found] == [1, 2]


def test_two_upstreams_of_one_prefix() -> None:
    with pytest.raises(Invalid, match="two have the same prefix"):
        settings("--upstream", RULES["--upstream"][0], "--upstream", RULES["--upstream"][0])


def test_rules_in_the_file() -> None:
    found = settings(file={"quotas": [{"repositories": "a", "bytes": "1k"}], "retention": [{"keep": 2, "within": "1h"}],
                           "lease": "2h", "listen": ["[::1]:5000"]})  # fmt: skip
    assert found.quotas == (Quota(repositories="a", bytes=1024),)
    assert found.retention == (Retention(keep=2, within=3600.0),)
    assert (found.lease, found.listen) == (7200.0, ("[::1]:5000",))
    assert options(found).quotas == found.quotas


def test_variables() -> None:
    environ = {
        "BOXSHIP_REGISTRY_ROOT": "/x",
        "BOXSHIP_REGISTRY_QUOTAS": "repositories=a,bytes=1;repositories=b,bytes=2",
    }
    found = settings(environ=environ)
    assert (found.root, [q.bytes for q in found.quotas]) == ("/x", [1, 2])


REFUSED = {
    "--tlscert=c": "needs both tlscert and tlskey",
    "--token": "token needs htpasswd",
    "--root=relative": "must be an absolute path",
    "--lease=5s": "shorter than pushes take",
    "--listen=5000": "is not ADDRESS:PORT",
    "--listen=a:99999": "is not ADDRESS:PORT",
    "--quota=nonsense": "is not as in repositories=team",
    "--quota=repositories=a": "is not as in",
    "--right=users=a,colour=red": "is not as in",
    "--collect-every=often": "is not a time such as",
    "--nothing": "unknown flag",
}


@pytest.mark.parametrize(("flag", "text"), REFUSED.items())
def test_refused(flag: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        settings(flag)


def test_refused_in_the_file() -> None:
    with pytest.raises(Invalid, match="did you mean 'quotas'"):
        settings(file={"quotes": []})
    with pytest.raises(Invalid, match="given both as a flag and"):
        settings("--root", "/a", file={"root": "/b"})


SPANS = {"90": 90.0, "90s": 90.0, "1.5h": 5400.0, "2d": 172_800.0, "1w": 604_800.0, "5m": 300.0}


@pytest.mark.parametrize(("text", "seconds"), SPANS.items())
def test_spans(text: str, seconds: float) -> None:
    assert rules.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1", "1y", "1 d", None, True, -5])
def test_what_is_no_span(text: Any) -> None:
    with pytest.raises(ValueError):
        rules.seconds(text)


def test_help_and_document_tell_every_flag() -> None:
    assert all(f"--{row.flag}" in help_text() for row in TABLE)
    assert (ROOT / "docs" / "registry.md").read_text() == markdown(), "run `make reference`"
