import pytest

from boxship.base.errors import Invalid
from boxship.front.compose.buildwords import Flags, words
from boxship.front.compose.model import Build, FileObject, FileReference, Project, Service, SshKey, Ulimit

OWN = [
    "--label=com.docker.compose.project=p",
    "--label=com.docker.compose.service=web",
    "--label=com.docker.compose.version=2.26.1",
]


def asked(wanted: Build, flags: Flags = Flags(), inline: str = "", **service: str) -> list[str]:  # noqa: B008
    web = Service(name="web", image="img", build=wanted, **service)  # type: ignore[arg-type]
    project = Project(
        name="p",
        services={"web": web, "base": Service(name="base", build=Build(context="/b"))},
        secrets={"f": FileObject(file="/s"), "e": FileObject(environment="E"), "x": FileObject(external=True)},
        environment={"FROM_ENV": "1"},
    )
    found = words(project, web, flags, inline)
    assert found[0] == "--tag=img"
    assert found[-2:] == ["--", wanted.context]
    return [word for word in found[1:-2] if word not in OWN]


CASES: dict[str, tuple[Build, list[str]]] = {
    "nothing": (Build(context="/c"), []),
    "dockerfile": (Build(context="/c", dockerfile="sub/D"), ["--file=/c/sub/D"]),
    "outside": (Build(context="/c", dockerfile="../D"), ["--file=/D"]),
    "absolute": (Build(context="/c", dockerfile="/else/D"), ["--file=/else/D"]),
    "remote": (Build(context="https://h/r.git", dockerfile="D"), ["--file=D"]),
    "tags": (Build(context="/c", tags=("img", "two")), ["--tag=two"]),
    "args": (Build(context="/c", args={"A": "1", "FROM_ENV": None, "UNSET": None}), [
        "--build-arg=A=1", "--build-arg=FROM_ENV=1",
    ]),
    "contexts": (Build(context="/c", additional_contexts={"a": "/a", "b": "service:base"}), [
        "--build-context=a=/a", "--build-context=b=docker-image://p-base",
    ]),
    "owners of secrets": (
        Build(context="/c", secrets=(FileReference(source="f", uid="5", mode=0o440),)),
        ["--secret=id=f,src=/s,uid=5,mode=440"],
    ),
    "secrets": (
        Build(context="/c", secrets=(FileReference(source="f"), FileReference(source="e", target="t"))),
        ["--secret=id=f,src=/s", "--secret=id=t,env=E"],
    ),
    "ssh": (Build(context="/c", ssh=(SshKey(), SshKey(id="k", path="/sock"))), ["--ssh=default", "--ssh=k=/sock"]),
    "caches": (Build(context="/c", cache_from=("a", "type=local,src=x"), cache_to=("type=inline",)), [
        "--cache-from=a", "--cache-from=type=local,src=x", "--cache-to=type=inline",
    ]),
    "the rest": (
        Build(
            context="/c", target="t", network="host", platforms=("linux/amd64",), isolation="default", shm_size=64,
            provenance="mode=max", sbom="true", no_cache=True, pull=True, no_cache_filter=("s",),
            entitlements=("network.host",), extra_hosts={"h": ("1.2.3.4", "::1")},
            ulimits={"nofile": Ulimit(soft=1, hard=2), "nproc": Ulimit(single=5)},
        ),
        [
            "--allow=network.host", "--no-cache-filter=s", "--add-host=h=1.2.3.4", "--add-host=h=::1",
            "--ulimit=nofile=1:2", "--ulimit=nproc=5:5", "--target=t", "--network=host", "--platform=linux/amd64",
            "--isolation=default", "--shm-size=64", "--provenance=mode=max", "--sbom=true", "--no-cache", "--pull",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "found"), CASES.values(), ids=CASES)
def test_words(wanted: Build, found: list[str]) -> None:
    assert asked(wanted) == found


def test_flags_of_the_command_line_come_on_top() -> None:
    flags = Flags(args=("A=2", "FROM_ENV"), ssh=("k",), memory=9, provenance="false", check=True)
    wanted = Build(context="/c", args={"A": "1"}, provenance="true")
    assert asked(wanted, flags, "/tmp/inline") == [
        "--file=/tmp/inline", "--build-arg=A=2", "--build-arg=FROM_ENV=1", "--ssh=k", "--memory=9",
        "--provenance=false", "--check",
    ]  # fmt: skip
    assert asked(Build(context="/c"), platform="linux/arm64") == ["--platform=linux/arm64"]


REFUSED = {
    "privileged": (Build(context="/c", privileged=True), r"services\.web\.build\.privileged is not supported"),
    "no secret": (Build(context="/c", secrets=(FileReference(source="z"),)), "refers to undefined secret z"),
    "external": (Build(context="/c", secrets=(FileReference(source="x"),)), "refers to external secret x"),
    "no service": (Build(context="/c", additional_contexts={"a": "service:z"}), r"additional_contexts\.a: no such"),
}


@pytest.mark.parametrize(("wanted", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(wanted: Build, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        asked(wanted)
