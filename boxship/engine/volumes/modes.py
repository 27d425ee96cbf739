"""The third part of `-v source:target:mode`, and of `--volumes-from container:mode`. Pure."""

from boxship.base.errors import Invalid
from boxship.engine.volumes import idmaps

PROPAGATIONS = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("rw", "ro"),
    ("z", "Z"),
    PROPAGATIONS,
    ("nocopy", "copy"),
    ("consistent", "cached", "delegated"),
    (idmaps.WORD,),
)


def is_mode(mode: str) -> bool:
    """Tell whether every word is known and no two of them contradict or repeat each other. "" is none."""
    if not mode:
        return False
    words = [idmaps.WORD if word.startswith(f"{idmaps.WORD}=") else word for word in mode.split(",")]
    counts = [sum(word in group for word in words) for group in _GROUPS]
    return sum(counts) == len(words) and max(counts) <= 1


def is_writable(mode: str) -> bool:
    return "ro" not in mode.split(",")


def copies(mode: str) -> bool:
    """Tell whether a new volume is filled from the image."""
    return "nocopy" not in mode.split(",")


def propagation(mode: str) -> str:
    """Return the propagation that a mode names, "" if none."""
    return next((word for word in mode.split(",") if word in PROPAGATIONS), "")


def parse_source(text: str) -> tuple[str, str]:
    """Return container and mode of one `--volumes-from`. Raises Invalid."""
    if not text:
        raise Invalid("volumes-from specification cannot be an empty string")
    container, colon, mode = text.partition(":")
    if not colon:
        return container, "rw"
    if not is_mode(mode) or propagation(mode) or "copy" in mode or idmaps.WORD in mode:
        raise Invalid(f"invalid mode: {mode}")
    return container, mode
