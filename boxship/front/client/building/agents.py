"""`--ssh ID=SOCKET` or `--ssh ID=KEYFILE,KEYFILE`: the agents that a build may reach."""

import os
import stat
from collections.abc import Mapping, Sequence

from boxship.base.errors import Invalid
from boxship.front.client.building import wish
from boxship.front.client.building.keyagent import Agent, KeyAgent, SocketAgent, load


def agents(words: Sequence[str], environ: Mapping[str, str]) -> dict[str, Agent]:
    """Return agents by id. Raises Invalid for what is neither a socket nor a key, before the build begins."""
    found: dict[str, Agent] = {}
    for word in words:
        id, place = wish.agent(word, environ)
        if id in found:
            raise Invalid(f"--ssh {id} is given twice: name several keys in one, parted by commas")
        found[id] = _agent(word, [each for each in place.split(",") if each])
    return found


def _agent(word: str, paths: Sequence[str]) -> Agent:
    sockets = [path for path in paths if _is_socket(path)]
    if not sockets:
        return KeyAgent([load(path) for path in paths])
    if len(paths) > 1:
        raise Invalid(f"--ssh {word}: either one socket or key files, not both")
    return SocketAgent(sockets[0])


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as e:
        raise Invalid(f"ssh agent or key {path}: {e.strerror}") from e
