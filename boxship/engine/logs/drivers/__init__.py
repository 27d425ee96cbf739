"""Where log lines are sent besides their file: one class a destination behind one Protocol."""

import os
import socket
import stat
from collections.abc import Sequence
from typing import Protocol

from boxship.base.errors import Invalid
from boxship.engine.logs import options, syslog_format
from boxship.engine.logs.cri import Line
from boxship.engine.logs.drivers import journald, syslog
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


def require(spec: LogSpec) -> None:
    """Raise Invalid, in dockerd's words, when this host lacks what the driver sends to. A server elsewhere may be away
    for a while: lines wait for it."""
    missing = ""
    if spec.type == "journald" and not os.path.exists(journald.PATH):
        missing = "journald is not enabled on this host"
    elif spec.type == "syslog":
        where = syslog_format.address(spec.config.get("syslog-address", ""))
        if where.scheme == "" and not any(map(_is_socket, syslog.LOCAL)):
            missing = "Unix syslog delivery error"
        elif where.scheme.startswith("unix") and not os.path.exists(where.place):
            missing = f"stat {where.place}: no such file or directory"
    if missing:
        raise Invalid(f"failed to create task for container: failed to initialize logging driver: {missing}")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


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
