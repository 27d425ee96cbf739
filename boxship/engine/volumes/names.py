"""Names of volumes and the errors about them, in dockerd's words. Pure."""

import re
from collections.abc import Iterable

from boxship.base.errors import Invalid

ALLOWED = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_NAME = re.compile(ALLOWED + "*")
ANONYMOUS_LABEL = "com.docker.volume.anonymous"


def check(name: str) -> None:
    """Raises Invalid for a name that the local driver does not take, with a hint for those who meant a directory."""
    if len(name) == 1:
        fault = "volume name is too short, names should be at least two alphanumeric characters"
        raise Invalid(failed("create", name, fault))
    if not _NAME.fullmatch(name):
        fault = (
            f'"{name}" includes invalid characters for a local volume name, only "{ALLOWED}" are allowed. '
            "If you intended to pass a host directory, use absolute path"
        )
        raise Invalid(failed("create", name, fault))


def failed(action: str, name: str, fault: str, users: Iterable[str] = ()) -> str:
    """Return dockerd's sentence for something that failed with a volume, `remove x: volume is in use - [id]`."""
    ids = list(users)
    return f"{action} {name}: {fault}" + (f" - [{', '.join(ids)}]" if ids else "")
