"""`boxship login`, `logout`, `push`: registries that want to know who asks."""

import getpass
import json
import sys

from boxship.base.errors import Invalid
from boxship.front.cli import progress
from boxship.front.cli.command import Command, Session
from boxship.front.cli.container.options import refuse_trust
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.cli.image import TRUST, platform_of
from boxship.front.client.credentials import HUB, Keyring, shown


def login(session: Session, parsed: Parsed) -> None:
    """Nothing is stored unless the registry lets the user in."""
    server = _server(parsed)
    user = parsed.text("username") or input("Username: ")
    password = _password(parsed)
    told = session.client.post("/auth", body={"username": user, "password": password, "serveraddress": server})
    remark = Keyring(session.environ).keep(server, user, password, (told or {}).get("IdentityToken", ""))
    if remark:
        session.warn(f"WARNING! {remark}")
    session.say((told or {}).get("Status") or "Login Succeeded")


def _password(parsed: Parsed) -> str:
    if parsed.on("password-stdin"):
        if parsed.text("password"):
            raise Invalid("--password and --password-stdin are mutually exclusive")
        if not parsed.text("username"):
            raise Invalid("Must provide --username with --password-stdin")
        found = sys.stdin.read().rstrip("\r\n")
    else:
        found = parsed.text("password") or getpass.getpass("Password: ")
    if not found:
        raise Invalid("password required")
    return found


def logout(session: Session, parsed: Parsed) -> None:
    server = _server(parsed)
    if not Keyring(session.environ).forget(server):
        session.say(f"Not logged in to {server}")
    else:
        session.say(f"Removing login credentials for {server}")


def _server(parsed: Parsed) -> str:
    """Addresses may be given with a scheme and a path; Docker Hub has its own name."""
    given = parsed.args[0] if parsed.args else ""
    host = (given.partition("://")[2] or given).partition("/")[0]
    return HUB if host in ("", "docker.io", "index.docker.io", "registry-1.docker.io") else host


def push(session: Session, parsed: Parsed) -> None:
    """Without a tag `latest`, with --all-tags all of the repository."""
    target = progress.from_image(parsed.args[0])
    everything = parsed.on("all-tags")
    if everything and ":" in parsed.args[0].rpartition("/")[2]:
        raise Invalid("tag can't be used with --all-tags/-a")
    headers = {"X-Registry-Auth": "e30=", **shown(session.environ, target["fromImage"])}  # the API wants one
    refuse_trust(parsed)
    if not everything and not progress.names_a_tag(parsed.args[0]) and not parsed.on("quiet"):
        session.say("Using default tag: latest")
    word = parsed.text("platform")
    query = {
        "tag": None if everything else target["tag"],
        "platform": json.dumps(platform_of(word)) if word else None,
    }
    reply = session.client.stream("POST", f"/images/{target['fromImage']}/push", query, headers=headers)
    progress.show(reply, session.out, quiet=parsed.on("quiet"))
    if parsed.on("quiet"):
        session.say(parsed.args[0])


COMMANDS = {
    "login": Command(
        "[OPTIONS] [SERVER]",
        login,
        (
            text("username", "u", "Name of the user"),
            text("password", "p", "The password; better from --password-stdin"),
            switch("password-stdin", "", "Read the password from our input"),
        ),
        most=1,
        examples="pass registry | boxship login -u me --password-stdin registry.example.org",
    ),
    "logout": Command("[SERVER]", logout, most=1),
    "push": Command(
        "[OPTIONS] NAME[:TAG]",
        push,
        (
            switch("all-tags", "a", "Push all tags of the repository"),
            TRUST,
            text("platform", "", "Send only this platform of the image"),
            switch("quiet", "q", "Do not tell progress"),
        ),
        1,
        1,
    ),
}
