"""What an operator can set about networks."""

import hashlib

import msgspec

# Docker's own default pools: sixteen /16 without the first two, then /20 pieces of 192.168.0.0/16.
DEFAULT_POOLS = (
    *((f"172.{n}.0.0/16", 16) for n in range(17, 32)),
    ("192.168.0.0/16", 20),
)


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """exec_root: directory of volatile state.  bridge: link of the default network ("none" for no such network).
    bip, bip6: the host's address in it with prefix, else from the pools.  fixed_cidr: range for containers.
    pools: (block, prefix length of the pieces).  publish_address: host address of ports that name none.
    dns…: resolv.conf entries of containers that ask for none.  host_gateway: address of `host-gateway`.
    seed6: what our own block of IPv6 addresses is made from, best something that no other host has.
    open_published: whether published ports pass the host's firewall, whatever it says.
    spaces_ahead: network namespaces kept ready.  link_prefix: of the host's ends of containers' links.
    """

    exec_root: str = "/run/boxship"
    bridge: str = "boxship0"
    bip: str = ""
    bip6: str = ""
    fixed_cidr: str = ""
    fixed_cidr_v6: str = ""
    default_gateway: str = ""
    default_gateway_v6: str = ""
    pools: tuple[tuple[str, int], ...] = DEFAULT_POOLS
    ipv6: bool = False
    mtu: int = 0
    icc: bool = True
    ip_masq: bool = True
    ip_forward: bool = True
    publish_address: str = "0.0.0.0"
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    host_gateway: str = ""
    firewall_table: str = ""
    open_published: bool = False
    link_prefix: str = "bv"
    network_prefix: str = "bx-"
    spaces_ahead: int = 8
    seed6: str = ""

    @property
    def all_pools(self) -> tuple[tuple[str, int], ...]:
        """The pools, and one for IPv6 where the operator gave none."""
        return self.pools if any(":" in pool for pool, _ in self.pools) else (*self.pools, self._private6())

    def _private6(self) -> tuple[str, int]:
        """A block of unique local addresses (RFC 4193) that stays the same for this data: from `seed6`."""
        digits = hashlib.sha256(self.seed6.encode()).hexdigest()[:10]
        return f"fd{digits[:2]}:{digits[2:6]}:{digits[6:10]}::/48", 64

    @property
    def table(self) -> str:
        """Name of the nftables table; follows the bridge, so that daemons side by side do not meet."""
        return self.firewall_table or ("boxship" if self.bridge == "boxship0" else f"boxship_{self.bridge}")
