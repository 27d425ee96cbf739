"""Which OCI runtimes this host has, and which of them work here."""

import logging
import os
import re
import shutil
from collections.abc import Mapping

from boxship.base.errors import Invalid, KernelError, PlatformError
from boxship.host import syscalls
from boxship.host.api.runtime import RuntimeInfo
from boxship.host.process import run

CANDIDATES = ("crun", "runc")  # in the order of preference
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CGROUPS = "/sys/fs/cgroup"
PATIENCE = 10.0  # seconds for `--version`
log = logging.getLogger(__name__)


class Programs:
    """The runtimes of a daemon, found once by `probe`."""

    def __init__(self, extra: Mapping[str, str] | None = None, default: str = "", claim: bool = True) -> None:
        """extra: name -> program, with arguments if any.  default: name of the preferred one, "" for our choice.
        claim: on hybrid hosts take what controllers the v2 tree has into v1 hierarchies, or crun will not work."""
        self._extra = dict(extra or {})
        self._default = default
        self._claim = claim
        self._found: dict[str, RuntimeInfo] = {}

    async def probe(self) -> Mapping[str, RuntimeInfo]:
        """Return the runtimes that work, the default first. Raises Invalid when there is none, or not the one that
        the user made the default."""
        if self._claim:
            claim_controllers()
        wanted = {name: name for name in CANDIDATES} | self._extra
        found = {name: info for name, text in wanted.items() if (info := await _probed(name, text))}
        if leftover := hybrid_controllers():
            log.warning("crun cannot work: the cgroup v2 tree of this hybrid host rules %s", ", ".join(leftover))
            found = {name: info for name, info in found.items() if os.path.basename(info.path) != "crun"}
        if self._default and self._default not in found:
            raise Invalid(
                f"default-runtime: {self._default!r} does not work or does not exist; what works: {', '.join(found)}"
            )
        if not found:
            raise Invalid("no OCI runtime works on this host: install crun or runc")
        first = self._default if self._default in found else next(iter(found))
        self._found = {first: found[first], **found}
        return self._found

    async def renew(self, extra: Mapping[str, str], default: str) -> Mapping[str, RuntimeInfo]:
        """Probe with other wishes. Raises Invalid, and then all stays as it was."""
        before = self._extra, self._default
        self._extra, self._default = dict(extra), default
        try:
            return await self.probe()
        except Invalid:
            self._extra, self._default = before
            raise

    def get(self, name: str) -> RuntimeInfo:
        """Return a runtime by name, "" being the default. Raises Invalid in dockerd's words."""
        if not name and self._found:
            return next(iter(self._found.values()))
        try:
            return self._found[name]
        except KeyError:
            raise Invalid(f"unknown or invalid runtime name: {name}") from None


async def _probed(name: str, text: str) -> RuntimeInfo | None:
    program, *args = text.split() or [name]
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SEARCH}")
    if path is None:
        return None
    try:
        done = await run([path, *args, "--version"], timeout=PATIENCE)
    except PlatformError:
        return None
    lines = done.out.decode(errors="replace").splitlines()
    if done.code != 0 or not lines:
        return None
    words = lines[0].split(" version ")
    return RuntimeInfo(name=name, path=path, version=words[-1].strip(), args=tuple(args))


def wants_maps(runtime: RuntimeInfo) -> bool:
    """Tell whether it has to be told the maps of ids of a user namespace that it only joins. crun gives the container
    its output by them. runc wants them until 1.1.10; from then on it finds them itself, and refuses what it is told."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", runtime.version)[:3])
    return os.path.basename(runtime.path) != "runc" or numbers < (1, 1, 11)


def hybrid_controllers() -> list[str]:
    """Return the controllers that the v2 tree of a hybrid host rules; [] on other hosts."""
    try:
        with open(f"{CGROUPS}/unified/cgroup.controllers", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def claim_controllers() -> list[str]:
    """Mount v1 hierarchies for the controllers that a hybrid host has left to its v2 tree; return those taken.

    crun refuses hosts where both versions rule. The mounts stay when we go, like those the host made itself.
    """
    taken = []
    for controller in hybrid_controllers():
        target = f"{CGROUPS}/{controller}"
        try:
            os.makedirs(target, exist_ok=True)
            syscalls.mount("cgroup", target, "cgroup", 0, controller)
        except (OSError, KernelError) as e:
            log.warning("cannot take the cgroup controller %s from the v2 tree: %s", controller, e)
            continue
        taken.append(controller)
    return taken
