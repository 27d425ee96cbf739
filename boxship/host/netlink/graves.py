"""Deleting links without waiting for their end.

The kernel takes a link out of sight at once, and then holds up who asked until nobody can be using it any more: tens
of milliseconds. That wait happens in a thread of its own; callers wait for the first part only.
"""

import errno
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from boxship.host.netlink import route
from boxship.host.netlink.channel import Channel, LinkFailed

LOOK_AGAIN = 0.0003  # seconds
PREFIX = "bx~"  # of links on their way out


class Graves:
    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(4, "graves")

    def bury(self, asking: Channel, watching: Channel, name: str) -> None:
        """Delete the link `name`; return when it is out of sight. It is no error when it is gone already.

        Both channels belong to the link's namespace; `asking` is ours from now on and closed at the end.
        Raises LinkFailed."""
        if not watching.has(name):  # or a late deletion would hit the next link of this name
            asking.close()
            return
        ended = self._thread.submit(_delete, asking, name)
        while not ended.done() and watching.has(name):
            time.sleep(LOOK_AGAIN)
        if ended.done():
            ended.result()

    def rename_and_bury(self, channel: Channel, name: str) -> None:
        """Delete the link `name`, for those whose end is slow to begin too, as bridges: it goes down and its name is
        free on return. Should we be killed right then, `condemned` finds it. The channel stays the caller's."""
        try:
            index = channel.index(name)
        except LinkFailed as e:
            if e.number == errno.ENODEV:
                return
            raise
        grave = PREFIX + secrets.token_hex(4)
        about = f"take link {name} down"
        channel.call([route.set_link(index, about, up=False), route.set_link(index, about, name=grave)])
        self._thread.submit(_delete, Channel(), grave)

    def close(self) -> None:
        """Wait for the ends."""
        self._thread.shutdown()


def condemned(names: Iterable[str]) -> list[str]:
    """Return the links that somebody began to delete and did not finish."""
    return [name for name in names if name.startswith(PREFIX)]


def _delete(channel: Channel, name: str) -> None:
    try:
        channel.call([route.delete_link(name)])
    finally:
        channel.close()
