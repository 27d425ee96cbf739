"""Registries that want to be trusted, and to trust: own authorities and client certificates, found by host."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from boxship.base.errors import Invalid
from boxship.engine.images.registry.auth import NOBODY
from boxship.engine.images.registry.client import Client, Unreachable
from boxship.engine.images.registry.hosts import Endpoint
from tests.registries import serving

Key = ec.EllipticCurvePrivateKey


def write(folder: Path, stem: str, key: Key, certificate: x509.Certificate, *, suffix: str) -> None:
    pem = serialization.Encoding.PEM
    (folder / f"{stem}.{suffix}").write_bytes(certificate.public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{stem}.key").write_bytes(plain)


def signed(name: str, key: Key, issuer: tuple[x509.Name, Key] | None = None) -> x509.Certificate:
    """Return a certificate for `name`, which signs itself without an issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, with_key = issuer or (subject, key)
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(issuer is None, None), True)
        .sign(with_key, hashes.SHA256())
    )


@dataclass
class Site:
    """A registry that lets in only clients of its authority. place: the folder for its host."""

    endpoint: Endpoint
    certificates: tuple[str, ...]
    place: Path
    given: Path

    async def ask(self, *, verify: bool = True) -> None:
        endpoint = Endpoint(base=self.endpoint.base, host=self.endpoint.host, verify=verify)
        client = Client(endpoint, NOBODY, "", self.certificates)
        try:
            await client.check()
        finally:
            await client.aclose()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    given = tmp_path / "given"
    given.mkdir()
    authority, keys = ec.generate_private_key(ec.SECP256R1()), {}
    root = signed("authority", authority)
    write(given, "ca", authority, root, suffix="crt")
    for name in ("server", "client"):
        keys[name] = ec.generate_private_key(ec.SECP256R1())
        write(given, name, keys[name], signed(name, keys[name], (root.subject, authority)), suffix="cert")
    files = {"tlscert": given / "server.cert", "tlskey": given / "server.key", "tlscacert": given / "ca.crt"}
    async with serving(tmp_path / "registry", **{key: str(path) for key, path in files.items()}) as api:
        host = f"localhost:{api.base.rpartition(':')[2]}"
        place = tmp_path / "certs.d" / host
        place.mkdir(parents=True)
        yield Site(Endpoint(base=f"https://{host}", host=host), (str(tmp_path / "certs.d"),), place, given)


def give(site: Site, *names: str) -> None:
    for name in names:
        (site.place / name).write_bytes((site.given / name).read_bytes())


async def test_own_authority_and_client_certificate(site: Site) -> None:
    give(site, "ca.crt", "client.cert", "client.key")
    await site.ask()


async def test_an_authority_that_nobody_knows(site: Site) -> None:
    give(site, "client.cert", "client.key")
    with pytest.raises(Unreachable, match="certificate verify failed"):
        await site.ask()


async def test_a_client_without_certificate_is_not_let_in(site: Site) -> None:
    give(site, "ca.crt")
    with pytest.raises(Unreachable):
        await site.ask()


async def test_an_insecure_registry_gets_our_certificate_too(site: Site) -> None:
    give(site, "client.cert", "client.key")
    await site.ask(verify=False)


async def test_a_certificate_without_its_key(site: Site) -> None:
    give(site, "ca.crt", "client.cert")
    with pytest.raises(Invalid, match=r"missing key client\.key for client certificate client\.cert"):
        await site.ask()
