"""Our registry and the clients people have: the stock docker CLI, skopeo, curl, and our own command line."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.daemons import Daemon
from tests.e2e.conftest import Docker
from tests.images import busybox_rootfs
from tests.ports import free_port
from tests.registries import PROGRAM, Server

pytestmark = [pytest.mark.e2e, pytest.mark.root]


def run(*words: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, **environ})
    if check:
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done


def serving(root: Path, *flags: str) -> Iterator[Server]:
    found = Server(root / "registry", *flags)
    try:
        yield found.start()
    finally:
        found.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Server]:
    yield from serving(tmp_path)


@pytest.fixture
def users(tmp_path: Path) -> str:
    path = tmp_path / "users"
    lines = [
        f"{name}:{bcrypt.hashpw(f'{name} secret'.encode(), bcrypt.gensalt(5)).decode()}" for name in ("alice", "bob")
    ]
    path.write_text("\n".join(lines))
    return str(path)


RIGHTS = ("--right", "users=+,repositories=*,actions=pull+catalog", "--right", "users=alice,actions=*")


@pytest.fixture(params=["basic", "token"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path, users: str) -> Iterator[Server]:
    token = ["--token"] if request.param == "token" else []
    yield from serving(tmp_path, "--htpasswd", users, *token, *RIGHTS)


def pushed(docker: Docker, name: str) -> str:
    """Push busybox as `name`; return the digest the CLI prints."""
    docker("tag", "busybox:latest", name)
    out = docker.out("push", name)
    return out.rpartition("digest: ")[2].split()[0]


def test_push_pull_and_the_digest_in_between(docker: Docker, registry: Server) -> None:
    name = f"{registry.host}/team/app:v1"
    digest = pushed(docker, name)
    again = docker.out("push", name)
    assert "Layer already exists" in again
    docker("rmi", name)
    out = docker.out("pull", name)
    assert f"Digest: {digest}" in out
    assert docker.out("run", "--rm", name, "echo", "from our registry") == "from our registry"
    docker("rmi", name)
    docker("pull", f"{registry.host}/team/app@{digest}")
    docker("rmi", f"{registry.host}/team/app@{digest}")
    missing = docker("pull", f"{registry.host}/team/app:none", check=False)
    assert missing.returncode == 1
    assert "not found" in missing.stderr or "manifest unknown" in missing.stderr


def test_every_tag_and_a_mount_between_repositories(docker: Docker, registry: Server) -> None:
    name = f"{registry.host}/many/tags"
    for tag in ("a", "b", "c"):
        pushed(docker, f"{name}:{tag}")
        docker("rmi", f"{name}:{tag}")
    docker("pull", "-a", name)
    assert sorted(docker.out("images", "--format", "{{.Tag}}", name).split()) == ["a", "b", "c"]
    docker("tag", f"{name}:a", f"{registry.host}/other:a")
    assert "Mounted from many/tags" in docker.out("push", f"{registry.host}/other:a")
    docker("rmi", *(f"{name}:{tag}" for tag in "abc"), f"{registry.host}/other:a")


def test_search(docker: Docker, registry: Server) -> None:
    for name in ("nginx", "team/nginx-extra", "redis"):
        pushed(docker, f"{registry.host}/{name}:1")
        docker("rmi", f"{registry.host}/{name}:1")
    found = docker.out("search", "--format", "{{.Name}}", f"{registry.host}/nginx").split()
    assert sorted(name.removeprefix(f"{registry.host}/") for name in found) == ["nginx", "team/nginx-extra"]


def test_login_and_rights(docker: Docker, guarded: Server) -> None:
    name = f"{guarded.host}/team/app:v1"
    docker("tag", "busybox:latest", name)
    refused = docker("push", name, check=False)
    assert refused.returncode == 1
    assert "no basic auth credentials" in refused.stderr or "authentication required" in refused.stderr
    wrong = docker("login", "-u", "alice", "-p", "wrong", guarded.host, check=False)
    assert wrong.returncode == 1
    assert (
        "Login Succeeded"
        in docker("login", "-u", "alice", "--password-stdin", guarded.host, stdin="alice secret").stdout
    )
    docker("push", name)
    docker("login", "-u", "bob", "--password-stdin", guarded.host, stdin="bob secret")
    docker("rmi", name)
    docker("pull", name)
    denied = docker("push", name, check=False)
    if denied.returncode == 0:  # nothing was lacking, so nothing but the manifest was sent
        pytest.fail(f"bob may not push: {denied.stdout}")
    assert "denied" in denied.stderr or "unauthorized" in denied.stderr or "authentication required" in denied.stderr
    docker("rmi", name)
    docker("logout", guarded.host)


def test_skopeo_copies_deletes_and_lists(docker: Docker, registry: Server, tmp_path: Path) -> None:
    name = f"docker://{registry.host}/team/app"
    pushed(docker, f"{registry.host}/team/app:v1")
    docker("rmi", f"{registry.host}/team/app:v1")
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    run("skopeo", "copy", *plain, f"{name}:v1", f"dir:{tmp_path}/dir")
    run("skopeo", "copy", *plain, "--format", "oci", f"{name}:v1", f"oci:{tmp_path}/oci:v1")
    run("skopeo", "copy", *plain, "--dest-compress-format", "zstd", f"oci:{tmp_path}/oci:v1", f"{name}:v2")
    run("skopeo", "copy", *plain, f"{name}:v1", f"docker://{registry.host}/copy/app:v1")
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", name).stdout)
    assert listed["Tags"] == ["v1", "v2"]
    run("skopeo", "delete", "--tls-verify=false", f"{name}:v2")
    assert json.loads(run("skopeo", "list-tags", "--tls-verify=false", name).stdout)["Tags"] == ["v1"]
    shown = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"{name}:v1").stdout)
    assert (shown["Os"], shown["RepoTags"]) == ("linux", ["v1"])


def test_skopeo_logs_in(docker: Docker, guarded: Server, tmp_path: Path) -> None:
    docker("save", "-o", str(tmp_path / "image.tar"), "busybox:latest")
    source = f"docker-archive:{tmp_path}/image.tar"
    place = f"docker://{guarded.host}/team/app:v1"
    copy = ("skopeo", "copy", "--dest-tls-verify=false")
    assert run(*copy, "--dest-creds", "bob:bob secret", source, place, check=False).returncode != 0
    run(*copy, "--dest-creds", "alice:alice secret", source, place)
    run("skopeo", "inspect", "--tls-verify=false", "--creds", "bob:bob secret", place)
    assert run("skopeo", "inspect", "--tls-verify=false", "--no-creds", place, check=False).returncode != 0


def certificate(folder: Path) -> None:
    """A certificate for loopback that signs itself: cert.pem, key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))


