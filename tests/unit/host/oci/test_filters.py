import base64
from pathlib import Path
from typing import Any

from boxship.host.oci.filters import ANNOTATION, FILE, Filters

TABLE = {"defaultAction": "SCMP_ACT_ERRNO", "flags": ["F"], "syscalls": [{"names": ["read"], "action": "A"}]}


def config(table: dict[str, Any] | None = TABLE, **more: Any) -> dict[str, Any]:
    return {"linux": {"cgroupsPath": "/x", **({"seccomp": table} if table else {})}, **more}


def compiled(tmp_path: Path, content: bytes = b"code") -> str:
    (tmp_path / FILE).write_bytes(content)
    return str(tmp_path)


def test_the_second_container_gets_what_the_first_compiled(tmp_path: Path) -> None:
    filters, first = Filters(), config(annotations={"a": "b"})
    assert filters.ready(first, "1") is first
    filters.learn(first, "1", compiled(tmp_path))
    ready = filters.ready(first, "1")
    assert ready["annotations"] == {"a": "b", ANNOTATION: base64.b64encode(b"code").decode()}
    assert ready["linux"] == {"cgroupsPath": "/x", "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "flags": ["F"]}}
    assert first == config(annotations={"a": "b"})


def test_another_table_or_another_runtime_compiles_its_own(tmp_path: Path) -> None:
    filters = Filters()
    filters.learn(config(), "1", compiled(tmp_path))
    other = config({**TABLE, "defaultAction": "SCMP_ACT_LOG"})
    assert filters.ready(other, "1") is other
    same = config()
    assert filters.ready(same, "2") is same


def test_what_cannot_be_replaced(tmp_path: Path) -> None:
    for given in (
        config(None),
        config({**TABLE, "listenerPath": "/run/l"}),
        config(annotations={ANNOTATION: "own"}),
    ):
        filters = Filters()
        filters.learn(given, "1", compiled(tmp_path))
        assert filters.ready(given, "1") is given


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    filters, given = Filters(), config()
    filters.learn(given, "1", str(tmp_path / "none"))
    filters.learn(given, "1", compiled(tmp_path, b""))
    assert filters.ready(given, "1") is given
