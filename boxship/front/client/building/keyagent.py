"""An ssh agent of our own for `--ssh ID=KEYFILE`: it shows the public halves of keys and signs with them; the private
halves stay in this process. Nothing can be added to it or removed.

Source: draft-ietf-sshm-ssh-agent, sections 3 and 4; RFC 4253, 5656, 8332 for signatures. Library: cryptography, which
is slow to import: only who has key files pays.
"""

import base64
import os
import socket
import struct
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boxship.base.errors import Invalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FAILURE, ASK_KEYS, KEYS, ASK_SIGNATURE, SIGNATURE = 5, 11, 12, 13, 14
SHA256, SHA512 = 2, 4  # flags of a request for a signature by an RSA key
BIGGEST = 256 << 10  # bytes of a message


class Key:
    """One private key. blob: its public half, as agents name keys."""

    def __init__(self, path: str, private: Any) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        kind, encoded = public.split(b" ")[:2]
        self.kind = kind.decode()
        self.blob = base64.b64decode(encoded)
        self.comment = path
        self._private = private

    def sign(self, message: bytes, flags: int) -> bytes:
        """Return a signature with its kind. Raises Invalid for a kind of key that cannot be used."""
        if self.kind == "ssh-ed25519":
            return packed(b"ssh-ed25519", self._private.sign(message))
        if self.kind == "ssh-rsa":
            return self._rsa(message, flags)
        if self.kind.startswith("ecdsa-sha2-"):
            return packed(self.kind.encode(), _ecdsa(self._private, message))
        raise Invalid(f"{self.comment}: keys of the kind {self.kind} are not supported")

    def _rsa(self, message: bytes, flags: int) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        kind, hash = b"ssh-rsa", hashes.SHA1()
        if flags & SHA512:
            kind, hash = b"rsa-sha2-512", hashes.SHA512()  # type: ignore[assignment]
        elif flags & SHA256:
            kind, hash = b"rsa-sha2-256", hashes.SHA256()  # type: ignore[assignment]
        return packed(kind, self._private.sign(message, PKCS1v15(), hash))


def _ecdsa(private: "EllipticCurvePrivateKey", message: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    size = private.curve.key_size
    hash = hashes.SHA256() if size <= 256 else hashes.SHA384() if size <= 384 else hashes.SHA512()
    return packed(*map(_mpint, decode_dss_signature(private.sign(message, ECDSA(hash)))))


def _mpint(number: int) -> bytes:
    """RFC 4251, section 5: the shortest form, with a zero before a high bit."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def packed(*words: bytes) -> bytes:
    """Return strings as RFC 4251 has them."""
    return b"".join(struct.pack(">I", len(word)) + word for word in words)


def unpacked(data: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Return `count` strings, and what is behind them. Raises Invalid."""
    found = []
    for _ in range(count):
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise Invalid("a message to the ssh agent is cut off")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found, data


def load(path: str) -> Key:
    """Return the key of a file, OpenSSH's own form or PEM. Raises Invalid, which shows nothing of the file."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    try:
        with open(os.path.expanduser(path), "rb") as file:
            text = file.read()
    except OSError as e:
        raise Invalid(f"ssh key {path}: {e.strerror}") from e
    read = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in text else load_pem_private_key
    try:
        return Key(path, read(text, None))
    except TypeError as e:  # both readers say so of a key that wants a password
        raise Invalid(f"ssh key {path} has a passphrase: add it to an ssh agent and name that one's socket") from e
    except (ValueError, UnsupportedAlgorithm) as e:
        raise Invalid(f"ssh key {path} is no private key that can be read: want OpenSSH's form or PEM") from e


class KeyAgent:
    """Answers with some keys, on as many connections as are made."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    def connect(self) -> socket.socket:
        """Return the other end of a new connection; it ends when that is closed."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(ours,), daemon=True).start()
        return theirs

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reading:
            while len(head := reading.read(4)) == 4:
                size = int.from_bytes(head, "big")
                if not 0 < size <= BIGGEST:
                    return
                answer = self.answer(reading.read(size))
                try:
                    connection.sendall(packed(answer))
                except OSError:
                    return

    def answer(self, message: bytes) -> bytes:
        """Return the answer to one message, without its length."""
        try:
            if message[0] == ASK_KEYS:
                listed = b"".join(packed(key.blob, key.comment.encode(errors="replace")) for key in self._keys)
                return bytes([KEYS]) + struct.pack(">I", len(self._keys)) + listed
            if message[0] == ASK_SIGNATURE:
                return self._signed(message[1:])
        except Invalid:
            pass
        return bytes([FAILURE])

    def _signed(self, message: bytes) -> bytes:
        (blob, data), rest = unpacked(message, 2)
        for key in self._keys:
            if key.blob == blob:
                return bytes([SIGNATURE]) + packed(key.sign(data, int.from_bytes(rest[:4], "big")))
        return bytes([FAILURE])


class SocketAgent:
    """The user's own agent."""

    def __init__(self, path: str) -> None:
        self.path = path

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.path)
        except OSError:
            connection.close()
            raise
        return connection


Agent = KeyAgent | SocketAgent
