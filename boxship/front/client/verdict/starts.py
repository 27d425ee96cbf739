"""Why a start failed: from the daemon's sentence to a cause. Pure. Knows dockerd's sentences and our own."""

import re
from typing import NamedTuple

from boxship.front.client.verdict.facts import Facts, Verdict


class Rule(NamedTuple):
    """pattern: of the sentence, in small letters or not. text and step may name its groups."""

    pattern: str
    cause: str
    text: str
    step: str


RULES = (
    Rule(
        r"exec: \"(?P<what>[^\"]+)\": executable file not found",
        "command-not-found",
        "its command {what} is not in the image",
        "look for it with `boxship run --rm --entrypoint ls {image} /bin`, or correct the command",
    ),
    Rule(
        r"exec: \"(?P<what>[^\"]+)\".*no such file or directory|stat (?P<what2>\S+): no such file or directory",
        "command-not-found",
        "its command {what} is not in the image",
        "correct the path, or build it into the image",
    ),
    Rule(
        r"exec format error",
        "wrong-platform",
        "its program is made for another kind of processor, or is a script without `#!`",
        "pull the image with --platform of this machine, or correct the script's first line",
    ),
    Rule(
        r"exec: \"(?P<what>[^\"]+)\": (permission denied|is a directory)",
        "not-executable",
        "its command {what} cannot be executed",
        "it must be a program with the x bit: `RUN chmod +x {what}` in the Dockerfile",
    ),
    Rule(
        r"unable to find user (?P<what>[^:\s]+)",
        "no-user",
        "the image has no user {what}",
        "give a number with --user, or make the user in the Dockerfile",
    ),
    Rule(
        r"unable to find group (?P<what>[^:\s]+)",
        "no-group",
        "the image has no group {what}",
        "give a number, or make the group in the Dockerfile",
    ),
    Rule(
        r"(?:Bind for )?(?P<address>\S+?):(?P<port>\d+)(?:/\w+)? failed: port is already allocated",
        "port-taken",
        "port {port} is taken by {holder}",
        "publish another port, or stop {holder}",
    ),
    Rule(
        r"(?P<address>[\d.\[\]:a-f]+):(?P<port>\d+)(?:/\w+)?: (?:bind: )?cannot assign requested address",
        "no-address",
        "this machine has no address {address} to publish port {port} at",
        "publish at an address that `ip address` shows",
    ),
    Rule(
        r"(?P<address>[\d.\[\]:a-f]+):(?P<port>\d+)(?:/\w+)?: (?:bind: )?address already in use",
        "port-in-use",
        "port {port} of this machine is in use by a program outside of containers",
        "find it with `ss -ltnup 'sport = :{port}'`, or publish another port",
    ),
    Rule(
        r"port is already allocated",
        "port-taken",
        "a port it publishes is taken by {holder}",
        "publish another port",
    ),
    Rule(
        r"network (?P<what>\S+) not found|could not find a network matching .*?(?P<what2>[\w.-]+)",
        "no-network",
        "the network {what} does not exist",
        "make it with `boxship network create {what}`",
    ),
    Rule(
        r"cannot join (?P<kind>\w+) (?:namespace )?of a (?:non |not )running container:? ?(?P<what>\S*)",
        "no-peer",
        "it shares the {kind} namespace of {peer}, which does not run",
        "start that one first: `boxship start {peer}`",
    ),
    Rule(
        r"(?:joining network namespace of container|cannot join \w+ of container).*?(?P<what>\S+)$|"
        r"No such container: (?P<what2>\S+)",
        "no-peer",
        "it needs the container {peer}, which does not run or has gone",
        "make it anew with a container that exists",
    ),
    Rule(
        r"(?:device information while adding custom device|no such device) \"?(?P<what>/dev/[^\"\s:]+)",
        "no-device",
        "this machine has no device {what}",
        "leave --device out, or load the driver that makes it",
    ),
    Rule(
        r"/proc/sys/(?P<what>\S+?)[:'`\"]? ?:? ?(?:no such file|invalid argument|permission denied|read-only)",
        "bad-sysctl",
        "the kernel does not take the parameter {what} (--sysctl)",
        "leave it out, or correct its name and value",
    ),
    Rule(
        r"(?:chdir|cwd|working directory|workdir)[^`\"/]*[`\"]?(?P<what>/[^`\":\s]*)",
        "bad-workdir",
        "its working directory {what} is not a directory it may enter",
        "give another with --workdir",
    ),
    Rule(
        r"bind source path does not exist: (?P<what>\S+)|"
        r"stat'?ing (?:file )?[`\"](?P<what2>[^`\"]+)[`\"]: no such file",
        "mount-source",
        "{what} on this machine, which it mounts, does not exist",
        "make it: `mkdir -p {what}`",
    ),
    Rule(
        r"mount [`\"](?P<what>[^`\"]+)[`\"] to [`\"](?P<target>[^`\"]+)[`\"]: not a directory|"
        r"not a directory.*mount a directory onto a file",
        "mount-mismatch",
        "it mounts a file where the image has a directory, or a directory where it has a file{mounted}",
        "correct the mount: both must be files, or both directories",
    ),
    Rule(
        r"(?:error while mounting volume|failed to mount local volume)[^:]*: ?(?P<what>.*)",
        "mount-failed",
        "a volume could not be mounted: {what}",
        "correct the volume's options: `boxship volume inspect` shows them",
    ),
    Rule(
        r"mount[^:]*[`\"'](?P<what>/[^`\"']*)[`\"'].*?: (?P<why>[\w -]+)$",
        "mount-failed",
        "{what} could not be mounted: {why}",
        "look at the mount's source and options",
    ),
    Rule(
        r"no space left on device",
        "disk-full",
        "the disk of the daemon is full",
        "make room: `boxship system df`, then `boxship system prune`",
    ),
    Rule(
        r"no such image|image .*not found|layer .*(?:missing|does not exist)",
        "image-missing",
        "its image {image} is not here any more",
        "pull it: `boxship pull {image}`",
    ),
    Rule(
        r"plugin \"?(?P<what>[\w./:-]+)\"? not found",
        "no-plugin",
        "the plugin {what} is not there",
        "start the plugin, or use another driver",
    ),
    Rule(
        r"address (?P<what>[\d.a-f:]+) (?:is )?(?:already in use|already allocated)|Address already in use",
        "address-taken",
        "the address it asks for in its network is taken",
        "leave --ip out, or find who has it with `boxship network inspect`",
    ),
)


