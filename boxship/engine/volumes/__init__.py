"""Volumes of one node, and how a container's wishes for mounts become mount points."""

from boxship.engine.volumes.service import Volumes

__all__ = ["Volumes"]
