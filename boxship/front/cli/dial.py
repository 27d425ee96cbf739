"""`system dial-stdio`: our standard input and output become a connection to the daemon. What ssh:// runs over there."""

import contextlib
import os
import threading

from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed
from boxship.front.client.wire import Line, connect, half_close

CHUNK = 64 * 1024


def dial(session: Session, parsed: Parsed) -> None:
    """Return when the daemon has said all; the end of our input is passed on as half a close."""
    with contextlib.closing(connect(session.client.address)) as sock:
        threading.Thread(target=_send, args=(sock,), daemon=True).start()
        while data := sock.recv(CHUNK):
            while data:
                data = data[os.write(1, data) :]


def _send(sock: Line) -> None:
    with contextlib.suppress(OSError):  # the daemon may go first
        while data := os.read(0, CHUNK):
            sock.sendall(data)
        half_close(sock)


COMMANDS = {"dial-stdio": Command("", dial, most=0, examples="ssh host boxship system dial-stdio")}
