"""The host's network as the engine gets it."""

from pathlib import Path

from boxship.host import cgroups
from boxship.host.api.network import HostNet
from boxship.host.firewall import Nftables
from boxship.host.links import HostLinks
from boxship.host.loopback import LoopbackPrograms
from boxship.host.netlink.monitor import KernelStirs
from boxship.host.netns import OURS, NetworkSpaces, Owners
from boxship.host.ports import BoundPorts
from boxship.host.resolver import SpaceSockets


def host_net(exec_root: str, link_prefix: str, spaces_ahead: int, owners: Owners = OURS) -> HostNet:
    """Open what is needed. `link_prefix`: of the host's ends of containers' links, this daemon's alone.
    owners: which user namespaces the spaces of groups belong to."""
    return HostNet(
        links=HostLinks(),
        spaces=NetworkSpaces(Path(exec_root, "netns"), link_prefix, spaces_ahead, owners),
        firewall=Nftables(),
        sockets=SpaceSockets(),
        ports=BoundPorts(),
        stirs=KernelStirs(),
        loopback=LoopbackPrograms(cgroups.mounted().unified),
    )
