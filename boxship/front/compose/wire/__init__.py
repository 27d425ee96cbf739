"""Canonical service -> requests of the Engine API, as docker compose writes them. Pure: files are read by callers."""

from boxship.front.compose.wire.container import Inherited, Made, create
from boxship.front.compose.wire.networks import create_network
from boxship.front.compose.wire.volumes import create_volume

__all__ = ["Inherited", "Made", "create", "create_network", "create_volume"]
