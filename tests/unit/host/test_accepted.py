"""How many connections clients have to whoever shares a process's network."""

import os
import socket

from boxship.host.ports import accepted


def test_connections_of_others_count_until_they_end() -> None:
    before = accepted(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), source_address=("127.0.0.2", 0))
        taken, _ = server.accept()
        with taken, client:
            assert accepted(os.getpid()) >= before + 1
        assert accepted(2**22 + 1) == 0
