"""One file over another: each key's rule, and laws that hold for all of them."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.front.compose.load.errors import Wrong
from boxship.front.compose.load.forms.canonical import canonical
from boxship.front.compose.load.merge import entries, extend, merge, unique

POOL_A, POOL_B = {"subnet": "10.0.0.0/24"}, {"subnet": "10.1.0.0/24"}
MOVED = {"source": "c", "target": "/run/secrets/a"}
# key of a service: (base, over, merged)
CASES: dict[str, tuple[Any, Any, Any]] = {
    "image": ("a", "b", "b"),
    "command": (["a"], ["b"], ["b"]),
    "entrypoint": ("a", ["b"], ["b"]),
    "healthcheck": ({"test": ["A"], "retries": 1}, {"test": "b"}, {"test": "b", "retries": 1}),
    "environment": ({"A": 1, "B": 2}, ["B=3", "C"], ["A=1", "B=3", "C"]),
    "labels": (["a=1"], {"a": 2, "b": None}, ["a=2", "b"]),
    "sysctls": ({"a": 1}, {"a": 2}, ["a=2"]),
    "dns": ("1.1.1.1", ["2.2.2.2", "1.1.1.1"], ["1.1.1.1", "2.2.2.2"]),
    "tmpfs": ("/run", "/tmp", ["/run", "/tmp"]),
    "cap_add": (["A", "B"], ["B", "C"], ["A", "B", "C"]),
    "expose": (["1", 2], [2, 3], ["1", 2, 3]),
    "security_opt": (["a"], ["a"], ["a", "a"]),
    "ports": (["80:80", "81:81"], ["80:80", "8080:80"], ["80:80", "81:81", "8080:80"]),
    "volumes": (["aa:/a", "bb:/b:ro"], ["./c:/b", "/d"], ["aa:/a", "./c:/b", "/d"]),
    "devices": (["/dev/a:/dev/x"], ["/dev/b:/dev/x", "/dev/c"], ["/dev/b:/dev/x", "/dev/c"]),
    "secrets": (["a", "b"], [MOVED], [MOVED, "b"]),
    "configs": (["a"], [{"source": "b", "target": "/a"}], [{"source": "b", "target": "/a"}]),
    "env_file": ("a", ["b", {"path": "a"}], [{"path": "a"}, "b"]),
    "extra_hosts": (["a:1"], ["a:1", "b:2"], ["a:1", "b:2"]),
    "networks": (["a", "b"], {"b": {"priority": 1}, "c": None}, {"a": None, "b": {"priority": 1}, "c": None}),
    "depends_on": (
        ["a"],
        {"a": {"condition": "service_healthy"}, "b": {"condition": "service_started"}},
        {"a": {"condition": "service_healthy", "required": True}, "b": {"condition": "service_started"}},
    ),
    "build": (".", {"target": "x", "args": ["A=1"]}, {"context": ".", "target": "x", "args": ["A=1"]}),
    "logging": (
        {"driver": "a", "options": {"x": "1"}},
        {"driver": "b", "options": {"y": "2"}},
        {"driver": "b", "options": {"y": "2"}},
    ),
    "ulimits": ({"nofile": {"soft": 1, "hard": 2}, "nproc": 1}, {"nofile": 5}, {"nofile": 5, "nproc": 1}),
    "deploy": ({"replicas": 1, "labels": {"a": 1}}, {"labels": ["a=2"]}, {"replicas": 1, "labels": ["a=2"]}),
    "x-own": ({"a": 1}, {"b": 2}, {"b": 2}),
    "profiles": (["a"], ["b", "a"], ["a", "b"]),
    "links": (["a", "b:x"], ["b:x"], ["a", "b:x"]),
}  # fmt: skip


@pytest.mark.parametrize("key", CASES)
def test_keys_of_a_service(key: str) -> None:
    base, over, merged = copy.deepcopy(CASES[key])
    found = merge({"services": {"web": {key: base}}}, {"services": {"web": {key: over}}})
    assert found["services"]["web"][key] == merged


def test_same_driver_keeps_its_options() -> None:
    base = {"logging": {"driver": "a", "options": {"x": "1"}}}
    assert extend(base, {"logging": {"options": {"y": "2"}}})["logging"] == {
        "driver": "a",
        "options": {"x": "1", "y": "2"},
    }


def test_pools_of_one_subnet_are_one() -> None:
    base = {"networks": {"n": {"ipam": {"config": [dict(POOL_A), dict(POOL_B)]}}}}
    over = {"networks": {"n": {"ipam": {"config": [{**POOL_A, "gateway": "10.0.0.1"}, {"subnet": "10.2.0.0/24"}]}}}}
    pools = merge(base, over)["networks"]["n"]["ipam"]["config"]
    assert pools == [{**POOL_A, "gateway": "10.0.0.1"}, POOL_B, {"subnet": "10.2.0.0/24"}]


@pytest.mark.parametrize(("base", "over"), [({"a": {}}, {"a": 1}), ({"a": []}, {"a": {}})])
def test_kinds_must_fit(base: dict[str, Any], over: dict[str, Any]) -> None:
    with pytest.raises(Wrong, match="cannot override a"):
        merge(base, over)


def test_entries() -> None:
    assert entries({"b": None, "a": 1, "c": ["x", "y"], "d": True}) == ["a=1", "b", "c=x", "c=y", "d=true"]


words = st.text("abcdef", min_size=1, max_size=3)
pairs = st.one_of(
    st.dictionaries(words, st.one_of(st.none(), words, st.integers(0, 9)), max_size=3),
    st.lists(st.builds("{}={}".format, words, words), max_size=3, unique_by=lambda entry: entry.partition("=")[0]),
)
ports = st.lists(st.builds("{}:{}".format, st.integers(8000, 8005), st.integers(80, 83)), max_size=3, unique=True)
mounts = st.lists(
    st.builds("v{}:/{}".format, words, words), max_size=3, unique_by=lambda entry: entry.partition(":")[2]
)
services = st.fixed_dictionaries(
    {},
    optional={
        "image": words,
        "command": st.lists(words, max_size=2),
        "environment": pairs,
        "labels": pairs,
        "ports": ports,
        "volumes": mounts,
        "cap_add": st.lists(words, max_size=3, unique=True),
        "networks": st.lists(words, max_size=2, unique=True),
        "depends_on": st.lists(words, max_size=2, unique=True),
        "dns": st.one_of(words, st.lists(words, max_size=2, unique=True)),
        "healthcheck": st.fixed_dictionaries({}, optional={"test": words, "interval": st.just("1s")}),
        "ulimits": st.dictionaries(st.sampled_from(["nofile", "nproc"]), st.integers(1, 9)),
    },
)
trees = st.builds(lambda found: {"services": found}, st.dictionaries(st.sampled_from("xyz"), services, max_size=3))


def whole(*files: dict[str, Any]) -> dict[str, Any]:
    """Merge as the loader does: long forms after each file."""
    tree: dict[str, Any] = {}
    for file in copy.deepcopy(files):
        tree = unique(canonical(merge(tree, file)))
    return meaning(tree)


def meaning(tree: dict[str, Any]) -> dict[str, Any]:
    """Two ways to write pairs mean the same."""
    for service in tree.get("services", {}).values():
        for key in ("environment", "labels"):
            if key in service:
                service[key] = sorted(entries(service[key]))
        for key in [key for key, value in service.items() if value in ([], {})]:
            del service[key]
    return tree


@given(trees)
def test_an_empty_file_changes_nothing(tree: dict[str, Any]) -> None:
    assert whole(tree, {}) == whole(tree) == whole({}, tree)


@given(trees)
def test_a_file_over_itself_is_itself(tree: dict[str, Any]) -> None:
    assert whole(tree, tree) == whole(tree)


@given(trees, trees, trees)
def test_merging_is_associative(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    both = unique(canonical(merge(copy.deepcopy(b), copy.deepcopy(c))))
    assert _order_free(whole(a, b, c)) == _order_free(whole(a, both))


def _order_free(tree: Any) -> Any:
    """The order of entries may differ: an entry keeps the place of the first of its name."""
    if isinstance(tree, dict):
        return {key: value if key == "command" else _order_free(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return sorted((_order_free(item) for item in tree), key=repr)
    return tree


@given(trees, trees)
def test_the_later_file_has_the_last_word(a: dict[str, Any], b: dict[str, Any]) -> None:
    merged = whole(a, b)
    for name, service in whole(b).get("services", {}).items():
        for key, value in service.items():
            found = merged["services"][name][key]
            if isinstance(value, list) and key != "command":
                assert all(entry in found for entry in value)
            elif isinstance(value, dict):
                assert value.items() <= found.items()
            else:
                assert found == value
