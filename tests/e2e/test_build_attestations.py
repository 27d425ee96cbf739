"""Attestations go with the image to registries and layouts, and beside the files of directories."""

import io
import json
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boxship.engine.images.manifest import OCI_INDEX
from tests.e2e.conftest import Docker
from tests.e2e.ownsite import Site, made
from tests.registries import Server

pytestmark = pytest.mark.e2e
STATUS = "Package: tool\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 1.0\\n"


@pytest.fixture
def site(docker: Docker, tmp_path: Path) -> Iterator[Site]:
    with made(docker, tmp_path) as found:
        found.write(
            "Dockerfile",
            f"FROM busybox\nARG WORD=x\nRUN mkdir -p /var/lib/dpkg && printf '{STATUS}' > /var/lib/dpkg/status\n",
        )
        yield found


def fetch(host: str, path: str) -> Any:
    request = urllib.request.Request(f"http://{host}/v2/app/{path}", headers={"Accept": f"{OCI_INDEX}, */*"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def statements(manifest: Any, read: Any) -> dict[str, Any]:
    return {
        layer["annotations"]["in-toto.io/predicate-type"]: read(layer["digest"]) for layer in manifest["layers"]
    }  # fmt: skip


def test_a_registry_gets_an_index(site: Site, tmp_path: Path) -> None:
    server = Server(tmp_path / "registry").start()
    try:
        name = f"{server.host}/app:1"
        flags = ("--provenance", "mode=max", "--sbom=true", "--build-arg", "WORD=y", "--metadata-file", "../about")
        site("-t", name, "--push", *flags, ".")
        index = fetch(server.host, "manifests/1")
        assert index["mediaType"] == OCI_INDEX
        image, other = index["manifests"]
        assert other["annotations"]["vnd.docker.reference.digest"] == image["digest"]
        found = statements(
            fetch(server.host, f"manifests/{other['digest']}"), lambda digest: fetch(server.host, f"blobs/{digest}")
        )
        for each in found.values():
            assert each["subject"][0]["digest"] == {"sha256": image["digest"].partition(":")[2]}
        told = found["https://slsa.dev/provenance/v1"]["predicate"]["buildDefinition"]
        assert told["externalParameters"]["request"]["args"]["build-arg:WORD"] == "y"
        assert told["resolvedDependencies"][0]["uri"].startswith("pkg:docker/busybox@latest")
        assert "tool" in [each["name"] for each in found["https://spdx.dev/Document"]["predicate"]["packages"]]
        about = json.loads((site.root / "../about").read_text())
        assert fetch(server.host, f"manifests/{about['containerimage.digest']}") == index
        site.docker("rmi", "-f", name)
        site.docker("pull", name)
        site.docker("rmi", "-f", name)
    finally:
        server.close()


def test_a_layout_carries_them(site: Site, tmp_path: Path) -> None:
    site("-t", "app:1", "-o", f"type=oci,dest={tmp_path}/oci.tar", "--sbom=true", ".")
    with tarfile.open(tmp_path / "oci.tar") as tar:

        def read(path: str) -> Any:
            file = tar.extractfile("blobs/" + path.replace(":", "/") if ":" in path else path)
            assert file is not None
            return json.load(file)

        (entry,) = read("index.json")["manifests"]
        _, other = read(entry["digest"])["manifests"]
        assert set(statements(read(other["digest"]), read)) == {"https://spdx.dev/Document"}
    inspected = subprocess.run(
        ["skopeo", "inspect", f"oci-archive:{tmp_path}/oci.tar"], capture_output=True, text=True
    )  # fmt: skip
    assert inspected.returncode == 0, inspected.stderr


def test_directories_and_archives_have_them_as_files(site: Site, tmp_path: Path) -> None:
    site("-o", str(tmp_path / "out"), "--provenance", "mode=min", ".")
    told = json.loads((tmp_path / "out/provenance.json").read_text())
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    done = subprocess.run(
        site.command("-o", "-", "--attest", "type=sbom,filename=bill.json", "."),
        cwd=site.root, env={**site.docker.environment, "BOXSHIP_HOST": site.docker.host}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        assert "bill.json" in tar.getnames()
    wanted = f"type=docker,dest={tmp_path}/docker.tar"
    assert "needs an output" in site("-o", wanted, "--sbom=true", ".", code=1).stderr


def test_an_image_kept_here_keeps_them(site: Site, tmp_path: Path) -> None:
    server = Server(tmp_path / "registry").start()
    name = f"{server.host}/app:kept"
    try:
        site("-t", site.tag, "--sbom=true", "--provenance", "mode=min", ".")
        site.docker("tag", site.tag, name)
        site.docker("push", name)
        image, other = fetch(server.host, "manifests/kept")["manifests"]
        assert other["annotations"]["vnd.docker.reference.digest"] == image["digest"]
        assert len(fetch(server.host, f"manifests/{other['digest']}")["layers"]) == 2
        site.docker("save", "-o", str(tmp_path / "saved.tar"), site.tag)
        with tarfile.open(tmp_path / "saved.tar") as tar:
            index = tar.extractfile("index.json")
            assert index is not None
            (entry,) = json.load(index)["manifests"]
            assert entry["mediaType"] == OCI_INDEX
        site("-t", site.tag, ".")  # the same image, of which nothing is stated now
        site.docker("push", name)
        assert "layers" in fetch(server.host, "manifests/kept")
    finally:
        site.docker("rmi", "-f", name, check=False)
        server.close()


def test_the_same_build_states_the_same_if_asked(site: Site, tmp_path: Path) -> None:
    flags = ("-t", "app:1", "--attest", "type=provenance,reproducible=true", "--sbom=true")
    for name in ("a", "b"):
        site(*flags, "-o", f"type=oci,dest={tmp_path}/{name}", ".")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
