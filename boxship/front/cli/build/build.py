"""`boxship build`: files to the daemon, progress to the terminal, the result where it is wanted."""

import hashlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, BinaryIO, cast

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.front.cli.build.display import Display, display
from boxship.front.cli.command import Command, Failed, Session
from boxship.front.cli.flags import Parsed, many, number, switch, text, words
from boxship.front.client.building import wish
from boxship.front.client.building.agents import agents
from boxship.front.client.building.giving import Auth, Given, answer, read_secret
from boxship.front.client.building.talk import Talk
from boxship.front.client.credentials import HUB, Keyring

PATH = "/boxship/build"
ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def build(session: Session, parsed: Parsed) -> int:
    last = carry_out(session, parsed, display(_style(session, parsed), session.err))
    if "Checked" in last:
        return _checked(session, last["Checked"])
    _ended(session, parsed, last["Ended"])
    return 0


def carry_out(session: Session, parsed: Parsed, shown: Display) -> dict[str, Any]:
    """Return the daemon's last word, {"Ended": …} or {"Checked": …}. Raises Failed."""
    request, given = _request(session, parsed)
    connection, _ = session.client.hijack(PATH, body=request)
    with connection:
        talk = Talk(connection, lambda question, conversation: answer(given, question, conversation))
        try:
            last = _follow(talk, shown)
        finally:
            shown.close()
    if "Failed" in last:
        raise _failure(last["Failed"])
    if not last:
        raise ConnectionError("the build's connection ended before the build did")
    return last


def _follow(talk: Talk, shown: Display) -> dict[str, Any]:
    for told in talk.told():
        if told.keys() & {"Ended", "Failed", "Checked"}:
            return told
        shown.feed(told)
    return {}


def _failure(told: dict[str, Any]) -> Failed:
    excerpt = told.get("Excerpt", "")
    return Failed(1, f"{excerpt}\nERROR: {told['Message']}" if excerpt else f"ERROR: {told['Message']}")


def _checked(session: Session, told: dict[str, Any]) -> int:
    found = told["Warnings"] or []
    if told["Error"]:
        raise Failed(1, f"ERROR: {told['Error']}")
    if not found:
        session.say("Check complete, no warnings found.")
        return 0
    session.say(f"Check complete, {len(found)} warning{'s have' if len(found) > 1 else ' has'} been found!")
    for each in found:
        session.say(f"\nWARNING: {each['rule']} - {each['url']}\n{each['short']}\n{each['file']}:{each['line']}")
        if each["detail"]:
            session.say("-" * 20 + f"\n{each['line']:4} | >>> {each['detail']}\n" + "-" * 20)
    return 1


def _ended(session: Session, parsed: Parsed, told: dict[str, Any]) -> None:
    image = told["ImageID"]
    if parsed.text("iidfile"):
        _write(parsed.text("iidfile"), image or told["Digest"])
    if parsed.text("metadata-file"):
        _write(parsed.text("metadata-file"), wish.metadata(told))
    if parsed.on("quiet") and image:
        session.say(image)


