"""`system df`: sums, and thing by thing."""

import json
from typing import Any

from boxship.front.cli import disk

ID = "sha256:" + "0123456789ab" * 5 + "cdef"
TOLD: dict[str, Any] = {
    "LayersSize": 3_000_000,
    "Images": [
        {"Id": ID, "RepoTags": ["web:1", "web:2"], "RepoDigests": [], "Created": 0, "Size": 3_000_000,
         "SharedSize": 1_000_000, "Containers": 1},
        {"Id": ID, "RepoTags": [], "RepoDigests": [], "Created": 0, "Size": 5, "SharedSize": -1, "Containers": -1},
    ],
    "Containers": [
        {"Id": "c" * 64, "Image": "web:1", "Command": "httpd", "Created": 0, "Status": "Up", "State": "running",
         "Names": ["/web"], "SizeRw": 12, "SizeRootFs": 3_000_012, "Mounts": [{"Name": "v", "Driver": "local"}]},
    ],
    "Volumes": [
        {"Name": "v", "Driver": "local", "Mountpoint": "/m", "Scope": "local", "Labels": {"a": "b"},
         "UsageData": {"Size": 2_000, "RefCount": 1}},
    ],
    "BuildCache": [
        {"ID": "late", "Type": "regular", "Size": 100, "Shared": False, "InUse": True, "UsageCount": 2,
         "CreatedAt": "2024-01-01T00:00:00Z", "LastUsedAt": "2024-01-02T00:00:00Z", "Description": "x"},
        {"ID": "never", "Type": "source.local", "Size": 50, "Shared": False, "InUse": False, "UsageCount": 0,
         "CreatedAt": "2024-01-01T00:00:00Z", "LastUsedAt": None, "Parents": ["late"]},
        {"ID": "early", "Type": "regular", "Size": 7, "Shared": True, "InUse": False, "UsageCount": 1,
         "CreatedAt": "2024-01-01T00:00:00Z", "LastUsedAt": "2024-01-01T00:00:00Z"},
    ],
}  # fmt: skip


def cells(table: str) -> list[list[str]]:
    import re

    return [re.split(r" {2,}", line.strip()) for line in table.splitlines()]


def test_sums() -> None:
    rows = {row["Type"]: row for row in disk.sums(TOLD)}
    assert (rows["Images"]["TotalCount"], rows["Images"]["Active"]) == ("2", "1")
    assert (rows["Build Cache"]["Size"], rows["Build Cache"]["Reclaimable"]) == ("150B", "50B")
    assert rows["Local Volumes"]["Reclaimable"] == "0B (0%)"


def test_thing_by_thing() -> None:
    parts = disk.each_thing(TOLD, "").rstrip().split("\n\n")
    assert parts[::2] == [
        "Images space usage:", "Containers space usage:", "Local Volumes space usage:", "Build cache usage: 150B",
    ]  # fmt: skip
    images, containers, volumes, cache = map(cells, parts[1::2])
    assert [row[0] for row in images] == ["REPOSITORY", "web", "<none>"]
    assert images[1][-4:] == ["3MB", "1MB", "2MB", "1"]
    assert images[2][-4:] == ["5B", "N/A", "N/A", "N/A"]
    assert containers[0] == list(disk.CONTAINERS.values())
    assert containers[1][:5] == ["c" * 12, "web:1", '"httpd"', "1", "12B"]
    assert volumes == [["VOLUME NAME", "LINKS", "SIZE"], ["v", "1", "2kB"]]
    assert [row[0] for row in cache] == ["CACHE ID", "never", "early", "late*"]


def test_an_image_known_by_digest_alone_has_no_name() -> None:
    entry = {**TOLD["Images"][1], "RepoDigests": [f"site/web@{ID}"]}
    assert disk.image(entry, whole=False)["Repository"] == "<none>"


def test_times_are_as_go_prints_them() -> None:
    never, _, late = (disk.cached(TOLD["BuildCache"][n], whole=True) for n in (1, 2, 0))
    assert (never["LastUsedAt"], late["LastUsedAt"]) == ("", "2024-01-02 00:00:00 +0000 UTC")


def test_forms() -> None:
    told = json.loads(disk.each_thing(TOLD, "json"))
    assert [row["Repository"] for row in told["Images"]] == ["web", "<none>"]
    assert told["Images"][0]["ID"] == ID
    assert told["Volumes"][0]["Links"] == "1"
    assert disk.each_thing(TOLD, "{{range .BuildCache}}{{.ID}} {{end}}") == "never early late* "


def test_nothing() -> None:
    assert disk.each_thing({}, "").count("SIZE") == 6
    assert disk.each_thing({}, "").splitlines()[-1].startswith("CACHE ID")
