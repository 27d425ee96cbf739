import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.registry.faults import Fault
from boxship.engine.registry.names import check_digest, check_name, check_reference, digest_of, is_tag

GOOD = ["a", "library/busybox", "a/b/c/d", "a-b_c.d", "a__b", "a---b", "0", "docker.io/library/x", "a" * 255]
BAD = ["", "A", "a/", "/a", "a//b", "a b", "-a", "a-", "a..b", "a___b", "a_.b", "../x", "a/../b", "é", "a" * 256, "a\n"]


@pytest.mark.parametrize("name", GOOD)
def test_names_of_repositories(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Fault) as caught:
        check_name(name)
    assert caught.value.code == "NAME_INVALID"
    assert caught.value.answer == 400


TAGS = {"latest": True, "_x": True, "V1.2-rc": True, "a" * 128: True, "a" * 129: False, ".x": False, "-x": False,
        "": False, "a/b": False, "a:b": False, "a\n": False}  # fmt: skip


@pytest.mark.parametrize(("tag", "good"), TAGS.items())
def test_tags(tag: str, good: bool) -> None:
    assert is_tag(tag) is good


DIGESTS = {
    "sha256:" + "a" * 64: True,
    "sha512:" + "0" * 128: True,
    "sha256:" + "A" * 64: False,
    "sha256:" + "a" * 63: False,
    "md5:" + "a" * 32: False,
    "sha256": False,
    "": False,
    "sha256:../../../../etc/passwd": False,
}


@pytest.mark.parametrize(("digest", "good"), DIGESTS.items())
def test_digests(digest: str, good: bool) -> None:
    if good:
        assert check_digest(digest) == check_reference(digest) == digest
        return
    with pytest.raises(Fault) as caught:
        check_digest(digest)
    assert caught.value.code == "DIGEST_INVALID"


@given(st.binary(max_size=100), st.sampled_from(["sha256", "sha512"]))
def test_every_digest_we_make_is_one(content: bytes, algorithm: str) -> None:
    assert check_digest(digest_of(content, algorithm)).startswith(algorithm)


@given(st.text(max_size=300))
def test_no_text_gets_through_that_could_leave_a_directory(text: str) -> None:
    try:
        name = check_name(text)
    except Fault:
        return
    assert ".." not in name
    assert not name.startswith("/")
    assert name == name.strip().lower()
