"""Images of one node: names, content-addressed layers, and the ways in and out."""

from boxship.engine.images.service import Images

__all__ = ["Images"]
