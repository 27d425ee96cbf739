"""The agent of key files speaks as ssh agents do, and keeps the private halves."""

import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from boxship.base.errors import Invalid
from boxship.front.client.building.agents import agents
from boxship.front.client.building.keyagent import KeyAgent, SocketAgent, load, packed, unpacked

KEYS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa": rsa.generate_private_key(65537, 2048),
    "ecdsa256": ec.generate_private_key(ec.SECP256R1()),
    "ecdsa384": ec.generate_private_key(ec.SECP384R1()),
}
MESSAGE = b"to be signed"


def write(path: Path, key: Any, form: PrivateFormat = PrivateFormat.OpenSSH, password: bytes = b"") -> Path:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, form, how))
    return path


def checked(name: str, kind: str, signature: bytes) -> None:
    """Raises InvalidSignature."""
    public = KEYS[name].public_key()
    if name == "ed25519":
        public.verify(signature, MESSAGE)
    elif name == "rsa":
        hash = {"ssh-rsa": hashes.SHA1(), "rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}[kind]
        public.verify(signature, MESSAGE, PKCS1v15(), hash)
    else:
        (r, s), rest = unpacked(signature, 2)
        assert not rest
        der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        public.verify(der, MESSAGE, ec.ECDSA(hashes.SHA256() if name == "ecdsa256" else hashes.SHA384()))


def asked(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(packed(message))
    reading = connection.makefile("rb")
    return reading.read(int.from_bytes(reading.read(4), "big"))


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_a_key_is_shown_and_signs(name: str, form: PrivateFormat, tmp_path: Path) -> None:
    agent = KeyAgent([load(str(write(tmp_path / name, KEYS[name], form)))])
    with agent.connect() as connection:
        answer = asked(connection, b"\x0b")
        assert answer[:5] == b"\x0c\x00\x00\x00\x01"
        (blob, comment), rest = unpacked(answer[5:], 2)
        assert (comment.decode(), rest) == (str(tmp_path / name), b"")
        for flags in (0, 2, 4):
            answer = asked(connection, b"\x0d" + packed(blob, MESSAGE) + struct.pack(">I", flags))
            ((whole,), rest) = unpacked(answer[1:], 1)
            (kind, signature), more = unpacked(whole, 2)
            assert (answer[:1], rest, more) == (b"\x0e", b"", b"")
            checked(name, kind.decode(), signature)


def test_what_it_cannot_do_fails(tmp_path: Path) -> None:
    agent = KeyAgent([load(str(write(tmp_path / "k", KEYS["ed25519"])))])
    for message in (b"\x11more", b"\x0d", b"\x0d\x00\x00\x00\x09x", b"\x0d" + packed(b"other", b"x") + bytes(4)):
        assert agent.answer(message) == b"\x05"


def test_words_become_agents(tmp_path: Path) -> None:
    key = write(tmp_path / "key", KEYS["ed25519"])
    place = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        found = agents([f"default={key},{key}", f"own={place}"], {})
        assert isinstance(found["default"], KeyAgent)
        assert isinstance(found["own"], SocketAgent)
        for words, said in (
            ([f"a={place},{key}"], "not both"),
            ([f"a={key}", f"a={key}"], "twice"),
            (["a=/none/such"], "/none/such: No such file"),
        ):
            with pytest.raises(Invalid, match=said):
                agents(words, {})


def test_files_that_are_no_keys_are_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("secret words")
    for path, said in (
        (tmp_path / "text", "is no private key"),
        (write(tmp_path / "locked", KEYS["ed25519"], password=b"word"), "has a passphrase"),
    ):
        with pytest.raises(Invalid, match=said) as caught:
            load(str(path))
        assert "secret words" not in str(caught.value)
    key = load(str(write(tmp_path / "other", KEYS["ed25519"])))
    key.kind = "ssh-dss"
    with pytest.raises(Invalid, match="kind ssh-dss"):
        key.sign(b"", 0)
