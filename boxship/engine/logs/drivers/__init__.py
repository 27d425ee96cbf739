"""Where log lines are sent besides their file: one class a destination behind one Protocol."""

import os
import socket
from collections.abc import Sequence
from typing import Protocol

from boxship.engine.logs import options, syslog_format
from boxship.engine.logs.cri import Line
from boxship.engine.logs.drivers.journald import Journal
from boxship.engine.logs.drivers.syslog import Syslog
from boxship.engine.logs.options import Subject
from boxship.model.container import LogSpec

SHIPPED = ("journald", "syslog")


class Destination(Protocol):
    async def send(self, lines: Sequence[Line]) -> None:
        """Return once all of `lines` are handed over. Raises OSError when nobody takes them; then all may be
        sent again."""
        ...

    def close(self) -> None: ...


def destination(spec: LogSpec, subject: Subject) -> Destination:
    """Return where a container's lines go; `spec` names one of SHIPPED and was checked."""
    tag = options.tag(spec, subject)
    if spec.type == "journald":
        return Journal(subject, tag, options.attributes(spec, subject))
    sender = syslog_format.Sender(
        hostname=socket.gethostname(),
        tag=tag,
        pid=os.getpid(),
        facility=syslog_format.facility(spec.config.get("syslog-facility", "")),
        format=spec.config.get("syslog-format", ""),
    )
    return Syslog(sender, spec.config)
