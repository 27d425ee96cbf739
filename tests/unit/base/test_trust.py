"""Whom TLS trusts: also who has a certificate as people made them for Docker, without key identifiers and usages."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from boxship.base import trust


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """ca.pem and another.pem; cert.pem of the first, for localhost, and key.pem."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "another", "localhost")}
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in keys}
    now = datetime.now(UTC)
    for name, key in keys.items():
        by = "ca" if name == "localhost" else name
        made = (
            x509.CertificateBuilder(names[by], names[name], key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(by == name, None), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(keys[by], hashes.SHA256())
        )
        place = tmp_path / ("cert.pem" if name == "localhost" else f"{name}.pem")
        place.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(keys["localhost"].private_bytes(serialization.Encoding.PEM, *plain))
    return tmp_path


def meet(asking: ssl.SSLContext, serving: ssl.SSLContext) -> None:
    """Shake hands in memory. Raises ssl.SSLError when one refuses the other."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [asking.wrap_bio(down, up, server_hostname="localhost"), serving.wrap_bio(up, down, server_side=True)]
    for side in sides * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
    assert sides[1].version()


def contexts(given: Path, authority: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    asking = trust.context(str(given / authority))
    serving = trust.context(str(given / authority), ssl.Purpose.CLIENT_AUTH)
    serving.verify_mode = ssl.CERT_REQUIRED
    for side in (asking, serving):
        side.load_cert_chain(given / "cert.pem", given / "key.pem")
    return asking, serving


def test_a_certificate_without_identifiers_is_trusted_by_both_sides(given: Path) -> None:
    meet(*contexts(given, "ca.pem"))


def test_another_authoritys_is_not(given: Path) -> None:
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        meet(*contexts(given, "another.pem"))


def test_the_systems_authorities_are_read_once() -> None:
    assert trust.system() is trust.system()
    assert trust.system().verify_mode is ssl.CERT_REQUIRED
    assert trust.system().check_hostname
