"""Settings after each instruction, mounts of RUN, lint rules, what a prune takes, sources that lie elsewhere."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.build import lint, remote
from boxship.engine.build.dockerfile import DockerfileError, parse
from boxship.engine.build.dockerfile.source import Line
from boxship.engine.build.dockerfile.values import Mount
from boxship.engine.build.prune import PruneWish, Record, choose
from boxship.engine.build.runmounts import parse_mount
from boxship.engine.build.scope import Scope
from boxship.engine.build.state import State, begun, settle, workdir
from boxship.model.image import HistoryEntry, Image, ImageConfig

BASE = Image(
    id="sha256:1",
    created=5,
    config=ImageConfig(env=("PATH=/bin", "A=base"), cmd=("sh",), on_build=("RUN x",), labels={"old": "1"}),
    layers=("sha256:a",),
    history=(HistoryEntry(created_by="base"),),
    architecture="amd64",
)


def settled(text: str, **given: str | None) -> State:
    """The state after the instructions of one stage that begins with BASE."""
    dockerfile = parse(f"FROM base\n{text}")
    scope = Scope(given=given, predefined={"TARGETARCH": "amd64"}, outer={"global": "g"})
    state = begun(BASE, 7, ("linux", "amd64", ""))
    for instruction in dockerfile.stages[0].instructions:
        state = settle(state, instruction, scope)
    return state


SETTINGS = [
    ("ENV B=1 C=$B", "env", ("PATH=/bin", "A=base", "B=1", "C=")),
    ("ENV B=1\nENV C=$B", "env", ("PATH=/bin", "A=base", "B=1", "C=1")),
    ("ENV A=own", "env", ("PATH=/bin", "A=own")),
    ("ENV A $A and more", "env", ("PATH=/bin", "A=base and more")),
    ("ENV A='$A'", "env", ("PATH=/bin", "A=$A")),
    ("ENV PATH=/x:$PATH", "env", ("PATH=/x:/bin", "A=base")),
    ("ARG A=arg\nENV B=$A", "env", ("PATH=/bin", "A=base", "B=base")),
    ("ARG n=1\nENV B=$n", "env", ("PATH=/bin", "A=base", "B=1")),
    ("ARG n\nENV B=${n:-unset}", "env", ("PATH=/bin", "A=base", "B=unset")),
    ("ARG global\nENV B=$global", "env", ("PATH=/bin", "A=base", "B=g")),
    ("ENV B=$global", "env", ("PATH=/bin", "A=base", "B=")),
    ("ARG TARGETARCH\nENV B=$TARGETARCH", "env", ("PATH=/bin", "A=base", "B=amd64")),
    ('LABEL a="b c" "d e"=f', "labels", {"old": "1", "a": "b c", "d e": "f"}),
    ("EXPOSE 80 90-91/udp", "exposed_ports", ("80/tcp", "90/udp", "91/udp")),
    ("ENV P=8080\nEXPOSE $P", "exposed_ports", ("8080/tcp",)),
    ("VOLUME /b /a", "volumes", ("/a", "/b")),
    ("USER $A:staff", "user", "base:staff"),
    ("STOPSIGNAL SIGRTMIN+3", "stop_signal", "SIGRTMIN+3"),
    ('SHELL ["/bin/bash", "-c"]\nCMD echo x', "cmd", ("/bin/bash", "-c", "echo x")),
    ("CMD echo x", "cmd", ("/bin/sh", "-c", "echo x")),
    ('ENTRYPOINT ["/e"]', "cmd", None),
    ('CMD ["c"]\nENTRYPOINT ["/e"]', "cmd", ("c",)),
    ("ONBUILD COPY . /x", "on_build", ("COPY . /x",)),
    ("", "on_build", None),
]


@pytest.mark.parametrize(("text", "field", "wanted"), SETTINGS)
def test_settings(text: str, field: str, wanted: object) -> None:
    assert getattr(settled(text).config, field) == wanted


def test_given_arguments_outweigh_defaults_and_are_told() -> None:
    state = settled("ARG n=1 m\nENV B=$n$m", n="2", m=None)
    assert state.config.env[-1] == "B=2"
    assert [entry.created_by for entry in state.history] == ["base", "ARG n=2 m", "ENV B=2"]
    assert {entry.created for entry in state.history[1:]} == {7}
    assert all(entry.empty_layer for entry in state.history[1:])


def test_layers_and_history_agree() -> None:
    state = begun(BASE, 7, ("linux", "amd64", "")).layered("k1", "sha256:b", "RUN x").layered("k2", "", "RUN true")
    assert state.layers == ("sha256:a", "sha256:b")
    assert [entry.empty_layer for entry in state.history] == [False, False, True]
    assert state.results == (("k1", "sha256:b"), ("k2", ""))


@pytest.mark.parametrize(
    ("before", "path", "wanted"),
    [("", "/a", "/a"), ("", "a", "/a"), ("/a", "b", "/a/b"), ("/a", "../b", "/b"), ("/a", "/", "/"), ("/a", ".", "/a")],
)
def test_workdir_goes_on_from_where_it_is(before: str, path: str, wanted: str) -> None:
    assert workdir(State(config=ImageConfig(working_dir=before)), path) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("EXPOSE 70000", "invalid containerPort: 70000"),
        ("EXPOSE 9-8", "invalid range"),
        ("STOPSIGNAL no signal", "exactly one argument"),
        ("STOPSIGNAL $$", "Invalid signal"),
        ("VOLUME $nothing", "can not be an empty string"),
        ("ENV a=${b?gone}", "b: gone"),
    ],
)
def test_settings_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(DockerfileError, match=said):
        settled(text)


# ---- mounts

LINE = Line("RUN", "", 1, 1)
MOUNTS = [
    ("target=/x", Mount(kind="bind", target="/x", id="/x", read_only=True)),
    ("type=bind,src=a,dst=b,rw", Mount(kind="bind", source="a", target="/w/b", id="/w/b")),
    (
        "type=bind,from=s,source=/y,target=/x",
        Mount(kind="bind", origin="s", source="/y", target="/x", id="/x", read_only=True),
    ),
    ("type=cache,target=/c,sharing=locked", Mount(kind="cache", target="/c", id="/c", sharing="locked")),
    (
        "type=cache,target=/c,id=i,uid=1,gid=2,mode=0700,ro",
        Mount(kind="cache", target="/c", id="i", uid=1, gid=2, mode=0o700, read_only=True),
    ),
    ("type=tmpfs,target=/t,size=1m", Mount(kind="tmpfs", target="/t", id="/t", size=1 << 20)),
    ("type=secret,id=s", Mount(kind="secret", id="s")),
    ("type=secret,target=/run/k,required=true", Mount(kind="secret", id="k", target="/run/k", required=True)),
    ("type=secret,id=s,env=S", Mount(kind="secret", id="s", env="S")),
    ("type=ssh", Mount(kind="ssh", id="default")),
]


@pytest.mark.parametrize(("text", "wanted"), MOUNTS)
def test_mounts(text: str, wanted: Mount) -> None:
    assert parse_mount(LINE, text, "/w") == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type=cach,target=/x", r"unsupported mount type 'cach' \(did you mean cache\?\)"),
        ("type=cache", "needs a target"),
        ("type=cache,target=/x,sharing=mine", "unsupported sharing value"),
        ("type=tmpfs,target=/x,id=y", "unexpected key 'id' for mount type 'tmpfs'"),
        ("type=secret", "a secret needs an id or a target"),
        ("type=cache,target=/x,mode=9", "invalid mount"),
        ("target", "must be a key=value pair"),
        ("type=bind,target=/x,rw=maybe", "not a boolean"),
    ],
)
def test_no_mounts(text: str, said: str) -> None:
    with pytest.raises(DockerfileError, match=said):
        parse_mount(LINE, text, "/")


# ---- lint

RULES = {
    "FROM a\nrun x": "2 ConsistentInstructionCasing",
    "FROM a AS Stage": "1 StageNameCasing",
    "FROM a as b": "1 FromAsCasing",
    "FROM a AS context": "1 ReservedStageName",
    "FROM --platform=linux/amd64 a": "1 FromPlatformFlagConstDisallowed",
    "FROM --platform=$TARGETPLATFORM a": "1 RedundantTargetPlatform",
    "FROM a\nMAINTAINER x": "2 MaintainerDeprecated",
    "FROM a\nWORKDIR x": "2 WorkdirRelativePath",
    "FROM a\nWORKDIR /x\nWORKDIR y": "",
    "FROM a\nENV a b": "2 LegacyKeyValueFormat",
    "FROM a\nENV DB_PASSWORD=x": "2 SecretsUsedInArgOrEnv",
    "FROM a\nENV PUBLIC_KEY=x": "",
    "FROM a\nCMD x": "2 JSONArgsRecommended",
    'FROM a\nSHELL ["sh"]\nCMD x': "",
    'FROM a\nCMD ["x"]\nCMD ["y"]': "2 MultipleInstructionsDisallowed",
    "ARG v=1\nFROM a:$v": "",
    "# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER x": "",
    "# check=skip=all\nFROM a as b\nMAINTAINER x": "",
    "FROM a\nRUN x \\\n\n  y": "3 NoEmptyContinuation",
    "FROM scratch\nARG good=1\nENV A=$good B=$god": "3 UndefinedVar",
    "FROM scratch\nENV A=${x:-1} B=${y+2} C=$HTTP_PROXY": "",
    "FROM scratch AS s\nENV A=1\nFROM s\nLABEL x=$A": "",
    "FROM scratch\nRUN echo $shell": "",
    "FROM unknown\nLABEL x=$anything": "",
    "FROM known\nLABEL x=$PATH y=$other": "2 UndefinedVar",
    "ARG v\nFROM a:$v": "2 InvalidDefaultArgInFrom",
    "ARG v=x\nFROM a:$v": "",
    "FROM a\nCOPY x.log dir/keep /": "2 CopyIgnoredFile",
    "FROM a AS b\nFROM a\nCOPY --from=b x.log /": "",
    "FROM a\nEXPOSE 80/TCP 81/udp": "2 ExposeProtoCasing",
    "FROM a\nEXPOSE 127.0.0.1:80:80": "2 ExposeInvalidFormat",
    "# check=experimental=all\n# something else\nFROM a AS b": "3 InvalidDefinitionDescription",
    "# check=experimental=all\n# b makes it\nFROM a AS b": "",
    "# something else\nFROM a AS b": "",
}


@pytest.mark.parametrize(("text", "wanted"), RULES.items(), ids=RULES)
def test_rules(text: str, wanted: str) -> None:
    dockerfile = parse(text)
    scope = Scope(given={}, predefined={}, args={"TARGETPLATFORM": "linux/amd64", "v": "1"})
    known = {"known": frozenset({"PATH"})}
    found = lint.check(dockerfile, scope, "Dockerfile", ("**/*.log",), known.get)
    assert "\n".join(f"{w.line} {w.rule}" for w in found) == wanted
    assert all(w.url.startswith(lint.URL) and w.url.endswith("/") for w in found)


def test_warnings_may_be_failures() -> None:
    assert lint.fails(parse("# check=skip=X;error=true\nFROM a"))
    assert not lint.fails(parse("# check=skip=X\nFROM a"))


# ---- pruning

RECORDS = [
    Record(id="old", kind="regular", text="RUN a", size=10, created=0, used=0),
    Record(id="new", kind="regular", text="RUN b", size=10, created=0, used=3_600_000_000_000),
    Record(id="busy", kind="regular", text="RUN c", size=10, created=0, used=0, in_use=True),
    Record(id="kept", kind="regular", text="RUN d", size=10, created=0, used=1, shared=True),
    Record(id="mount", kind="exec.cachemount", text="/cache", size=50, created=0, used=2),
]
PRUNES = [
    (PruneWish(), ["mount", "new", "old"]),
    (PruneWish(all=True), ["kept", "mount", "new", "old"]),
    (PruneWish(filters={"until": ["30m"]}), ["mount", "old"]),
    (PruneWish(filters={"type": ["exec.cachemount"]}), ["mount"]),
    (PruneWish(filters={"id": ["ne"]}), ["new"]),
    (PruneWish(filters={"description": ["RUN b"]}), ["new"]),
    (PruneWish(keep=10), ["mount", "old"]),
    (PruneWish(keep=60), ["old"]),
    (PruneWish(keep=1000), []),
]


@pytest.mark.parametrize(("wish", "wanted"), PRUNES)
def test_prune(wish: PruneWish, wanted: list[str]) -> None:
    assert sorted(record.id for record in choose(RECORDS, wish, 3_600_000_000_001)) == wanted


def test_prune_refuses_what_it_does_not_know() -> None:
    with pytest.raises(Invalid, match="invalid filter 'nope'"):
        choose(RECORDS, PruneWish(filters={"nope": ["x"]}), 0)


# ---- elsewhere


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("https://example.org/a.git", True),
        ("https://example.org/a.git#main:sub", True),
        ("git@example.org:a", True),
        ("git://example.org/a", True),
        ("ssh://git@example.org/a", True),
        ("github.com/a/b", True),
        ("https://example.org/a.tar.gz", False),
        ("./a.git", False),
        ("/a.git", False),
        ("file", False),
    ],
)
def test_what_is_a_repository(where: str, wanted: bool) -> None:
    assert remote.is_git(where) is wanted


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("https://e.org/a.git", ("https://e.org/a.git", "", "")),
        ("https://e.org/a.git#main", ("https://e.org/a.git", "main", "")),
        ("https://e.org/a.git#main:d/e", ("https://e.org/a.git", "main", "d/e")),
        ("https://e.org/a.git#:d", ("https://e.org/a.git", "", "d")),
        ("https://e.org/a.git?ref=v1&subdir=d", ("https://e.org/a.git", "v1", "d")),
        ("github.com/a/b", ("https://github.com/a/b", "", "")),
    ],
)
def test_parts_of_a_repository(where: str, wanted: tuple[str, str, str]) -> None:
    assert remote.split_git(where)[:3] == wanted


def test_questions_of_a_repository() -> None:
    place = remote.split_git("https://e.org/a.git?ref=main&commit=abc&keep-git-dir")
    assert place == ("https://e.org/a.git", "main", "", remote.Wish(keep_git=True, checksum="abc"))
    assert remote.split_git("https://e.org/a.git?commit=abc").ref == "abc"
    with pytest.raises(Invalid, match="unknown 'color'"):
        remote.split_git("https://e.org/a.git?color=red")


def test_archives_are_known_by_their_heads() -> None:
    head = bytes(257) + b"ustar" + bytes(250)
    assert remote.is_archive(head)
    assert not remote.is_archive(bytes(512))
    assert not remote.is_archive(b"\x1f\x8b\x08 broken")
