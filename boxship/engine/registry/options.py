"""What a registry is told to do: rules as its settings give them. Pure data."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

DAY = 86_400.0


class Right(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what. users: names, `*` for everybody, `+` for whoever has logged in.
    repositories: patterns with `*`.  actions: pull, push, delete, `*`; catalog and admin are for the whole registry."""

    users: tuple[str, ...]
    repositories: tuple[str, ...] = ("*",)
    actions: tuple[str, ...] = ("pull",)


class Upstream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A registry that we answer for. prefix: first part of names here, and the value of `ns` that mirrors are asked
    with.  url: base address.  default: also answers for names that nobody else does.  fresh: seconds for which a tag
    is believed without asking.  insecure: any certificate will do.  password_file: holds the password instead."""

    prefix: str
    url: str
    username: str = ""
    password: str = ""
    password_file: str = ""
    default: bool = False
    fresh: float = 300.0
    insecure: bool = False


class Quota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The repositories that match may hold so many bytes together, each blob counted once a repository."""

    repositories: str
    bytes: int


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tags stay. The first rule whose patterns match a tag decides: it stays if it is among the `keep` newest of
    those that the rule matches in its repository, or younger than `within` seconds. Where neither is given it stays.
    untagged: seconds after which manifests without a tag go; None keeps them."""

    repositories: str = "*"
    tags: str = "*"
    keep: int = 0
    within: float = 0.0
    untagged: float | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told. events: push, pull, delete, mount.  attempts: until we give up; pauses double from one second."""

    url: str
    events: tuple[str, ...] = ("push", "delete")
    repositories: str = "*"
    headers: dict[str, str] = {}
    timeout: float = 10.0
    attempts: int = 10


class Bucket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where blobs are in S3. endpoint: "" for Amazon's own.  Keys: "" for those of the environment or the machine."""

    bucket: str
    endpoint: str = ""
    region: str = "us-east-1"
    prefix: str = ""
    access_key: str = ""
    secret_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """lease: seconds for which a blob that nothing uses is safe from collection, counted from its upload, its mount or
    the last time somebody asked whether it is there; a push must not take longer.
    grace: seconds between taking a blob out of the records and removing its bytes.
    threads: that write and hash."""

    root: Path
    lease: float = DAY
    grace: float = 60.0
    threads: int = 8
    upstreams: tuple[Upstream, ...] = ()
    quotas: tuple[Quota, ...] = ()
    retention: tuple[Retention, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    bucket: Bucket | None = None
