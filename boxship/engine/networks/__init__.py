"""Networks: drivers, addresses, published ports, firewall and names of one node."""

from boxship.engine.networks.attached import Attached, NetworkFiles
from boxship.engine.networks.edits import PortEdit
from boxship.engine.networks.service import Networks
from boxship.engine.networks.settings import NetworkSettings

__all__ = ["Attached", "NetworkFiles", "NetworkSettings", "Networks", "PortEdit"]
