"""What an event of the platform is. Pure, so that pure modules may speak of events; the bus carries them."""

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    kind:       container, image, network, volume, daemon, builder, plugin, service, node, secret, config.
    action:     Docker's verb, `start`, `exec_create: sh -c true`, `health_status: healthy`.
    id:         full id or name of the thing.
    time:       nanoseconds since 1970.
    attributes: labels and names as Docker puts them into Actor.Attributes.
    scope:      local, or swarm.
    """

    kind: str
    action: str
    id: str
    time: int
    attributes: dict[str, str] = {}
    scope: str = "local"
