"""A small HTTP server that ends without a request lost: for a moment it says that it is unwell, so that nobody sends
it more, then it answers what it has begun."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str, bytes]  # status, content type, body
FAREWELL = 2.0  # seconds between being told to end and taking no more requests


class Server(ThreadingHTTPServer):
    daemon_threads = False  # the end waits for requests that go on
    request_queue_size = 256
    ending = False

    def end(self, *_: object) -> None:
        self.ending = True
        threading.Thread(target=self._end).start()

    def _end(self) -> None:
        time.sleep(FAREWELL)
        self.shutdown()


def serve(answer: Callable[[str], Answer], port: int = 8000) -> None:
    """Answer GET requests with what `answer` returns for their path, until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = self._answer()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever checks our health may be content with the head
                self.wfile.write(body)

        def _answer(self) -> Answer:
            if server.ending and self.path == "/healthy":
                return 503, "text/plain", b"ending\n"
            try:
                return answer(self.path)
            except Exception as error:  # whatever it is, the asker hears of it
                return 503, "text/plain", f"{type(error).__name__}: {error}\n".encode()

        def log_message(self, text: str, *words: object) -> None:
            if not self.path.startswith("/healthy"):
                print(text % words)

    server = Server(("", port), Handler)
    signal.signal(signal.SIGTERM, server.end)
    server.serve_forever()
    server.server_close()
