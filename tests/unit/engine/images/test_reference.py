"""Names of images: the table is distribution/reference's grammar, the texts are dockerd's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.engine.images.reference import Reference, is_digest, parse, parse_any

DIGEST = "sha256:" + "ab" * 32

GOOD = {
    "busybox": ("docker.io", "library/busybox", "", "", "busybox"),
    "busybox:1.36": ("docker.io", "library/busybox", "1.36", "", "busybox:1.36"),
    "docker.io/library/ubuntu:22.04": ("docker.io", "library/ubuntu", "22.04", "", "ubuntu:22.04"),
    "docker.io/ubuntu": ("docker.io", "library/ubuntu", "", "", "ubuntu"),
    "index.docker.io/ubuntu": ("docker.io", "library/ubuntu", "", "", "ubuntu"),
    "index.docker.io/library/ubuntu": ("docker.io", "library/ubuntu", "", "", "ubuntu"),
    "library/ubuntu": ("docker.io", "library/ubuntu", "", "", "ubuntu"),
    "library/a/b": ("docker.io", "library/a/b", "", "", "library/a/b"),
    "user/app": ("docker.io", "user/app", "", "", "user/app"),
    "localhost/app": ("localhost", "app", "", "", "localhost/app"),
    "localhost:5000/app:1": ("localhost:5000", "app", "1", "", "localhost:5000/app:1"),
    "Host/app": ("Host", "app", "", "", "Host/app"),
    "[fd00::1]:5000/app": ("[fd00::1]:5000", "app", "", "", "[fd00::1]:5000/app"),
    "123456789012.dkr.ecr.us-west-2.amazonaws.com/mywebapp:latest": (
        "123456789012.dkr.ecr.us-west-2.amazonaws.com", "mywebapp", "latest", "",
        "123456789012.dkr.ecr.us-west-2.amazonaws.com/mywebapp:latest",
    ),
    "myregistry.azurecr.io/marketing/campaign10-18/email-sender:v2": (
        "myregistry.azurecr.io", "marketing/campaign10-18/email-sender", "v2", "",
        "myregistry.azurecr.io/marketing/campaign10-18/email-sender:v2",
    ),
    f"busybox@{DIGEST}": ("docker.io", "library/busybox", "", DIGEST, f"busybox@{DIGEST}"),
    f"a.b/c:1@{DIGEST}": ("a.b", "c", "1", DIGEST, f"a.b/c:1@{DIGEST}"),
    "a__b/c--d.e_f": ("docker.io", "a__b/c--d.e_f", "", "", "a__b/c--d.e_f"),
    "test:5000/x": ("test:5000", "x", "", "", "test:5000/x"),
    "test:5000": ("docker.io", "library/test", "5000", "", "test:5000"),
}  # fmt: skip

BAD = {
    "": "invalid reference format",
    ":tag": "invalid reference format",
    "/app": "invalid reference format",
    "app/": "invalid reference format",
    "a//b": "invalid reference format",
    "-app": "invalid reference format",
    "app-": "invalid reference format",
    "a___b": "invalid reference format",
    "a..b": "invalid reference format",
    "app:": "invalid reference format",
    "app:-x": "invalid reference format",
    "app:" + "a" * 129: "invalid reference format",
    "app@sha256:abc": "invalid reference format",
    "app@sha256:" + "a" * 40: "invalid checksum digest length",
    "app@md7:" + "a" * 40: "unsupported digest algorithm",
    "App": "invalid reference format: repository name (library/App) must be lowercase",
    "user/App:1": "invalid reference format: repository name (user/App) must be lowercase",
    "a" * 64: f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings",
    "x/" + "a" * 250: "repository name must not be more than 255 characters",
    "app\n": "invalid reference format",
    "äpp": "invalid reference format",
}


@pytest.mark.parametrize(("text", "parts"), GOOD.items(), ids=GOOD)
def test_good_names(text: str, parts: tuple[str, str, str, str, str]) -> None:
    reference = parse(text)
    assert (reference.domain, reference.path, reference.tag, reference.digest, reference.familiar) == parts


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=[text[:40] or "empty" for text in BAD])
def test_bad_names(text: str, message: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(text)
    assert str(raised.value) == message


@pytest.mark.parametrize("text", GOOD)
def test_familiar_and_canonical_mean_the_same(text: str) -> None:
    reference = parse(text)
    assert parse(reference.familiar) == reference == parse(reference.canonical)


def test_default_tag_only_where_nothing_is_said() -> None:
    assert parse("a").with_default_tag().familiar == "a:latest"
    assert parse("a:1").with_default_tag().familiar == "a:1"
    assert parse(f"a@{DIGEST}").with_default_tag().familiar == f"a@{DIGEST}"


def test_changes_of_tag_and_digest() -> None:
    reference = parse("h:1/a:1")
    assert reference.with_tag("2").canonical == "h:1/a:2"
    assert reference.with_digest(DIGEST).canonical == f"h:1/a@{DIGEST}"
    with pytest.raises(Invalid, match="invalid tag format"):
        reference.with_tag("no/slash")
    with pytest.raises(Invalid, match="invalid digest format"):
        reference.with_digest("sha256:zz")


def test_names_that_may_be_ids() -> None:
    assert parse_any("ab" * 32).digits == "ab" * 32
    assert parse_any("ab" * 32).reference is None
    assert parse_any(DIGEST).shown == DIGEST
    assert parse_any("cafe") == parse_any("cafe")
    assert parse_any("cafe").digits == "cafe"
    assert parse_any("cafe").shown == "cafe:latest"
    assert parse_any("sha256:ab").digits == "ab"
    assert parse_any("busybox").digits == ""


def test_digests() -> None:
    assert is_digest(DIGEST)
    assert not is_digest(DIGEST.upper())
    assert not is_digest("sha256:ab")
    assert not is_digest("ab" * 32)


@given(st.text(max_size=80))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except Invalid:
        return
    assert isinstance(reference, Reference)
    assert parse(reference.canonical) == reference
