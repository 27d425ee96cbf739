"""The tree of `image ls --tree`, as text."""

from typing import Any

from boxship.front.cli.image_tree import tree


def image(names: list[str], *users: str, **platform: str) -> dict[str, Any]:
    found = {"Platform": platform, "Containers": list(users), "Size": {"Unpacked": 2_000_000}}
    manifest = {"ID": "sha256:" + "b" * 64, "Kind": "image", "Size": {"Content": 1500}, "ImageData": found}
    return {"Id": "sha256:" + "a" * 64, "RepoTags": names, "Size": 2_000_000, "Manifests": [manifest]}


def test_tree() -> None:
    shown = tree([image(["app:1", "app:2"], "c1", os="linux", architecture="arm64", variant="v8"),
                  image([], os="linux", architecture="amd64")])  # fmt: skip
    assert shown.splitlines() == [
        "IMAGE               ID             DISK USAGE   CONTENT SIZE   IN USE",
        "app:1",
        "app:2               aaaaaaaaaaaa   2MB          1.5kB          yes",
        "└─ linux/arm64/v8   bbbbbbbbbbbb   2MB          1.5kB          yes",
        "<untagged>          aaaaaaaaaaaa   2MB          1.5kB",
        "└─ linux/amd64      bbbbbbbbbbbb   2MB          1.5kB",
    ]


def test_a_daemon_that_knows_no_manifests() -> None:
    old = {"Id": "sha256:" + "a" * 64, "RepoTags": ["app:1"], "Size": 5}
    assert tree([old]).splitlines()[1:] == ["app:1     aaaaaaaaaaaa   5B           0B"]
