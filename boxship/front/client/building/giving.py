"""What a build may ask of whoever wants it, answered: each question in a thread of its own."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client.building import context, layout
from boxship.front.client.building.keyagent import Agent
from boxship.front.client.building.talk import CHUNK, Conversation
from boxship.front.client.building.unpack import unpack

Auth = dict[str, str]


class Secret(NamedTuple):
    """Where a secret is: a file, or a variable of our environment. owner: Uid, Gid and Mode of its file in steps that
    do not say themselves, as far as they are wanted."""

    path: str = ""
    variable: str = ""
    owner: Mapping[str, int] = {}


class Given(NamedTuple):
    """directories: by the names that the request uses; "-" is the archive on our input.  keys: what the daemon may
    keep each under.  variables: that secrets come from.  agents: by id.  outputs: places by id, "-" is our output.
    stores: directories of OCI layouts.  auth: of a registry."""

    directories: Mapping[str, str] = {}
    archive: BinaryIO | None = None
    keys: Mapping[str, str] = {}
    secrets: Mapping[str, Secret] = {}
    variables: Mapping[str, str] = os.environ
    agents: Mapping[str, Agent] = {}
    outputs: Mapping[str, str] = {}
    stores: frozenset[str] = frozenset()
    auth: Callable[[str], Auth] = lambda _: {}


def answer(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    """Answer one question. Raises PlatformError, which the daemon is told."""
    asked = question.get("Ask") or question.get("Give") or "blob"
    found = _ANSWERS.get(asked)
    if found is None:
        raise Invalid(f"this client knows nothing of {asked!r}: it is older than the daemon")
    found(given, question, talk)


def _directory(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    name, only = question["Name"], question.get("Only") or ()
    root = given.directories.get(name)
    if root is None:
        talk.say({"None": True})
        return
    if root == "-" and given.archive is not None:
        talk.say({"Name": "-", "Archive": True})
        talk.send_all(iter(partial(given.archive.read, CHUNK), b""))
        talk.end()
        return
    if only:
        talk.say({"Name": root})
        talk.send_all(context.archive(root, context.chosen(root, only)))
        talk.end()
        return
    talk.say({"Name": root, "Key": given.keys.get(name, "")})
    talk.send(context.listing(root, question.get("Ignore") or ()))
    talk.end()
    missing = talk.message()["Send"]
    if missing:
        talk.send_all(context.archive(root, missing))
        talk.end()


def _secret(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    secret = given.secrets.get(question["Id"])
    if secret is None:
        talk.say({"None": True})
        return
    talk.send(read_secret(question["Id"], secret, given.variables))
    talk.end()


def read_secret(id: str, secret: Secret, variables: Mapping[str, str]) -> bytes:
    """Raises Invalid naming the secret, never telling it."""
    if secret.variable:
        return variables.get(secret.variable, "").encode(errors="surrogateescape")
    try:
        with open(secret.path, "rb") as file:
            return file.read()
    except OSError as e:
        raise Invalid(f"secret {id}: cannot read {secret.path}: {e.strerror}") from e


def _agent(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    talk.say({"There": question["Id"] in given.agents})


def _dial(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    """Bytes both ways until either side ends."""
    import threading

    with given.agents[question["Id"]].connect() as agent:

        def onward() -> None:
            with contextlib.suppress(OSError, PlatformError):
                for piece in talk.pieces():
                    agent.sendall(piece)
                agent.shutdown(socket.SHUT_WR)

        threading.Thread(target=onward, daemon=True).start()
        while data := agent.recv(CHUNK):
            talk.send(data)
    talk.end()


def _credentials(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    talk.say(given.auth(question["Domain"]))


def _archive(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    place = given.outputs[question["Output"]]
    if place == "-":
        for piece in talk.pieces():
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        with open(f"{place}.part", "wb") as file:
            for piece in talk.pieces():
                file.write(piece)
        os.replace(f"{place}.part", place)
    talk.end()


def _tree(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    """Devices and owners are left to who has the right to make them."""
    unpack(talk.pieces(), given.outputs[question["Output"]])
    talk.drain()
    talk.end()


def _blob(given: Given, question: Mapping[str, Any], talk: Conversation) -> None:
    place, what = question["Place"], question["Blob"]
    if place not in given.stores:
        raise Invalid(f"{place} is no place that this build was given")
    match what:
        case "manifest":
            found = layout.manifest(place, question.get("Tag", ""), question.get("Digest", ""))
            if found is None:
                talk.say({"None": True})
                return
            talk.send(found)
        case "read":
            talk.send_all(layout.read(place, question["Digest"]))
        case "has":
            talk.say({"There": layout.has(place, question["Digest"])})
            return
        case "write":
            layout.write(place, question["Digest"], talk.pieces())
        case "finish":
            layout.finish(place, b"".join(talk.pieces()), question["MediaType"], question.get("Tag") or "latest")
        case _:
            raise Invalid(f"this client knows nothing of {what!r}: it is older than the daemon")
    talk.end()


_ANSWERS: Mapping[str, Callable[[Given, Mapping[str, Any], Conversation], None]] = {
    "directory": _directory,
    "secret": _secret,
    "agent": _agent,
    "dial": _dial,
    "credentials": _credentials,
    "archive": _archive,
    "tree": _tree,
    "blob": _blob,
}
