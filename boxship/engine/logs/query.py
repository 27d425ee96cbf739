"""What a reader asks of a container's log. Pure."""

import msgspec


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """since, until: nanoseconds since 1970, 0 is no bound; both inclusive.
    tail: how many last lines, None for all; counted before the streams are chosen, as dockerd does.
    follow: go on until the container ends."""

    stdout: bool = True
    stderr: bool = True
    since: int = 0
    until: int = 0
    tail: int | None = None
    follow: bool = False
