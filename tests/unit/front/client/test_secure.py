"""TLS that is half closed while the other side sends: nothing may be lost, whenever it comes."""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boxship.front.client.secure import SecureSocket
from boxship.front.client.wire import half_close, pending
from tests.unit.front.rest import certificates

MUCH = b"x" * 100_000
Serve = Callable[[ssl.SSLSocket], None]
Dial = Callable[[Serve], SecureSocket]


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """Connect with a server that does as told in a thread of its own; it must have ended when the test has."""
    certificates.write(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    asking = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    threads = []

    def run(theirs: socket.socket, serve: Serve) -> None:
        with serving.wrap_socket(theirs, server_side=True) as line:
            serve(line)

    def connect(serve: Serve) -> SecureSocket:
        ours, theirs = socket.socketpair()
        threads.append(threading.Thread(target=run, args=(theirs, serve)))
        threads[-1].start()
        return SecureSocket(ours, asking, "127.0.0.1")

    yield connect
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def everything(line: SecureSocket) -> bytes:
    found = b""
    while part := line.recv(1000):
        found += part
    line.close()
    return found


def test_what_comes_before_and_after_our_farewell(dial: Dial) -> None:
    heard = []

    def serve(line: ssl.SSLSocket) -> None:
        line.sendall(MUCH)
        heard.append(line.recv(99))
        heard.append(line.recv(99))
        line.sendall(b"after")

    line = dial(serve)
    line.sendall(b"words")
    select.select([line], [], [], 30)
    half_close(line)
    assert everything(line) == MUCH + b"after"
    assert heard == [b"words", b""]


def test_what_waiting_for_the_socket_does_not_tell(dial: Dial) -> None:
    line = dial(lambda server: server.sendall(b"one two"))
    assert line.recv(3) == b"one"
    assert pending(line) >= 4
    assert everything(line) == b" two"


def test_much_both_ways_at_once(dial: Dial) -> None:
    def echo(server: ssl.SSLSocket) -> None:
        while part := server.recv(4096):
            server.sendall(part)

    line = dial(echo)

    def speak() -> None:
        line.sendall(MUCH)
        half_close(line)

    writer = threading.Thread(target=speak)
    writer.start()
    found = everything(line)
    writer.join(30)
    assert found == MUCH


def test_a_server_that_breaks_off(dial: Dial) -> None:
    line = dial(lambda server: server.sendall(b"x"))
    assert [line.recv(9), line.recv(9), line.recv(9)] == [b"x", b"", b""]
    line.close()


def test_a_stranger_is_refused(tmp_path: Path, dial: Dial) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with pytest.raises(OSError):
        SecureSocket(ours, ssl.create_default_context(), "127.0.0.1")
    assert ours.fileno() == -1
