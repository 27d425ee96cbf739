"""`boxship system doctor` looks at this machine, where no daemon need run: app/doctor.py carries it out."""

import os
import sys

from boxship.base.errors import PlatformError
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed, text


def doctor(session: Session, parsed: Parsed) -> int:
    """Start ourselves anew without global flags: they name a daemon, and a machine is not asked through one."""
    if session.environ.get("BOXSHIP_DOCTOR"):
        raise PlatformError("system doctor looks at this machine itself: leave out what comes before `system`")
    words = [f"--{name}={parsed.text(name)}" for name in ("format", "data-root")]
    os.environ["BOXSHIP_DOCTOR"] = "1"
    os.execv(sys.argv[0], [sys.argv[0], "system", "doctor", *words])


COMMANDS = {
    "doctor": Command(
        "[OPTIONS]",
        doctor,
        (
            text("format", "", 'Show as "json", or by a Go template for each check', default=""),
            text("data-root", "", "Where images and containers are or would be", "directory", "/var/lib/boxship"),
        ),
        most=0,
        examples="sudo boxship system doctor\nboxship system doctor --format json\n"
        "boxship system doctor --format '{{.Name}} {{.Level}}'",
    )
}
