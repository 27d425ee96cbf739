"""Contexts where Docker keeps them, so that the stock client and ours read each other's.

Below the folder of config.json: contexts/meta/DIGEST/meta.json and contexts/tls/DIGEST/docker/{ca,cert,key}.pem, where
DIGEST is the SHA-256 of the name; `currentContext` of config.json names the one in use. Source: docker/cli.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.front.client.wire import Tls

DEFAULT = "default"
ENDPOINT = "docker"
TLS_FILES = ("ca.pem", "cert.pem", "key.pem")
_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.+-]+"


class Context(NamedTuple):
    """host: "" where only another kind of endpoint is described. meta: the whole of meta.json."""

    name: str
    description: str = ""
    host: str = ""
    skip_verify: bool = False
    meta: Mapping[str, Any] = {}


def config_folder(environ: Mapping[str, str]) -> str:
    """Return where config.json lies: DOCKER_CONFIG, else ~/.docker."""
    return environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME") or "/root", ".docker")


def read_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what config.json says, {} without one. Raises Invalid for a file that is no JSON."""
    path = os.path.join(config_folder(environ), "config.json")
    try:
        with open(path, "rb") as file:
            found: dict[str, Any] = json.load(file)
    except (FileNotFoundError, PermissionError):
        return {}
    except ValueError as e:
        raise Invalid(f"{path}: {e}") from e
    return found


def write_config(environ: Mapping[str, str], config: Mapping[str, Any]) -> None:
    """Store config.json, whole or not at all; nobody else may read it."""
    folder = config_folder(environ)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _write(os.path.join(folder, "config.json"), json.dumps(config, indent="\t").encode(), 0o600)


def _write(path: str, content: bytes, mode: int = 0o644) -> None:
    new = f"{path}.{os.getpid()}"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    os.replace(new, path)


class ContextStore:
    """All contexts of one user but the default one, which is what environment and defaults say."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._folder = os.path.join(config_folder(environ), "contexts")

    def all(self) -> list[Context]:
        """Return every context, by name."""
        meta = os.path.join(self._folder, "meta")
        try:
            found = [self._read(os.path.join(meta, entry, "meta.json")) for entry in os.listdir(meta)]
        except FileNotFoundError:
            return []
        return sorted((context for context in found if context is not None), key=lambda context: context.name)

    def find(self, name: str) -> Context:
        """Raises NotFound with a next step."""
        found = self._read(self.meta_file(name))
        if found is None:
            raise NotFound(
                f'context "{name}": context not found: open {self.meta_file(name)}: no such file or directory. '
                "`boxship context ls` lists what there is."
            )
        return found

    def keep(self, meta: Mapping[str, Any], tls: Mapping[str, bytes] | None = None, *, new: bool) -> None:
        """Store a context as its meta.json says; `tls` replaces the endpoint's files unless None.
        Raises Invalid for a bad name, Conflict for a taken one."""
        name = str(meta["Name"])
        check_name(name)
        path = self.meta_file(name)
        if new and os.path.exists(path):
            raise Conflict(f'context "{name}" already exists')
        if tls is not None:
            self._keep_tls(name, tls)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _write(path, json.dumps(meta, separators=(",", ":")).encode())

    def _keep_tls(self, name: str, files: Mapping[str, bytes]) -> None:
        _remove_tree(os.path.dirname(self.tls_folder(name)))
        if files:
            os.makedirs(self.tls_folder(name), mode=0o700)
        for file, content in files.items():
            _write(os.path.join(self.tls_folder(name), file), content, 0o600)

    def remove(self, name: str) -> None:
        """Take a context away with its keys. Raises NotFound."""
        self.find(name)
        _remove_tree(os.path.dirname(self.meta_file(name)))
        _remove_tree(os.path.dirname(self.tls_folder(name)))

    def tls_files(self, name: str) -> dict[str, bytes]:
        """Return the files of the docker endpoint by their names."""
        found = {}
        for file in TLS_FILES:
            try:
                with open(os.path.join(self.tls_folder(name), file), "rb") as source:
                    found[file] = source.read()
            except FileNotFoundError:
                continue
        return found

    def tls(self, context: Context) -> Tls | None:
        """Return how to speak TLS in a context, None where it has no files and checks nothing."""
        folder = self.tls_folder(context.name)
        there = {file: os.path.join(folder, file) for file in TLS_FILES if os.path.exists(os.path.join(folder, file))}
        if not there and not context.skip_verify:
            return None
        certificate, key = there.get("cert.pem", ""), there.get("key.pem", "")
        return Tls(there.get("ca.pem", ""), certificate, key, not context.skip_verify)

    def meta_file(self, name: str) -> str:
        return os.path.join(self._folder, "meta", _digest(name), "meta.json")

    def tls_folder(self, name: str) -> str:
        return os.path.join(self._folder, "tls", _digest(name), ENDPOINT)

    @staticmethod
    def _read(path: str) -> Context | None:
        try:
            with open(path, "rb") as file:
                meta = json.load(file)
            return context_of(meta)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, AttributeError) as e:
            raise Invalid(f"{path}: {e}") from e


def context_of(meta: Mapping[str, Any]) -> Context:
    """Return what a meta.json describes."""
    endpoint = (meta.get("Endpoints") or {}).get(ENDPOINT) or {}
    description = str((meta.get("Metadata") or {}).get("Description") or "")
    skip = bool(endpoint.get("SkipTLSVerify"))
    return Context(str(meta["Name"]), description, str(endpoint.get("Host") or ""), skip, meta)


def check_name(name: str) -> None:
    """Raises Invalid for a name that no context may have."""
    if name == DEFAULT:
        raise Invalid('"default" is a reserved context name')
    import re

    if not re.fullmatch(_NAME, name):
        raise Invalid(
            f'context name "{name}" is invalid: it must begin with a letter or digit and go on with '
            "letters, digits, underscores, dots, plus signs or dashes; two characters at least"
        )


def chosen(flag: str, hosts: bool, environ: Mapping[str, str]) -> str:
    """Return the name of the context in use: -c, default beside a host, DOCKER_CONTEXT, config.json."""
    if flag or hosts or environ.get("BOXSHIP_HOST") or environ.get("DOCKER_HOST"):
        return flag or DEFAULT
    named = environ.get("DOCKER_CONTEXT")
    return named or str(read_config(environ).get("currentContext") or DEFAULT)


def _remove_tree(path: str) -> None:
    import shutil  # it brings half of the compressors along

    shutil.rmtree(path, ignore_errors=True)


def _digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()
