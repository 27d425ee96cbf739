"""`boxship network …`."""

from typing import Any

from boxship.front.cli import preferences, tables
from boxship.front.cli.command import Command, Session, each
from boxship.front.cli.container.life import FILTER, FORCE, confirm, filters
from boxship.front.cli.container.options import pairs
from boxship.front.cli.flags import Parsed, many, number, switch, text, words
from boxship.front.cli.inspect import FORMAT, print_each
from boxship.front.client.api import ApiError, segment

COLUMNS = {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"}

MORE = {"IPv4": "IPV4", "IPv6": "IPV6", "Internal": "INTERNAL", "Labels": "LABELS", "CreatedAt": "CREATED AT"}
RAW = {"network_id": "ID", "name": "Name", "driver": "Driver", "scope": "Scope"}


def path(ref: str) -> str:
    return f"/networks/{segment(ref)}"


def ls(session: Session, parsed: Parsed) -> None:
    whole = parsed.on("no-trunc")
    rows = [
        {
            "ID": entry["Id"] if whole else tables.short_id(entry["Id"]),
            "Name": entry["Name"],
            "Driver": entry["Driver"],
            "Scope": entry["Scope"],
            "IPv4": str(entry.get("EnableIPv4", False)).lower(),
            "IPv6": str(entry.get("EnableIPv6", False)).lower(),
            "Internal": str(entry.get("Internal", False)).lower(),
            **tables.labels(entry),
            "CreatedAt": tables.go_time(entry.get("Created", "")),
        }
        for entry in sorted(session.client.get("/networks", {"filters": filters(parsed)}), key=lambda e: str(e["Name"]))
    ]
    form, quiet = preferences.form(session, parsed, "networksFormat"), "ID" if parsed.on("quiet") else ""
    lines = tables.listing(rows, COLUMNS, form, quiet=quiet, more=MORE, raw=RAW)
    if lines:
        session.say(lines)


def create(session: Session, parsed: Parsed) -> None:
    body: dict[str, Any] = {
        "Name": parsed.args[0],
        "Driver": parsed.text("driver"),
        "Internal": parsed.on("internal"),
        "Attachable": parsed.on("attachable"),
        "Ingress": parsed.on("ingress"),
        "ConfigOnly": parsed.on("config-only"),
        "Options": pairs(parsed.many("opt")),
        "Labels": pairs(parsed.many("label")),
        "IPAM": {
            "Driver": parsed.text("ipam-driver"),
            "Config": _pools(parsed),
            "Options": pairs(parsed.many("ipam-opt")),
        },
    }
    if parsed.text("config-from"):
        body["ConfigFrom"] = {"Network": parsed.text("config-from")}
    if parsed.text("scope"):
        body["Scope"] = parsed.text("scope")
    for flag, name in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if parsed.given(flag):
            body[name] = parsed.on(flag)
    told = session.client.post("/networks/create", body=body)
    if told.get("Warning"):
        session.warn(f"WARNING: {told['Warning']}")
    session.say(told["Id"])


def _pools(parsed: Parsed) -> list[dict[str, Any]]:
    """Return a pool for each --subnet, with the range, gateway and addresses that lie in it. Raises Invalid."""
    import ipaddress

    from boxship.base.errors import Invalid

    pools: list[dict[str, Any]] = [{"Subnet": subnet} for subnet in parsed.many("subnet")]

    def home(address: str, flag: str) -> dict[str, Any]:
        inside = ipaddress.ip_interface(address).ip
        for pool in pools:
            if inside in ipaddress.ip_network(pool["Subnet"], strict=False):
                return pool
        raise Invalid(f"no matching subnet for {flag} {address}; give it a --subnet")

    try:
        for address in parsed.many("ip-range"):
            home(address, "range")["IPRange"] = address
        for address in parsed.many("gateway"):
            home(address, "gateway")["Gateway"] = address
        for word in parsed.many("aux-address"):
            name, _, address = word.partition("=")
            home(address, "aux-address").setdefault("AuxiliaryAddresses", {})[name] = address
    except ValueError as e:
        raise Invalid(str(e)) from e
    return pools


def remove(session: Session, parsed: Parsed) -> int:
    def act(ref: str) -> str:
        try:
            session.client.delete(path(ref))
        except ApiError as error:
            if error.code != 404 or not parsed.on("force"):
                raise
            return ""
        return ref

    return each(session, parsed.args, act)


def inspect(session: Session, parsed: Parsed) -> int:
    query = {"verbose": parsed.on("verbose")}
    return print_each(session, parsed, lambda ref: session.client.get(path(ref), query))


def connect(session: Session, parsed: Parsed) -> None:
    network, container = parsed.args
    ipam: dict[str, Any] = {key: parsed.text(flag) for flag, key in (("ip", "IPv4Address"), ("ip6", "IPv6Address"))}
    ipam["LinkLocalIPs"] = list(parsed.many("link-local-ip")) or None
    endpoint = {
        "IPAMConfig": {key: value for key, value in ipam.items() if value},
        "Links": list(parsed.many("link")) or None,
        "Aliases": list(parsed.many("alias")) or None,
        "DriverOpts": pairs(parsed.many("driver-opt")) or None,
        "GwPriority": parsed.number("gw-priority"),
    }
    session.client.post(f"{path(network)}/connect", body={"Container": container, "EndpointConfig": endpoint})


def disconnect(session: Session, parsed: Parsed) -> None:
    network, container = parsed.args
    session.client.post(f"{path(network)}/disconnect", body={"Container": container, "Force": parsed.on("force")})


def prune(session: Session, parsed: Parsed) -> None:
    confirm(session, parsed, "This will remove all custom networks not used by at least one container.")
    told = session.client.post("/networks/prune", {"filters": filters(parsed)})
    if told.get("NetworksDeleted"):
        session.say("\n".join(["Deleted Networks:", *told["NetworksDeleted"], ""]))


COMMANDS = {
    "connect": Command(
        "[OPTIONS] NETWORK CONTAINER",
        connect,
        (
            words("alias", "", "One more name in the network"),
            words("driver-opt", "", "Option of the driver"),
            number("gw-priority", "", "The network with the highest is the way out"),
            text("ip", "", "IPv4 address"),
            text("ip6", "", "IPv6 address"),
            many("link", "", "Link to another container"),
            words("link-local-ip", "", "Link-local address"),
        ),
        2,
        2,
    ),
    "create": Command(
        "[OPTIONS] NETWORK",
        create,
        (
            switch("attachable", "", "Let containers join by hand"),
            many("aux-address", "", "Addresses to leave alone, name=address", "map"),
            text("config-from", "", "Copy the settings of this network"),
            switch("config-only", "", "Make settings only"),
            text("driver", "d", "Driver", default="bridge"),
            words("gateway", "", "Gateway of a subnet"),
            switch("ingress", "", "Make the routing mesh's network"),
            switch("internal", "", "Give it no way out"),
            words("ip-range", "", "Give addresses from this part of a subnet"),
            text("ipam-driver", "", "Driver of addresses", default="default"),
            many("ipam-opt", "", "Option of that driver", "map"),
            switch("ipv4", "", "Give it IPv4", True),
            switch("ipv6", "", "Give it IPv6"),
            many("label", "", "Set a label"),
            many("opt", "o", "Option of the driver", "map"),
            text("scope", "", "Scope of the network"),
            words("subnet", "", "Subnet, 172.28.0.0/16"),
        ),
        1,
        1,
    ),
    "disconnect": Command(
        "[OPTIONS] NETWORK CONTAINER", disconnect, (switch("force", "f", "Also where it is gone"),), 2, 2
    ),
    "inspect": Command(
        "[OPTIONS] NETWORK [NETWORK...]", inspect, (FORMAT, switch("verbose", "v", "Show more of it")), 1
    ),
    "ls": Command(
        "[OPTIONS]",
        ls,
        (
            FILTER._replace(short="f"),
            FORMAT._replace(short=""),
            switch("no-trunc", "", "Show all of it"),
            switch("quiet", "q", "Show ids only"),
        ),
        most=0,
    ),
    "prune": Command("[OPTIONS]", prune, (FORCE, FILTER), most=0),
    "rm": Command("NETWORK [NETWORK...]", remove, (switch("force", "f", "Do not mind one that is gone"),), 1),
}
