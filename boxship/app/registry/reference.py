"""The registry's settings told to people: `boxship registry serve --help` and docs/registry.md. Pure."""

from boxship.app.reference import grouped, sections
from boxship.app.registry.settings import GROUPS, TABLE, flags

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


def markdown() -> str:
    """Return docs/registry.md, which a test compares with the file."""
    parts = [
        "# Settings of the registry server",
        "Made from the table in `boxship/app/registry/settings.py` by `make reference`; change that, not this.",
        "`boxship registry serve` runs it, `boxship registry ls`, `rm` and `gc` talk to one that runs, and "
        "`boxship registry passwd` writes the file for `--htpasswd`. Flags win over variables, variables over the "
        "configuration file, the file over the defaults. Rules are objects in the file "
        '(`"quotas": [{"repositories": "team/*", "bytes": "10g"}]`), and `key=value,key=value` on the command line, '
        "where `+` parts several values.",
        *sections(TABLE, GROUPS),
        *_NOTES,
    ]
    return "\n\n".join(parts) + "\n"
