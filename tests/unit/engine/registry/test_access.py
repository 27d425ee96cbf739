import base64
import json
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.clock import ManualClock
from boxship.base.errors import Invalid
from boxship.engine.registry.access import Rights, Scope, covers, parse_scopes
from boxship.engine.registry.options import Right
from boxship.engine.registry.passwords import Passwords, parse
from boxship.engine.registry.tokens import LIFE, Tokens

RULES = [
    Right(users=("*",), repositories=("public/*",)),
    Right(users=("+",), repositories=("team/*",), actions=("pull", "push")),
    Right(users=("root",), actions=("*",)),
]
ALLOWED = {
    ("", "public/a", "pull"): True,
    ("", "public/a", "push"): False,
    ("", "team/a", "pull"): False,
    ("alice", "team/a", "push"): True,
    ("alice", "team/a", "delete"): False,
    ("alice", "else", "pull"): False,
    ("alice", "", "admin"): False,
    ("root", "else", "delete"): True,
    ("root", "", "admin"): True,
    ("", "", "catalog"): False,
}


@pytest.mark.parametrize(("question", "answer"), ALLOWED.items())
def test_rules(question: tuple[str, str, str], answer: bool) -> None:
    assert Rights(RULES, open_=False).allows(*question) is answer


@pytest.mark.parametrize(("open_", "user", "answer"), [(True, "", True), (False, "", False), (False, "a", True)])
def test_without_rules(open_: bool, user: str, answer: bool) -> None:
    assert Rights([], open_=open_).allows(user, "any", "push") is answer


def test_scopes_are_read_and_what_is_none_is_left_out() -> None:
    asked = ["repository:team/app:pull,push registry:catalog:*", "nonsense", "repository:host:5000/x:pull"]
    assert [str(s) for s in parse_scopes(asked)] == [
        "repository:team/app:pull,push",
        "registry:catalog:*",
        "repository:host:5000/x:pull",
    ]


def test_what_is_granted_is_what_may_be() -> None:
    rights = Rights(RULES, open_=False)
    asked = parse_scopes(["repository:team/app:pull,push,delete", "repository:else:pull", "registry:catalog:*"])
    assert [str(s) for s in rights.granted("alice", asked)] == ["repository:team/app:pull,push"]
    everything = rights.granted("root", parse_scopes(["repository:else:*", "registry:catalog:*"]))
    assert [str(s) for s in everything] == ["repository:else:pull,push,delete", "registry:catalog:*"]


users = st.sampled_from(["", "alice", "root"])
names = st.sampled_from(["public/a", "team/b", "else"])
actions = st.sampled_from(["pull", "push", "delete"])


@given(users, names, st.lists(actions, min_size=1, unique=True), names, actions)
def test_a_token_never_allows_more_than_its_user_may(
    user: str, name: str, asked: list[str], other: str, action: str
) -> None:
    rights = Rights(RULES, open_=False)
    granted = rights.granted(user, [Scope("repository", name, tuple(asked))])
    if covers(granted, other, action):
        assert other == name
        assert rights.allows(user, other, action)


def tokens(tmp_path: Path, clock: ManualClock, service: str = "registry") -> Tokens:
    return Tokens(tmp_path / "key.pem", service, clock)


def test_a_token_comes_back_as_it_was_until_it_is_old(tmp_path: Path) -> None:
    clock = ManualClock()
    ours = tokens(tmp_path, clock)
    text = ours.issue("alice", [Scope("repository", "a/b", ("pull",))])
    for _ in range(2):  # the second time from memory
        found = ours.read(text)
        assert found is not None
        assert (found.user, [str(s) for s in found.scopes]) == ("alice", ["repository:a/b:pull"])
    assert tokens(tmp_path, clock).read(text) == found, "the key is kept"
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    clock.advance((LIFE + 1) * 1_000_000_000)
    assert ours.read(text) is None
    assert tokens(tmp_path, clock).read(text) is None


def _unsigned(text: str) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{head}.{text.split('.')[1]}."


def test_tokens_of_others_are_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    ours = tokens(tmp_path, clock)
    (tmp_path / "other").mkdir()
    stranger = tokens(tmp_path / "other", clock).issue("root", [])
    elsewhere = tokens(tmp_path, clock, "another service").issue("root", [])
    good = ours.issue("root", [])
    for text in (stranger, elsewhere, _unsigned(good), good[:-4] + "AAAA", "", "a.b.c"):
        assert ours.read(text) is None


def test_a_refresh_token_is_good_for_nothing_else(tmp_path: Path) -> None:
    ours = tokens(tmp_path, ManualClock())
    text = ours.issue_refresh("alice")
    assert ours.read_refresh(text) == "alice"
    assert ours.read(text) is None
    assert ours.read_refresh(ours.issue("alice", [])) is None


def hashed(password: str, prefix: bytes = b"2b") -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix)).decode()


async def test_passwords_are_checked_and_the_file_read_again(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# people\nalice:{hashed('secret')}\n\nbob:{hashed('other').replace('$2b$', '$2y$')}\n")
    found = Passwords(path)
    assert await found.check("alice", "secret")
    assert await found.check("alice", "secret"), "from memory"
    assert not await found.check("alice", "wrong")
    assert await found.check("bob", "other"), "as Apache writes it"
    assert not await found.check("carol", "secret")
    path.write_text(f"alice:{hashed('changed, and longer')}\n")
    assert not await found.check("alice", "secret")
    assert not await found.check("bob", "other")


@pytest.mark.parametrize("line", ["alice", ":x", "alice:$apr1$abc", "alice:{SHA}abc", "alice:secret"])
def test_other_hashes_are_refused_with_their_line(line: str) -> None:
    with pytest.raises(Invalid, match="line 2 is not"):
        parse(f"bob:{hashed('x')}\n{line}\n")
