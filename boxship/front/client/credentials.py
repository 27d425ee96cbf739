"""What a user knows of registries: Docker's config.json, and the credential helpers it names.

The file is shared with the stock CLI, so that a login with one is a login with the other.
"""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from boxship.base.errors import Invalid, PlatformError

HUB = "https://index.docker.io/v1/"
_TOKEN = "<token>"  # the user name with which helpers mark an identity token
Auth = dict[str, str]


def server_of(image: str) -> str:
    """Return the registry of an image's name, as config.json calls it: a first part with a dot, a port, `localhost`."""
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return HUB
    return HUB if first in ("docker.io", "index.docker.io") else first


def header(auth: Auth) -> dict[str, str]:
    """Return the header that shows the daemon who asks; none for nobody."""
    if not auth:
        return {}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}


def shown(environ: Mapping[str, str], image: str) -> dict[str, str]:
    """Return the headers with which to ask for an image."""
    return header(Keyring(environ).find(server_of(image)))


class Keyring:
    """Credentials of one user; every change is written at once. Raises Invalid for a file that is no JSON."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME", "/root"), ".docker")
        self._file = os.path.join(home, "config.json")
        try:
            with open(self._file, encoding="utf-8") as file:
                self._config: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            self._config = {}
        except ValueError as e:
            raise Invalid(f"{self._file}: {e}") from e

    def find(self, server: str) -> Auth:
        """Return what to show a registry, {} if nothing is known. Raises PlatformError when a helper fails."""
        helper = self._helper(server)
        if helper:
            return _from_helper(_ask(helper, "get", server), server)
        entry = (self._config.get("auths") or {}).get(server) or {}
        name, _, password = base64.b64decode(entry.get("auth") or "").decode(errors="replace").partition(":")
        found = {"username": name, "password": password, "identitytoken": entry.get("identitytoken", "")}
        found = {key: value for key, value in found.items() if value}
        return {**found, "serveraddress": server} if found else {}

    def all(self) -> dict[str, dict[str, str]]:
        """Return every login as config.json would hold it without helpers."""
        found: dict[str, dict[str, str]] = {}
        for server in {*(self._config.get("auths") or ()), *(self._config.get("credHelpers") or ())}:
            auth = self.find(server)
            pair = base64.b64encode(f"{auth.get('username', '')}:{auth.get('password', '')}".encode()).decode()
            token = auth.get("identitytoken")
            if auth:
                found[server] = {"auth": pair, **({"identitytoken": token} if token else {})}
        return found

    def proxies(self, host: str) -> dict[str, str]:
        """Return the proxies that containers and builds of a daemon get, as variables in both spellings."""
        known = self._config.get("proxies") or {}
        found = known.get(host) or known.get("default") or {}
        names = {"httpProxy": "HTTP_PROXY", "httpsProxy": "HTTPS_PROXY", "ftpProxy": "FTP_PROXY"}
        names |= {"noProxy": "NO_PROXY", "allProxy": "ALL_PROXY"}
        told = {names[key]: str(value) for key, value in found.items() if key in names and value}
        return told | {name.lower(): value for name, value in told.items()}

    def keep(self, server: str, user: str, password: str, token: str = "") -> str:
        """Store a login; return a remark for the user, "" if none."""
        helper = self._helper(server)
        if helper:
            told = {"ServerURL": server, "Username": _TOKEN if token else user, "Secret": token or password}
            _ask(helper, "store", json.dumps(told))
            self._config.setdefault("auths", {})[server] = {}
            self._write()
            return ""
        pair = base64.b64encode(f"{user}:{'' if token else password}".encode()).decode()
        self._config.setdefault("auths", {})[server] = {"auth": pair, **({"identitytoken": token} if token else {})}
        self._write()
        return f"The password is stored unencrypted in {self._file}; a credential helper (credsStore) would hide it."

    def forget(self, server: str) -> bool:
        """Tell whether there was anything to forget."""
        helper = self._helper(server)
        known = (self._config.get("auths") or {}).pop(server, None) is not None
        if helper:
            known = bool(_from_helper(_ask(helper, "get", server), server)) or known
            _ask(helper, "erase", server)
        self._write()
        return known

    def _helper(self, server: str) -> str:
        return str((self._config.get("credHelpers") or {}).get(server) or self._config.get("credsStore") or "")

    def _write(self) -> None:
        """Nobody else may read it; what was there stays until the new one is whole."""
        os.makedirs(os.path.dirname(self._file), mode=0o700, exist_ok=True)
        new = f"{self._file}.{os.getpid()}"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._config, file, indent="\t")
        os.replace(new, self._file)


def _from_helper(said: str, server: str) -> Auth:
    if not said:
        return {}
    try:
        document = json.loads(said)
        user, secret = str(document["Username"]), str(document["Secret"])
    except (ValueError, KeyError, TypeError) as e:
        raise PlatformError(f"the credential helper's answer for {server} cannot be read") from e
    if user == _TOKEN:
        return {"identitytoken": secret, "serveraddress": server}
    return {"username": user, "password": secret, "serveraddress": server}


def _ask(helper: str, action: str, said: str) -> str:
    """Run `docker-credential-HELPER ACTION`; return what it says, "" for what it does not know. Messages are far
    smaller than a pipe, so that neither side waits. Source: docker/docker-credential-helpers, its README."""
    program = f"docker-credential-{helper}"
    (their_input, ours), (answer, their_output) = os.pipe(), os.pipe()
    try:
        actions = [(os.POSIX_SPAWN_DUP2, their_input, 0), (os.POSIX_SPAWN_DUP2, their_output, 1)]
        pid = os.posix_spawnp(program, [program, action], os.environ, file_actions=actions)
    except OSError as e:
        os.close(ours)
        os.close(answer)
        raise PlatformError(f"{program}: {e.strerror}") from e
    finally:
        os.close(their_input)
        os.close(their_output)
    with open(ours, "w") as sink:
        sink.write(said)
    with open(answer) as source:
        text = source.read().strip()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code and "credentials not found" in text:
        return ""
    if code:
        raise PlatformError(f"{program} {action}: {text or f'ended with {code}'}")
    return text
