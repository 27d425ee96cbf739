"""What is stated about results: never more than was asked for, in shapes that their libraries take."""

import io
import json
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.engine.build.api import BuildSpec, Output
from boxship.engine.build.attest import packages, provenance, sbom, wish
from boxship.engine.build.attest.packages import Found, Package
from boxship.engine.build.attest.provenance import Material, Story
from boxship.engine.images.attested import Member, carried, described, index
from boxship.engine.images.config import digest_of
from boxship.model.image import Image, ImageConfig, Statement

STORY = Story(
    text="FROM base\nARG A\n",
    materials=(Material(uri="pkg:docker/base@1", digest="sha256:" + "a" * 64), Material(uri="https://x/y")),
    platform="linux/amd64", started=1_000_000_000, finished=2_000_000_000, id="i", declared=frozenset({"A"}),
)  # fmt: skip
SPEC = BuildSpec(
    context="https://user:word@example.org/app.git", build_args={"A": "value", "OTHER": "hidden"}, labels={"l": "m"},
    contexts={"c": "https://me:word@example.org/c.tar"},
)  # fmt: skip


def test_provenance_tells_little_or_all_but_never_a_password() -> None:
    least, most = (provenance.predicate(SPEC, {"mode": mode}, STORY) for mode in ("min", "max"))
    assert "word" not in json.dumps([least, most])
    outer = least["buildDefinition"]["externalParameters"]
    assert outer == {
        "configSource": {"path": "Dockerfile", "uri": "https://example.org/app.git"},
        "request": {"frontend": "dockerfile", "args": {}},
    }
    args = most["buildDefinition"]["externalParameters"]["request"]["args"]
    assert args == {"build-arg:A": "value", "label:l": "m", "context:c": "https://example.org/c.tar"}
    assert most["buildDefinition"]["externalParameters"]["dockerfile"] == STORY.text
    assert least["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"sha256": "a" * 64}
    assert least["runDetails"]["metadata"]["finishedOn"] == "1970-01-01T00:00:02Z"


def test_a_statement_is_in_totos() -> None:
    made = provenance.statement("urn:kind", {"number": 1}, [("name", "sha256:" + "0" * 64)])
    assert made == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "name", "digest": {"sha256": "0" * 64}}],
        "predicateType": "urn:kind",
        "predicate": {"number": 1},
    }


FILES = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nDescription: x\n more\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    ),
    "var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2025a\nArchitecture: all\n",
    "lib/apk/db/installed": "P:musl\nV:1.2\nA:x86_64\nF:lib\n\nP:zlib\nV:1.3\n\n",
    "usr/lib/python3/dist-packages/Flask_X.dist-info/METADATA": "Name: Flask_X\nVersion: 3.0\n\nlong text",
    "app/node_modules/@scope/lib/package.json": '{"name": "@scope/lib", "version": "4.5"}',
    "app/package.json": '{"name": "own", "version": "1"}',
    "app/node_modules/bad/package.json": "no json",
    "proc/x.dist-info/METADATA": "Name: never\nVersion: 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def opened(root: Path, path: str) -> BinaryIO:
    if not (root / path).is_file():
        raise NotFound(path)
    return io.BytesIO((root / path).read_bytes())


def test_packages_of_all_kinds_are_found(root: Path) -> None:
    found = packages.find(root, opened)
    assert (found.distribution, found.release) == ("debian", "12")
    told = {(p.kind, p.namespace, p.name, p.version, p.architecture) for p in found.packages}
    assert told == {
        ("deb", "debian", "libc6", "2.36-9", "amd64"),
        ("deb", "debian", "tzdata", "2025a", "all"),
        ("apk", "debian", "musl", "1.2", "x86_64"),
        ("apk", "debian", "zlib", "1.3", ""),
        ("pypi", "", "flask-x", "3.0", ""),
        ("npm", "@scope", "lib", "4.5", ""),
    }


def test_a_bill_is_spdx_and_the_same_each_time() -> None:
    found = Found((Package("deb", "libc6", "2.36+b", "debian", "amd64", "var/lib/dpkg/status"),), "debian", "12")
    one, two = (sbom.spdx(found, "app:1", "abc", 0) for _ in range(2))
    assert one == two
    assert one["spdxVersion"] == "SPDX-2.3"
    assert one["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    package = next(each for each in one["packages"] if each["name"] == "libc6")
    assert package["externalRefs"][0]["referenceLocator"] == "pkg:deb/debian/libc6@2.36%2Bb?arch=amd64&distro=debian-12"


WRONG: dict[str, tuple[dict[str, dict[str, str]], str]] = {
    "unknown attestation": ({"smell": {}}, "registry"),
    "unknown attribute": ({"sbom": {"color": "red"}}, "registry"),
    "want min or max": ({"provenance": {"mode": "most"}}, "registry"),
    "want v1": ({"provenance": {"version": "v0.2"}}, "registry"),
    "generator": ({"sbom": {"generator": "x"}}, "registry"),
    "plain name": ({"sbom": {"filename": "../x"}}, "local"),
    "needs an output": ({"sbom": {}}, "docker"),
}


@pytest.mark.parametrize(("said", "case"), WRONG.items(), ids=list(WRONG))
def test_what_cannot_be_stated_is_said(said: str, case: tuple[dict[str, dict[str, str]], str]) -> None:
    with pytest.raises(Invalid, match=said):
        wish.check(case[0], (Output(kind=case[1]),))


def test_what_clients_say_for_themselves_is_left_out() -> None:
    given = {"sbom": {"type": "sbom", "disabled": "false"}, "provenance": {"disabled": "true", "mode": "max"}}
    assert wish.wanted(given) == {"sbom": {}}


def test_what_is_only_for_manifests_is_not_missed_elsewhere() -> None:
    by_itself = {"mode": "min", "inline-only": "true"}
    wish.check({"provenance": by_itself}, (Output(kind="docker"),))
    kept, pushed = Output(kind="image"), Output(kind="image", attributes={"push": "true"})
    assert [wish.wants(by_itself, (output,)) for output in (kept, pushed, Output(kind="oci"))] == [False, True, True]
    assert wish.wants({}, (kept,))
    assert not wish.wants({}, (Output(kind="docker"),))


def test_an_index_points_from_the_statement_to_the_image() -> None:
    image = Image(id="sha256:i", created=0, config=ImageConfig(), architecture="arm", os="linux", variant="v7")
    subject: dict[str, Any] = {"mediaType": "m", "digest": "sha256:5", "size": 1}
    raw = b'{"_type":"t","subject":[{"name":"other"}],"predicateType":"urn:kind"}'
    statement = Statement(kind="urn:kind", raw=raw, names=("pkg:docker/a",), file="x.json")
    made = carried(Member(image, b"{}", (statement,)), subject)
    first, second = json.loads(index([described(image, subject)], [made.descriptor]))["manifests"]
    assert first == {**subject, "platform": {"architecture": "arm", "os": "linux", "variant": "v7"}}
    assert second["annotations"] == {
        "vnd.docker.reference.digest": "sha256:5", "vnd.docker.reference.type": "attestation-manifest",
    }  # fmt: skip
    assert second["digest"] == digest_of(made.manifest)
    (layer,) = json.loads(made.manifest)["layers"]
    (told,) = made.statements
    assert json.loads(told)["subject"] == [{"name": "pkg:docker/a", "digest": {"sha256": "5"}}]
    assert (layer["digest"], layer["annotations"]) == (digest_of(told), {"in-toto.io/predicate-type": "urn:kind"})
