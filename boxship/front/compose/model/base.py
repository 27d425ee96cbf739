"""What all parts of the model share. Pure.

Fields stand in the order in which docker compose prints and hashes them: do not sort them. A field is left out of
output while it has its default. Fields that may be None tell "not said" from zero. Durations are nanoseconds and
sizes are bytes.
"""

from typing import Any

import msgspec

Extensions = dict[str, Any]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file. extensions: its keys that begin with x-, as written."""


class Extended(Part, frozen=True, kw_only=True):
    """A part that may have keys of the user's own."""

    extensions: Extensions = {}
