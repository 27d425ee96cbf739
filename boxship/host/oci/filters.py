"""System call filters compiled once. libseccomp takes 11 ms for our default table, at each start of a container.

crun leaves the compiled filter in the container's state and takes one ready made from an annotation (crun(1),
run.oci.seccomp_bpf_data), so the first container with a table pays for all that follow.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

ANNOTATION = "run.oci.seccomp_bpf_data"
FILE = "seccomp.bpf"
KEPT = 64  # tables; a daemon meets as many as its users use profiles and sets of capabilities


class Filters:
    """The compiled filters of one daemon, in memory."""

    def __init__(self) -> None:
        self._compiled: dict[bytes, str] = {}

    def ready(self, config: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        """Return `config` with its table replaced by the compiled filter, if it is known; else `config` itself."""
        table = _table(config)
        compiled = self._compiled.get(_key(table, version)) if table else None
        if compiled is None or table is None:
            return config
        rest = {name: value for name, value in table.items() if name != "syscalls"}
        annotations = {**(config.get("annotations") or {}), ANNOTATION: compiled}
        return {**config, "annotations": annotations, "linux": {**config["linux"], "seccomp": rest}}

    def learn(self, config: Mapping[str, Any], version: str, directory: str) -> None:
        """Keep the filter that the runtime has compiled from `config` into its state `directory`."""
        table = _table(config)
        if table is None or (key := _key(table, version)) in self._compiled:
            return
        with suppress(OSError):
            with open(f"{directory}/{FILE}", "rb") as file:
                compiled = file.read()
            if compiled and len(self._compiled) < KEPT:
                self._compiled[key] = base64.b64encode(compiled).decode()


def _table(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The table in `config`, if a compiled filter can stand for it: none that asks a listener, none that is given."""
    table: Mapping[str, Any] | None = config["linux"].get("seccomp")
    if not table or table.get("listenerPath") or ANNOTATION in (config.get("annotations") or {}):
        return None
    return table


def _key(table: Mapping[str, Any], version: str) -> bytes:
    return hashlib.sha256(version.encode() + b"\0" + msgspec.json.encode(table)).digest()
