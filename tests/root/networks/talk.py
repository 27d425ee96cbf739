"""What runs inside network namespaces in the tests: a server that says who asked, and a client.

`talk.py serve 4|6 PORT`: answers TCP and UDP with "tcp ADDRESS" or "udp ADDRESS" of the asker.
`talk.py say PORT WORD`: answers every connection with a word.  `talk.py echo PORT`: sends back what comes.
`talk.py name PORT WORD`: answers datagrams with a word.
`talk.py ask tcp|udp ADDRESS PORT SECONDS`: prints the answer, or "no: reason".
"""

import socket
import sys
import threading


def serve(family: str, port: int) -> None:
    kind, anywhere = (socket.AF_INET6, "::") if family == "6" else (socket.AF_INET, "0.0.0.0")
    listener = socket.socket(kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((anywhere, port))
    listener.listen()
    datagrams = socket.socket(kind, socket.SOCK_DGRAM)
    datagrams.bind((anywhere, port))
    threading.Thread(target=_serve_datagrams, args=(datagrams,), daemon=True).start()
    print("ready", flush=True)
    while True:
        connection, sender = listener.accept()
        connection.sendall(f"tcp {_plain(sender[0])}".encode())
        connection.close()


def keep(port: int, word: str) -> None:
    """Answer TCP with `word`, or as an echo when it is ""."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(128)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if word:
            connection.sendall(word.encode())
            connection.close()
        else:
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    while came := connection.recv(4096):
        connection.sendall(came)


def name(port: int, word: str) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("0.0.0.0", port))
    print("ready", flush=True)
    while True:
        datagrams.sendto(word.encode(), datagrams.recvfrom(100)[1])


def _serve_datagrams(datagrams: socket.socket) -> None:
    while True:
        _, sender = datagrams.recvfrom(100)
        datagrams.sendto(f"udp {_plain(sender[0])}".encode(), sender)


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")


def ask(protocol: str, address: str, port: int, patience: float) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as asking:
        asking.settimeout(patience)
        try:
            asking.connect((address, port))
            if protocol == "udp":
                asking.send(b"?")
            return asking.recv(100).decode()
        except OSError as e:
            return f"no: {e.strerror or e}"


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "name":
        name(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1] in ("say", "echo"):
        keep(int(sys.argv[2]), sys.argv[3] if sys.argv[1] == "say" else "")
    else:
        print(ask(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
