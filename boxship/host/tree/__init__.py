"""Trees of files: packed, unpacked, copied, compared, measured, looked into, thrown away."""

from boxship.host.tree.trees import Trees

__all__ = ["Trees"]
