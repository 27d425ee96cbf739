"""What `run` and `create` are given, and the request that makes of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from boxship.base.errors import Invalid
from boxship.base.units import parse_size

Ports = Mapping[str, int | str | tuple[str, int] | None]


class Options(TypedDict, total=False):
    """All may be left out.

    ports:       container port ("80/tcp", "80") -> host port, (address, port), or None for a free one.
    volumes:     as after `docker run -v`: "/host:/inside:ro", "name:/inside".
    tmpfs:       path inside -> options, "" for none.
    memory:      bytes, or "64m".       cpus: 1.5 is one processor and a half.
    restart:     no, always, unless-stopped, on-failure or on-failure:3.
    auto_remove: the daemon removes the container once it has ended.
    host_config: further keys of the API's HostConfig, as they are; they win.
    config:      further keys beside HostConfig; they win.
    """

    name: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    ports: Ports
    volumes: Sequence[str]
    tmpfs: Mapping[str, str]
    network: str
    aliases: Sequence[str]
    hostname: str
    user: str
    working_dir: str
    entrypoint: Sequence[str]
    tty: bool
    stdin_open: bool
    init: bool
    privileged: bool
    read_only: bool
    cap_add: Sequence[str]
    cap_drop: Sequence[str]
    memory: int | str
    cpus: float
    restart: str
    auto_remove: bool
    platform: str
    host_config: Mapping[str, Any]
    config: Mapping[str, Any]


_BESIDE = {
    "hostname": "Hostname", "user": "User", "working_dir": "WorkingDir", "tty": "Tty", "stdin_open": "OpenStdin",
}  # fmt: skip
_HOST = {
    "tmpfs": "Tmpfs", "network": "NetworkMode", "init": "Init", "privileged": "Privileged",
    "read_only": "ReadonlyRootfs", "auto_remove": "AutoRemove",
}  # fmt: skip
_HOST_LISTS = {"volumes": "Binds", "cap_add": "CapAdd", "cap_drop": "CapDrop"}


def request(image: str, command: Sequence[str] | None, options: Options) -> tuple[dict[str, str], dict[str, Any]]:
    """Return query and body of the call that creates. Raises Invalid for an option that is none."""
    given: dict[str, Any] = dict(options)
    _known(given)
    if isinstance(command, str) or isinstance(given.get("entrypoint"), str):
        raise Invalid('a command is a list of words, as in ["echo", "hello"]; for a shell: ["sh", "-c", "…"]')
    query = {key: given[key] for key in ("name", "platform") if given.get(key)}
    body: dict[str, Any] = {"Image": image}
    if command is not None:
        body["Cmd"] = list(command)
    if "entrypoint" in given:
        body["Entrypoint"] = list(given["entrypoint"])
    if "environment" in given:
        body["Env"] = [f"{name}={value}" for name, value in given["environment"].items()]
    if "labels" in given:
        body["Labels"] = dict(given["labels"])
    body |= {_BESIDE[key]: given[key] for key in _BESIDE if key in given}
    host = _host(given)
    exposed, bindings = _ports(given.get("ports") or {})
    if exposed:
        body["ExposedPorts"], host["PortBindings"] = exposed, bindings
    if given.get("aliases"):
        if not given.get("network"):
            raise Invalid("aliases need a network: name it with network=")
        body["NetworkingConfig"] = {"EndpointsConfig": {given["network"]: {"Aliases": list(given["aliases"])}}}
    body["HostConfig"] = host
    return query, {**body, **given.get("config", {})}


def _known(given: Mapping[str, Any]) -> None:
    unknown = [key for key in given if key not in Options.__annotations__]
    if unknown:
        raise Invalid(f"unknown option {unknown[0]}: there are {', '.join(sorted(Options.__annotations__))}")


def _host(given: Mapping[str, Any]) -> dict[str, Any]:
    host: dict[str, Any] = {_HOST[key]: given[key] for key in _HOST if key in given}
    host |= {_HOST_LISTS[key]: list(given[key]) for key in _HOST_LISTS if key in given}
    if "memory" in given:
        host["Memory"] = given["memory"] if isinstance(given["memory"], int) else parse_size(given["memory"])
    if "cpus" in given:
        host["NanoCpus"] = round(given["cpus"] * 1e9)
    if "restart" in given:
        name, _, count = given["restart"].partition(":")
        host["RestartPolicy"] = {"Name": name, "MaximumRetryCount": int(count or 0)}
    return {**host, **given.get("host_config", {})}


def _ports(ports: Ports) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    exposed: dict[str, Any] = {}
    bindings = {}
    for port, where in ports.items():
        name = port if "/" in port else f"{port}/tcp"
        address, number = where if isinstance(where, tuple) else ("", where)
        exposed[name] = {}
        bindings[name] = [{"HostIp": address, "HostPort": "" if number is None else str(number)}]
    return exposed, bindings