def _write(path: str, content: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(content)
    except OSError as e:
        raise PlatformError(f"the build has ended well, but {path} cannot be written: {e.strerror}") from e


# ---- the request


def _request(session: Session, parsed: Parsed) -> tuple[dict[str, Any], Given]:
    _refuse(parsed)
    outputs, places = _outputs(parsed)
    source = _Source(session, parsed)
    secrets = dict(map(wish.secret, parsed.many("secret")))
    for id, secret in secrets.items():
        read_secret(id, secret, session.environ)  # said now, not in the middle of the build
    request: dict[str, Any] = {
        **source.request,
        "Target": parsed.text("target"),
        "BuildArgs": {**_proxies(session), **wish.pairs(parsed.many("build-arg"), session.environ), **_epoch(session)},
        "Labels": wish.pairs(parsed.many("label"), {}),
        "Platform": parsed.text("platform"),
        "NoCache": parsed.on("no-cache"),
        "NoCacheFilter": [name for word in parsed.many("no-cache-filter") for name in word.split(",")],
        "Pull": parsed.on("pull"),
        "Network": parsed.text("network"),
        "Allow": list(parsed.many("allow")),
        "Tags": list(parsed.many("tag")),
        "Outputs": outputs,
        "CacheFrom": [wish.cache(word, "cache-from") for word in parsed.many("cache-from")],
        "CacheTo": [wish.cache(word, "cache-to") for word in parsed.many("cache-to")],
        "Attests": wish.attests(parsed.many("attest"), parsed.text("provenance"), parsed.text("sbom")),
        "Secrets": {id: dict(secret.owner) for id, secret in secrets.items() if secret.owner},
        "Check": parsed.on("check") or parsed.text("call") == "check",
        "Host": _host(parsed),
    }
    for arg in parsed.many("build-arg"):
        if not arg.partition("=")[0]:
            raise Invalid(f"invalid build argument {arg!r}: want KEY=VALUE or KEY")
    return request, Given(
        directories=source.directories,
        archive=source.archive,
        keys=source.keys,
        secrets=secrets,
        variables=session.environ,
        agents=agents(parsed.many("ssh"), session.environ),
        outputs=places,
        stores=frozenset((*source.stores, *_stores(request))),
        auth=lambda domain: _auth(session, domain),
    )


def _stores(request: dict[str, Any]) -> Iterator[str]:
    """Yield the directories of caches that are kept here."""
    for cache in (*request["CacheFrom"], *request["CacheTo"]):
        yield from (place for name, place in cache["Attributes"].items() if name in ("src", "dest"))


def _refuse(parsed: Parsed) -> None:
    """Old flags that ask for what there is not. Raises Invalid with what to do."""
    if parsed.on("squash"):
        raise Invalid("--squash is not supported: end with a stage that copies all from the one before")
    if not parsed.on("rm"):
        raise Invalid("--rm=false is not supported: containers of steps do not outlive their steps")
    if not parsed.on("disable-content-trust"):
        raise Invalid("--disable-content-trust=false is not supported: signatures of images are not looked at")
    if parsed.text("isolation") not in ("", "default"):
        raise Invalid(f"--isolation {parsed.text('isolation')} is not supported: want default")
    if parsed.text("call") not in ("build", "check"):
        raise Invalid(f"--call {parsed.text('call')} is not supported: want build or check")


def _host(parsed: Parsed) -> dict[str, Any]:
    return {
        "Memory": wish.size(parsed.text("memory")),
        "MemorySwap": -1 if parsed.text("memory-swap") == "-1" else wish.size(parsed.text("memory-swap")),
        "CpuShares": parsed.number("cpu-shares"),
        "CpuPeriod": parsed.number("cpu-period"),
        "CpuQuota": parsed.number("cpu-quota"),
        "CpusetCpus": parsed.text("cpuset-cpus"),
        "CpusetMems": parsed.text("cpuset-mems"),
        "CgroupParent": parsed.text("cgroup-parent"),
        "ShmSize": wish.size(parsed.text("shm-size")),
        "ExtraHosts": wish.hosts(parsed.many("add-host")),
        "Ulimits": wish.limits(parsed.many("ulimit")),
        "SecurityOpt": list(parsed.many("security-opt")),
    }


def _outputs(parsed: Parsed) -> tuple[list[dict[str, Any]], dict[str, str]]:
    found = [wish.output(word, number) for number, word in enumerate(parsed.many("output"))]
    if parsed.on("push"):
        found.append(({"Type": "registry", "Id": "push", "Attributes": {}}, ""))
    if parsed.on("load") and not any(each["Type"] == "image" for each, _ in found):
        found.append(({"Type": "image", "Id": "load", "Attributes": {}}, ""))
    places = {each["Id"]: place for each, place in found if place}
    if list(places.values()).count("-") > 1:
        raise Invalid("only one output can go to our output")
    if "-" in places.values() and sys.stdout.isatty():
        raise Invalid("an archive is not for a terminal: name a file with dest=FILE, or redirect the output")
    return [each for each, _ in found], places


def _proxies(session: Session) -> dict[str, str]:
    """Proxies of the user's config.json, which builds get as arguments that no image keeps."""
    return Keyring(session.environ).proxies(session.client.address.shown)


def _epoch(session: Session) -> dict[str, str]:
    value = session.environ.get("SOURCE_DATE_EPOCH", "")
    return {"SOURCE_DATE_EPOCH": value} if value else {}


def _auth(session: Session, domain: str) -> Auth:
    return Keyring(session.environ).find(HUB if domain in ("docker.io", "index.docker.io") else domain)


def _style(session: Session, parsed: Parsed) -> str:
    if parsed.on("quiet"):
        return "quiet"
    style = parsed.text("progress") or session.environ.get("BUILDKIT_PROGRESS", "") or "auto"
    if style not in ("auto", "tty", "plain", "quiet", "rawjson"):
        raise Invalid(f"invalid progress {style!r}: want auto, tty, plain, quiet or rawjson")
    if parsed.on("check") or parsed.text("call") == "check":
        return "quiet" if style == "auto" else style
    return style


class _Source:
    """Where Dockerfile and context come from: directories, an archive or a Dockerfile on our input, or elsewhere."""

    def __init__(self, session: Session, parsed: Parsed) -> None:
        self.request: dict[str, Any] = {}
        self.directories: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.archive: BinaryIO | None = None
        self.stores: set[str] = set()
        where, file = parsed.args[0], parsed.text("file")
        if where == "-":
            self._input(file)
        elif wish.is_remote(where):
            self.request = {"Context": where, "Dockerfile": file or "Dockerfile"}
        else:
            self._local(where, file)
        self.request["Contexts"] = {}
        for word in parsed.many("build-context"):
            self._named(word)

    def _input(self, file: str) -> None:
        if file == "-":
            raise Invalid("invalid argument: can't use stdin for both build context and dockerfile")
        source = cast(BufferedReader, sys.stdin.buffer)
        head = source.peek(512)[:512]
        if head.startswith(ARCHIVES) or head[257:262] == b"ustar":
            self.archive = source
            self.directories["context"] = "-"
            self.request["Dockerfile"] = file or "Dockerfile"
            return
        if file:
            raise Invalid("our input is no archive, so there is no context in which to find --file")
        self.request["Text"] = source.read().decode(errors="surrogateescape")

    def _local(self, where: str, file: str) -> None:
        if not os.path.isdir(where):
            raise NotFound(f"unable to prepare context: path {json.dumps(where)} not found")
        self._directory("context", where)
        if file == "-":
            self.request["Text"] = sys.stdin.buffer.read().decode(errors="surrogateescape")
            return
        if re.match("https?://", file):
            raise Invalid("a Dockerfile at a URL is a context of its own: boxship build URL")
        path = file or os.path.join(where, "Dockerfile")
        if not file and not os.path.lexists(path) and os.path.lexists(os.path.join(where, "dockerfile")):
            path = os.path.join(where, "dockerfile")
        if not os.path.isfile(path):
            raise NotFound(f"failed to read dockerfile: open {path}: no such file or directory")
        real = path if os.path.dirname(os.path.realpath(path)) == os.path.realpath(os.path.dirname(path) or ".") else ""
        folder, name = os.path.split(real or os.path.realpath(path))
        self.directories["dockerfile"] = folder or "."
        self.request |= {"Dockerfile": name, "Separate": True}

    def _directory(self, name: str, path: str) -> None:
        self.directories[name] = path
        told = f"{socket.gethostname()}\0{os.getuid()}\0{os.path.realpath(path)}"
        self.keys[name] = hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()

    def _named(self, word: str) -> None:
        name, equals, where = word.partition("=")
        if not equals or not name or not where:
            raise Invalid(
                f"invalid context value {word!r}: want NAME=PATH, URL, docker-image://IMAGE or oci-layout://PATH"
            )
        if wish.is_remote(where) or where.startswith("docker-image://"):
            self.request["Contexts"][name] = where
        elif where.startswith(wish.LAYOUT):
            place, told = wish.layout(where)
            if not os.path.isfile(os.path.join(place, "index.json")):
                raise NotFound(f"--build-context {word}: {place} is no OCI layout: it has no index.json")
            self.stores.add(place)
            self.request["Contexts"][name] = told
        elif where.startswith("target:"):
            raise Invalid(f"--build-context {word}: targets are of bake files; name an image, docker-image://NAME")
        elif os.path.isdir(where):
            self._directory(f"named:{name}", where)
            self.request["Contexts"][name] = f"local:named:{name}"
        else:
            raise NotFound(f"failed to get build context path {where}: no such directory")


FLAGS = (
    many("add-host", "", "Add a line for /etc/hosts, HOST:ADDRESS"),
    many("allow", "", "Allow what RUN may ask for: network.host, security.insecure"),
    many("attest", "", "State something about the result: type=provenance, type=sbom"),
    many("build-arg", "", "Set a build argument, KEY=VALUE"),
    many("build-context", "", "Name one more context, NAME=PATH"),
    many("cache-from", "", "Take a cache from there: type=registry,ref=… or type=local,src=…"),
    many("cache-to", "", "Put the cache there: type=registry,ref=…, type=local,dest=… or type=inline"),
    text("call", "", "What to do: build or check", default="build"),
    text("cgroup-parent", "", "Control group above those of steps"),
    switch("compress", "", "Changes nothing: only what has changed is sent"),
    switch("disable-content-trust", "", "Signatures of images are not looked at in any case", True),
    switch("force-rm", "", "Changes nothing: containers of steps always go"),
    text("isolation", "", "Isolation of steps: default is the only one"),
    switch("rm", "", "Remove the containers of steps, as is always done", True),
    switch("squash", "", "Not supported: copy from one stage into another to have one layer"),
    switch("check", "", "Only tell what the rules have to say"),
    number("cpu-period", "", "Limit the CPU's period"),
    number("cpu-quota", "", "Limit the CPU's quota"),
    number("cpu-shares", "c", "CPU shares, relative"),
    text("cpuset-cpus", "", "CPUs that steps may use"),
    text("cpuset-mems", "", "Memory nodes that steps may use"),
    text("file", "f", "The Dockerfile; `-` is our input"),
    text("iidfile", "", "Write the image's id to this file"),
    many("label", "", "Put a label on the result"),
    switch("load", "", "Keep the image here, which is done anyway without --output"),
    text("memory", "m", "Memory that a step may use", "bytes"),
    text("memory-swap", "", "Memory and swap that a step may use, -1 for any", "bytes"),
    text("metadata-file", "", "Write what the build has made to this file"),
    text("network", "", "Network of steps: default, host, none, or a network's name"),
    switch("no-cache", "", "Carry out every step"),
    many("no-cache-filter", "", "Carry out every step of these stages"),
    many("output", "o", "Where the result goes: type=local,dest=…"),
    text("platform", "", "Platform of the result, linux/amd64; several, parted by commas, make an index"),
    text("progress", "", "How to show progress: auto, tty, plain, quiet, rawjson"),
    text("provenance", "", "The same as --attest type=provenance: true, or mode=max"),
    switch("pull", "", "Look for newer base images"),
    switch("push", "", "Push the result"),
    switch("quiet", "q", "Show the image's id only"),
    text("sbom", "", "The same as --attest type=sbom: true"),
    many("secret", "", "A secret for steps: id=NAME,src=FILE or id=NAME,env=VARIABLE; uid, gid and mode of its file"),
    words("security-opt", "", "Security options of steps"),
    text("shm-size", "", "Size of /dev/shm", "bytes"),
    many("ssh", "", "An ssh agent for steps: default, ID=SOCKET, or ID=KEYFILE,KEYFILE"),
    many("tag", "t", "Name of the result"),
    text("target", "", "Stage to build"),
    many("ulimit", "", "Limit of resources, NAME=SOFT[:HARD]"),
)

COMMANDS = {
    "build": Command(
        "[OPTIONS] PATH | URL | -",
        build,
        FLAGS,
        1,
        1,
        examples="boxship build -t app .\nboxship build --secret id=token,env=TOKEN --output type=local,dest=out .",
    ),
}
