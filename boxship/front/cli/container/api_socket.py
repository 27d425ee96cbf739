"""`--use-api-socket`: a container that may drive the daemon it runs on, with the logins its user has."""

import io
import json
import tarfile
from typing import Any

from boxship.base.errors import Invalid
from boxship.front.cli.command import Session
from boxship.front.cli.container.life import path
from boxship.front.client.credentials import Keyring

INSIDE = "/var/run/docker.sock"
CONFIG = "/run/secrets/docker"


def share(session: Session, body: dict[str, Any]) -> None:
    """Add the socket and where to find the logins to a create request. Raises Invalid for a daemon elsewhere."""
    address = session.client.address
    if not address.path:
        raise Invalid(f"flag --use-api-socket can only be used with unix sockets: {address.shown} is none")
    mount = {"Type": "bind", "Source": address.path, "Target": INSIDE, "BindOptions": {}}
    body["HostConfig"]["Mounts"] = [*(body["HostConfig"]["Mounts"] or ()), mount]
    if not any(word.startswith("DOCKER_CONFIG=") for word in body["Env"]):
        body["Env"].append(f"DOCKER_CONFIG={CONFIG}")


def put_logins(session: Session, ref: str) -> None:
    """Write a config.json with every login into a container that is not started yet; nobody but root may read it."""
    content = json.dumps({"auths": Keyring(session.environ).all()}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(f"{CONFIG.lstrip('/')}/config.json")
        entry.size, entry.mode = len(content), 0o600
        archive.addfile(entry, io.BytesIO(content))
    query = {"path": "/", "noOverwriteDirNonDir": True}
    headers = {"Content-Type": "application/x-tar"}
    session.client.stream("PUT", f"{path(ref)}/archive", query, body=packed.getvalue(), headers=headers).body()
