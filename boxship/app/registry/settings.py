"""The one table of the registry server's settings. Pure."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxship.app import kinds
from boxship.app.registry import rules
from boxship.app.table import Setting, Table, row, setting
from boxship.base.errors import Invalid
from boxship.engine.registry.options import Bucket, Options, Quota, Retention, Right, Upstream, Webhook
from boxship.front.cli.flags import Flag, Parsed, parse

PREFIX = "BOXSHIP_REGISTRY_"
GROUPS = ("Server", "Storage", "Who may do what", "Upstreams", "Rules")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one registry server, checked. Sizes in bytes, times in seconds."""

    # Server
    config: str = row(kinds.TEXT, "", "Read settings from this JSON file", short="c", key="", group="Server")
    listen: tuple[str, ...] = row(
        kinds.LIST, ("127.0.0.1:5000",), "Listen here, ADDRESS:PORT; port 0 takes a free one", group="Server"
    )
    tlscert: str = row(kinds.TEXT, "", "Our certificate: speak TLS", group="Server")
    tlskey: str = row(kinds.TEXT, "", "Key of our certificate", group="Server")
    tlscacert: str = row(kinds.TEXT, "", "Let in only clients whose certificate this authority signed", group="Server")
    behind_proxy: bool = row(
        kinds.SWITCH, False, "A proxy before us ends TLS: believe its X-Forwarded-Proto", group="Server"
    )
    access_log: str = row(
        kinds.TEXT, "", "Write a line of JSON for each request to this file; - is standard output", group="Server"
    )
    log_level: str = row(
        kinds.choice("debug", "info", "warn", "error"), "info", "Say this much: debug, info, warn, error",
        group="Server",
    )  # fmt: skip
    log_format: str = row(kinds.choice("text", "json"), "text", "Write our own log as text or json", group="Server")
    shutdown_timeout: int = row(
        kinds.NUMBER, 15, "Give open requests this many seconds when we are told to end", group="Server"
    )

    # Storage
    root: str = row(
        kinds.TEXT, "/var/lib/boxship/registry", "Keep records, uploads and blobs in this directory", group="Storage"
    )
    s3: tuple[Bucket, ...] = row(
        rules.kind(Bucket, "bucket=images,endpoint=https://s3.example:9000,region=us-east-1"), (),
        "Keep blobs in this S3 bucket instead; needs the extra `s3`", group="Storage",
    )  # fmt: skip
    lease: float = row(
        rules.SECONDS, 86_400.0,
        "Keep blobs that nothing uses for so long after their upload; longer than any push takes", group="Storage",
    )  # fmt: skip
    collect_every: float = row(
        rules.SECONDS, 3600.0, "Remove what is not used any more so often; 0 only when asked to", group="Storage"
    )

    # Who may do what
    htpasswd: str = row(
        kinds.TEXT, "", "Users and bcrypt hashes of passwords; without it everybody may do all", group="Who may do what"
    )
    token: bool = row(
        kinds.SWITCH, False, "Give out bearer tokens for passwords, instead of asking for the password each time",
        group="Who may do what",
    )  # fmt: skip
    token_service: str = row(kinds.TEXT, "boxship-registry", "Name of this registry in tokens", group="Who may do what")
    token_realm: str = row(
        kinds.TEXT, "", "Address of the token service; default: /token where the client reaches us",
        group="Who may do what",
    )  # fmt: skip
    token_key: str = row(
        kinds.TEXT, "", "P-256 key that signs tokens; default: one made in the root", group="Who may do what"
    )
    rights: tuple[Right, ...] = row(
        rules.kind(Right, "users=alice+bob,repositories=team/*,actions=pull+push"), (),
        "Who may do what; users * are all, + all who log in; actions pull, push, delete, catalog, admin",
        flag="right", key="rights", group="Who may do what",
    )  # fmt: skip

    # Upstreams
    upstreams: tuple[Upstream, ...] = row(
        rules.kind(Upstream, "prefix=docker.io,url=https://registry-1.docker.io,default=true"), (),
        "Fetch what is below this prefix from there, and keep it", flag="upstream", key="upstreams", group="Upstreams",
    )  # fmt: skip

    # Rules
    quotas: tuple[Quota, ...] = row(
        rules.kind(Quota, "repositories=team/*,bytes=10g"), (), "Let these repositories together hold no more",
        flag="quota", key="quotas", group="Rules",
    )  # fmt: skip
    retention: tuple[Retention, ...] = row(
        rules.kind(Retention, "repositories=*,tags=pr-*,keep=10,within=30d,untagged=7d"), (),
        "Keep only the newest of these tags; the first rule that matches a tag decides", group="Rules",
    )  # fmt: skip
    webhooks: tuple[Webhook, ...] = row(
        rules.kind(Webhook, "url=https://ci.example/hook,events=push+delete"), (),
        "Tell this address of what happens", flag="webhook", key="webhooks", group="Rules",
    )  # fmt: skip


TABLE: tuple[Setting, ...] = tuple(setting(entry, PREFIX) for entry in dataclasses.fields(Settings))
_TABLE = Table(TABLE, {}, "docs/registry.md")
_VALIDATE = Flag(
    "validate", "", "switch", "Check the settings, say what is wrong, and end", bare="true", group="Server"
)
_HELP = Flag("help", "h", "switch", "Show this help", bare="true", group="Server")


def flags() -> tuple[Flag, ...]:
    return (*_TABLE.flags(), _VALIDATE, _HELP)


def read_flags(argv: list[str]) -> Parsed:
    """Return the parsed command line of `boxship registry serve`. Raises Invalid."""
    parsed = parse(flags(), argv)
    if parsed.args:
        raise Invalid(f'"boxship registry serve" takes no arguments, but got {parsed.args[0]!r}')
    return parsed


def load(parsed: Parsed, environ: Mapping[str, str], document: str | None) -> Settings:
    """Return checked settings of flags, variables and the text of the file, None without one. Raises Invalid."""
    values: dict[str, Any] = _TABLE.values(parsed, environ, document)
    settings = Settings(**values)
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse values that are impossible together. Raises Invalid."""
    if bool(settings.tlscert) != bool(settings.tlskey):
        raise Invalid("TLS needs both tlscert and tlskey: our certificate and its key")
    if settings.tlscacert and not settings.tlscert:
        raise Invalid("tlscacert needs tlscert and tlskey: without TLS no client shows a certificate")
    if settings.token and not settings.htpasswd:
        raise Invalid("token needs htpasswd: who asks for a token must be able to say who they are")
    if len(settings.s3) > 1:
        raise Invalid("s3: blobs are in one bucket; leave the others out")
    if not settings.root.startswith("/"):
        raise Invalid(f"root: {settings.root!r} must be an absolute path")
    if settings.lease < 60:
        raise Invalid(f"lease: {settings.lease:g} s is shorter than pushes take; 60 is the least")
    for address in settings.listen:
        host, colon, port = address.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise Invalid(f"listen: {address!r} is not ADDRESS:PORT")
    prefixes = [upstream.prefix for upstream in settings.upstreams]
    if len(set(prefixes)) != len(prefixes):
        raise Invalid("upstreams: two have the same prefix")


def options(settings: Settings) -> Options:
    """Return what the storage needs to know."""
    return Options(
        root=Path(settings.root),
        lease=settings.lease,
        upstreams=settings.upstreams,
        quotas=settings.quotas,
        retention=settings.retention,
        webhooks=settings.webhooks,
        bucket=settings.s3[0] if settings.s3 else None,
    )
