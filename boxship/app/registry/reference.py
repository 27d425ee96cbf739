"""The registry's settings told to people: `boxship registry serve --help` and docs/registry.md. Pure."""

import msgspec

from boxship.app.reference import grouped, sections
from boxship.app.registry.settings import GROUPS, TABLE, flags
from boxship.engine.registry.options import Bucket, Quota, Retention, Right, Upstream, Webhook

USAGE = """Usage:  boxship registry serve [OPTIONS]

Run a registry in the foreground: any client of the OCI distribution protocol can push and pull.
"""
EXAMPLES = """Examples:
  boxship registry serve                                          on 127.0.0.1:5000, for everybody on this machine
  boxship registry passwd -f users alice                          ask for a password and keep its hash
  boxship registry serve --listen 0.0.0.0:443 --tlscert c.pem --tlskey k.pem --htpasswd users --token \\
                 --right 'users=*,actions=pull' --right 'users=alice,actions=pull+push+delete'
  boxship registry serve --upstream prefix=docker.io,url=https://registry-1.docker.io,default=true \\
                 --upstream prefix=quay.io,url=https://quay.io    one cache for several registries

Every setting has a variable too (BOXSHIP_REGISTRY_ROOT; several values are parted by ;). Flags win over variables,
variables over the file.
"""


_RULES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("rights", Right),
    ("upstreams", Upstream),
    ("quotas", Quota),
    ("retention", Retention),
    ("webhooks", Webhook),
    ("s3", Bucket),
)
_BEGIN = (
    "## Begin",
    "```\nboxship registry serve --root /var/lib/registry --listen 127.0.0.1:5000 &\n"
    "docker tag busybox localhost:5000/team/app:1\ndocker push localhost:5000/team/app:1\n"
    "docker search localhost:5000/app\nboxship registry ls team/app\n```",
    "Docker, podman, skopeo, containerd, oras and all other clients of the OCI distribution specification 1.1 speak to "
    "it: pulls by range, pushes at once or in chunks, mounts between repositories, deletion, referrers, lists in "
    "pages. With passwords and for the network:",
    "```\nboxship registry passwd -f users alice < password.txt\n"
    "boxship registry serve --listen 0.0.0.0:443 --tlscert c.pem --tlskey k.pem --htpasswd users --token \\\n"
    "    --right 'users=*,actions=pull' --right 'users=alice,repositories=team/*,actions=pull+push+delete'\n```",
    "With `--token` clients exchange passwords for bearer tokens that allow what the rights allow and no more, and for "
    "refresh tokens, so that `docker login` keeps no password.",
    "**Within the daemon.** `boxship daemon --registry-config registry.json` runs the same registry in the daemon's "
    "own process, with the settings of that file; a machine needs nothing else to share images with others.",
    "**Metrics** are at `/metrics`, in Prometheus's form: requests by route and status, bytes, bytes freed. `/healthz` "
    "answers `ok`.",
)
_NOTES = (
    "## A cache of other registries",
    "Each upstream has a prefix: `docker pull cache:5000/quay.io/org/app` fetches `org/app` from the upstream whose "
    "prefix is `quay.io`. The upstream marked `default` answers for names that no other does, so the server can stand "
    "in dockerd's `registry-mirrors`; clients that say which registry they mean (`?ns=quay.io`) reach every upstream. "
    "A tag is asked for again after `fresh` (5 minutes); while its upstream is away, what is here serves. A password "
    "may be in a file of its own: `password_file`.",
    "## What is removed, and when",
    "A blob stays while a manifest of its repository uses it, and for the lease after it was uploaded, mounted or "
    "asked for with HEAD; pushes go on while a collection runs. Manifests without a tag stay unless a retention rule "
    "says `untagged`. `boxship registry gc --dry-run` tells what retention would remove.",
    "## Who is told",
    "Webhooks get the envelope of distribution's notifications, in the order of the events, and again until they take "
    "it: pauses double from a second to ten minutes, for `attempts` (10).",
)


def help_text(width: int = 110) -> str:
    known = {entry.flag for entry in TABLE}
    extra = [flag for flag in flags() if flag.name not in known]
    return "\n".join([USAGE, *grouped(TABLE, extra, GROUPS, width), EXAMPLES])


def _rule(name: str, of: type[msgspec.Struct]) -> tuple[str, str]:
    """Return what a rule says of itself, and its keys with their defaults."""
    about = " ".join((of.__doc__ or "").split())
    fields = ", ".join(f"`{field.name}`{_default(field)}" for field in msgspec.structs.fields(of))
    return f"**{name}.** {about}", f"Keys: {fields}."


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return " (required)"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    shown = "+".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else value
    return "" if shown in ("", None) or shown == {} else f" (`{shown}`)"


def markdown() -> str:
    """Return docs/registry.md, which a test compares with the file."""
    parts = [
        "# The registry server",
        "Made from `boxship/app/registry/settings.py` and `reference.py` by `make reference`; change those, not this.",
        "`boxship registry serve` runs it, `boxship registry ls`, `rm` and `gc` talk to one that runs, and "
        "`boxship registry passwd` writes the file for `--htpasswd`. Flags win over variables, variables over the "
        "configuration file, the file over the defaults. Rules are objects in the file "
        '(`"quotas": [{"repositories": "team/*", "bytes": "10g"}]`), and `key=value,key=value` on the command line, '
        "where `+` parts several values.",
        *_BEGIN,
        *sections(TABLE, GROUPS),
        "## Keys of rules",
        *(part for name, of in _RULES for part in _rule(name, of)),
        *_NOTES,
    ]
    return "\n\n".join(parts) + "\n"
