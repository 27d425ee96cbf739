"""The client's end of a build's connection: one thread reads and hands out, others answer; writes take turns."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from boxship.base import frames
from boxship.base.errors import PlatformError
from boxship.base.frames import DATA, END, FAILED, MESSAGE, Frame, Frames
from boxship.front.client.wire import Connection

CHUNK = 256 * 1024
CONTROL = 0
Answer = Callable[[Any, "Conversation"], None]


class Conversation:
    def __init__(self, talk: "Talk", number: int) -> None:
        self._talk = talk
        self._number = number
        self.came: queue.Queue[Frame | None] = queue.Queue()

    def _next(self) -> Frame:
        frame = self.came.get()
        if frame is None or frame.kind == FAILED:
            raise ConnectionError(frame.payload.decode() if frame else "the daemon closed the connection")
        return frame

    def message(self) -> Any:
        return self._next().told()

    def pieces(self) -> Iterator[bytes]:
        """Yield bytes up to the end of the daemon's half."""
        while (frame := self._next()).kind == DATA:
            yield frame.payload

    def drain(self) -> None:
        while not self.came.empty() and self._next().kind == DATA:
            pass

    def say(self, value: Any) -> None:
        self._talk.write(frames.message(self._number, value))

    def send(self, data: bytes) -> None:
        for each in frames.pieces(self._number, data):
            self._talk.write(each)

    def send_all(self, pieces: Iterable[bytes]) -> None:
        """Send many small pieces in few frames."""
        held, size = [], 0
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= CHUNK:
                self.send(b"".join(held))
                held, size = [], 0
        self.send(b"".join(held))

    def end(self) -> None:
        self._talk.write(frames.frame(END, self._number))

    def fail(self, why: str) -> None:
        self._talk.write(frames.frame(FAILED, self._number, why.encode()[: frames.LARGEST]))


class Talk:
    """Owns the connection."""

    def __init__(self, connection: Connection, answer: Answer) -> None:
        self._connection = connection
        self._answer = answer
        self._lock = threading.Lock()
        self._open: dict[int, Conversation] = {}

    def write(self, data: bytes) -> None:
        with self._lock:
            self._connection.sock.sendall(data)

    def told(self) -> Iterator[dict[str, Any]]:
        """Yield what the daemon tells until it ends; its questions are answered meanwhile.
        Raises ConnectionError, Invalid."""
        reader = Frames()
        try:
            while data := self._connection.reader.some(CHUNK):
                for frame in reader.feed(data):
                    if frame.number == CONTROL:
                        yield frame.told()
                    else:
                        self._hand(frame)
        finally:
            for conversation in list(self._open.values()):
                conversation.came.put(None)

    def _hand(self, frame: Frame) -> None:
        conversation = self._open.get(frame.number)
        if conversation is not None:
            conversation.came.put(frame)
        elif frame.kind == MESSAGE:
            conversation = self._open[frame.number] = Conversation(self, frame.number)
            threading.Thread(target=self._work, args=(frame, conversation), daemon=True).start()

    def _work(self, frame: Frame, conversation: Conversation) -> None:
        try:
            self._answer(frame.told(), conversation)
        except (BrokenPipeError, ConnectionError):
            pass  # the daemon has gone, or wants no more
        except PlatformError as error:
            self._fail(conversation, str(error))
        except Exception as error:  # the build must not wait for an answer that never comes
            self._fail(conversation, f"{type(error).__name__}: {error}")
        finally:
            self._open.pop(frame.number, None)

    def _fail(self, conversation: Conversation, why: str) -> None:
        try:
            conversation.fail(why)
        except OSError:
            pass