def failed_start(facts: Facts) -> Verdict:
    """Return why the last start failed, from State.Error."""
    error = str(facts.state.get("Error", ""))
    for rule in RULES:
        match = re.search(rule.pattern, error, re.IGNORECASE)
        if match:
            words = _words(facts, match)
            return Verdict(cause=rule.cause, text=_filled(rule.text, words), step=_filled(rule.step, words))
    step = "correct what the daemon names, then start it"
    return Verdict(cause="start-failed", text="the daemon refused", step=step)


def _words(facts: Facts, match: re.Match[str]) -> dict[str, str]:
    found = {key: value for key, value in match.groupdict().items() if value}
    what = found.get("what") or found.get("what2") or ""
    return {
        "image": str(facts.config.get("Image", "")),
        "address": found.get("address", "").strip("[]"),
        "port": found.get("port", ""),
        "kind": found.get("kind", "").lower(),
        "why": found.get("why", ""),
        "what": what,
        "holder": holder(facts, found.get("port", "")),
        "peer": name_of(facts, what),
        "mounted": f": {found['target']}" if found.get("target") else "",
    }


def holder(facts: Facts, port: str) -> str:
    """Return which other container publishes a port."""
    own = str((facts.inspect or {}).get("Id", ""))
    for other in facts.others:
        if other["Id"] == own:
            continue
        if any(str(entry.get("PublicPort", "")) == port for entry in other.get("Ports") or ()):
            return f"the container {str(other['Names'][0]).removeprefix('/')}"
    return "another container"


def name_of(facts: Facts, ref: str) -> str:
    """Return the name of the container that `ref` means, or `ref`."""
    for other in facts.others:
        if ref and str(other["Id"]).startswith(ref):
            return str(other["Names"][0]).removeprefix("/")
    return ref


def _filled(text: str, words: dict[str, str]) -> str:
    return text.format(**words)
