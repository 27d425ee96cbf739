import base64
from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, PlatformError
from boxship.front.compose import artifact
from boxship.front.compose.artifact import FILE, VARIABLES, Wish

FILES = {"/p/a.env": "A=1\n", "/p/text": "costs $5\n"}


def read(path: str) -> str:
    return FILES[path]


def tree(service: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"services": {"web": {"image": "img", **service}}, **more}


def test_what_is_published() -> None:
    whole = tree(
        {
            "build": {"context": "/p"}, "develop": {}, "environment": {"A": "1"}, "env_file": [{"path": "/p/a.env"}],
            "volumes": [
                {"type": "bind", "source": "/p/data", "target": "/d"},
                {"type": "bind", "source": "/etc", "target": "/e"},
                {"type": "volume", "source": "v", "target": "/v"},
            ],
        },
        configs={"c": {"file": "/p/text", "name": "n"}}, secrets={"s": {"environment": "S"}},
    )  # fmt: skip
    wish = Wish(variables=True, local=True, directory="/p", digests={"web": "img@sha256:1"})
    main, digests, variables = artifact.layers(whole, wish, read)
    assert (main.media_type, main.name, digests.name, variables.media_type) == (
        FILE, "compose.yaml", "image-digests.yaml", VARIABLES,
    )  # fmt: skip
    assert digests.text == "services:\n  web:\n    image: img@sha256:1\n"
    assert variables.text == "A=1\n"
    for there in ("source: ./data", "source: /etc", f"path: {variables.name}", "costs $$5", "environment: S"):
        assert there in main.text
    for gone in ("build", "develop", "/p/"):
        assert gone not in main.text


REFUSED: dict[str, tuple[dict[str, Any], type[PlatformError], str]] = {
    "only a build": (tree({"image": "", "build": {"context": "."}}), Invalid, r"services\.web\.build: without `image`"),
    "variables": (tree({"environment": {"A": "1"}}), Conflict, r"services\.web\.environment may hold"),
    "a list of variables": (tree({"environment": ["A=1"]}), Conflict, r"services\.web\.environment may hold"),
    "a file of variables": (tree({"env_file": ["/p/a.env"]}), Conflict, r"services\.web\.env_file may hold"),
    "labels": (tree({"label_file": ["/p/l"]}), Invalid, r"services\.web\.label_file"),
    "a bind": (
        tree({"volumes": [{"type": "bind", "source": "/p/x", "target": "/x"}]}), Conflict, r"\./x is not published",
    ),
    "a secret": (tree({}, secrets={"s": {"file": "/p/s"}}), Invalid, r"secrets\.s\.file: a secret is not published"),
}  # fmt: skip


@pytest.mark.parametrize(("whole", "kind", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_published(whole: dict[str, Any], kind: type[PlatformError], text: str) -> None:
    with pytest.raises(kind, match=text):
        artifact.layers(whole, Wish(directory="/p"), read)


def test_a_path_that_depends_on_a_variable() -> None:
    with pytest.raises(Invalid, match="depends on a variable"):
        artifact.layers(tree({"env_file": ["/p/${X}.env"]}), Wish(variables=True), read)
    assert artifact.layers(tree({"environment": {"A": None}}), Wish(), read)


def told(*layers: tuple[str, str, str], kind: str = artifact.TYPE) -> dict[str, Any]:
    return {
        "ArtifactType": kind,
        "Layers": [
            {
                "MediaType": media,
                "Annotations": {"com.docker.compose.file": name},
                "Content": base64.b64encode(text.encode()).decode(),
            }
            for media, name, text in layers
        ],
    }


def test_what_comes_out() -> None:
    layers = ((FILE, "a.yaml", "env_file: x.env"), (FILE, "a.yaml", "2"), (VARIABLES, "x.env", "A=1"), ("o", "o", ""))
    found = artifact.unpacked("r", told(*layers), base64.b64decode)
    assert found.files == {"a.yaml": "env_file: x.env", "2-a.yaml": "2"}
    assert artifact.placed(found, "/cache") == {
        "x.env": "A=1", "a.yaml": "env_file: /cache/x.env", "2-a.yaml": "2",
    }  # fmt: skip
    for wrong, text in (
        (told((FILE, "../a", "")), "no name for a file"),
        (told((FILE, "a/b", "")), "no name for a file"),
        (told(kind="application/other"), "no compose project, but application/other"),
        (told((VARIABLES, "a", "")), "holds no compose file"),
    ):
        with pytest.raises(Invalid, match=text):
            artifact.unpacked("r", wrong, base64.b64decode)