def test_tls(docker: Docker, tmp_path: Path) -> None:
    certificate(tmp_path)
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    shutil.copy(tmp_path / "cert.pem", trusted / "ca.crt")
    docker("save", "-o", str(tmp_path / "image.tar"), "busybox:latest")
    flags = ("--tlscert", str(tmp_path / "cert.pem"), "--tlskey", str(tmp_path / "key.pem"))
    for server in serving(tmp_path, *flags):
        place = f"localhost:{server.port}/team/app:v1"
        source = f"docker-archive:{tmp_path}/image.tar"
        assert run("skopeo", "copy", source, f"docker://{place}", check=False).returncode != 0, "nobody trusts it"
        run("skopeo", "copy", "--dest-cert-dir", str(trusted), source, f"docker://{place}")
        run("skopeo", "copy", "--src-cert-dir", str(trusted), f"docker://{place}", f"dir:{tmp_path}/out")
        docker("pull", place)
        docker("rmi", place)


def test_a_cache_of_two_registries(docker: Docker, registry: Server, tmp_path: Path) -> None:
    pushed(docker, f"{registry.host}/library/app:v1")
    docker("rmi", f"{registry.host}/library/app:v1")
    upstreams = [
        f"prefix={name},url={registry.base},default={default}" for name, default in (("one", "true"), ("two", "false"))
    ]
    (tmp_path / "cache").mkdir()
    for cache in serving(tmp_path / "cache", *(word for up in upstreams for word in ("--upstream", up))):
        for path in ("one/library/app", "two/library/app", "library/app"):
            name = f"{cache.host}/{path}:v1"
            docker("pull", name)
            assert docker.out("run", "--rm", name, "echo", path) == path
            docker("rmi", name)
        names = run(str(PROGRAM), "registry", "ls", "-q", "-r", cache.base).stdout.split()
        assert names == ["one/library/app", "two/library/app"]


def test_our_own_commands(docker: Docker, tmp_path: Path) -> None:
    own = str(PROGRAM)
    path = tmp_path / "users"
    done = subprocess.run([own, "registry", "passwd", "-f", str(path), "root"], input="root secret\n", text=True)
    assert done.returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    for server in serving(tmp_path, "--htpasswd", str(path), "--retention", "tags=v*,keep=1", "--access-log", "-"):
        environ = {"BOXSHIP_REGISTRY": server.base, "BOXSHIP_REGISTRY_PASSWORD": "root secret"}
        docker("login", "-u", "root", "--password-stdin", server.host, stdin="root secret")
        for tag in ("v1", "v2", "keep"):
            pushed(docker, f"{server.host}/team/app:{tag}")
            docker("rmi", f"{server.host}/team/app:{tag}")
        assert run(own, "registry", "ls", check=False, BOXSHIP_REGISTRY=server.base).returncode == 1
        assert run(own, "registry", "ls", "-u", "root", **environ).stdout.split() == [
            "REPOSITORY",
            "TAGS",
            "team/app",
            "3",
        ]
        dry = run(own, "registry", "gc", "--dry-run", "-u", "root", **environ).stdout
        assert dry.strip() == "team/app: untag v1: not among the 1 newest of v*"
        assert "Removed 1 tags" in run(own, "registry", "gc", "-u", "root", **environ).stdout
        tags = run(own, "registry", "ls", "-q", "-u", "root", "team/app", **environ).stdout.split()
        assert tags == ["keep", "v2"]
        run(own, "registry", "rm", "-u", "root", "team/app:v2", **environ)
        assert run(own, "registry", "ls", "-q", "-u", "root", "team/app", **environ).stdout.split() == ["keep"]
    run(own, "registry", "passwd", "-d", "-f", str(path), "root")
    assert path.read_text() == ""


def test_a_registry_within_the_daemon(tmp_path: Path) -> None:
    host = f"127.0.0.1:{free_port()}"
    config = tmp_path / "registry.json"
    config.write_text(json.dumps({"root": str(tmp_path / "registry"), "listen": [host], "collect-every": "1h"}))
    daemon = Daemon("--registry-config", str(config))
    try:
        daemon.start()
        archive = tmp_path / "busybox.tar"
        archive.write_bytes(busybox_rootfs())
        name = f"{host}/team/app:v1"
        for words in (("import", str(archive), name), ("push", name), ("rmi", name), ("pull", name)):
            run("docker", "-H", daemon.host, *words)
    finally:
        daemon.close()
