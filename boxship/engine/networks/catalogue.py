"""The networks of this node: kept in the store, found by name or id, each with its blocks of addresses."""

from collections.abc import Sequence

import msgspec

from boxship.base.codec import decode, encode
from boxship.base.errors import Conflict, Forbidden, Invalid, NotFound
from boxship.engine.networks import ipam
from boxship.engine.networks.ipam import Lease
from boxship.model.network import IpamPool, Network, NetworkSpec
from boxship.store.api import Store

PREFIX = "networks/"
RESERVED = ("bridge", "host", "none", "default")


class Catalogue:
    """Reads never wait. Several networks may have the same name, for clients of old that ask for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._networks: dict[str, Network] = {}
        self._leases: dict[str, tuple[Lease, ...]] = {}

    async def load(self) -> None:
        entries, _ = await self._store.list(PREFIX)
        for entry in entries:
            self.keep(decode(entry.value, Network))

    def all(self) -> list[Network]:
        return sorted(self._networks.values(), key=lambda n: n.created)

    def find(self, ref: str) -> Network:
        """Return the network of this id, this name, or this beginning of an id, in that order."""
        found = self._networks.get(ref)
        if found is not None:
            return found
        namesakes = [n for n in self._networks.values() if n.spec.name == ref]
        if len(namesakes) > 1:
            raise Invalid(f"network {ref} is ambiguous ({len(namesakes)} matches found on name)")
        if namesakes:
            return namesakes[0]
        matches = [n for i, n in self._networks.items() if ref and i.startswith(ref)]
        if len(matches) > 1:
            raise Invalid(f"network {ref} is ambiguous ({len(matches)} matches found based on ID prefix)")
        if not matches:
            raise NotFound(f"network {ref} not found")
        return matches[0]

    def known(self, network_id: str) -> Network | None:
        return self._networks.get(network_id)

    def named(self, name: str) -> Network | None:
        return next((n for n in self._networks.values() if n.spec.name == name), None)

    def require_new(self, name: str, unique: bool = True) -> None:
        """Raises Forbidden or Conflict, with dockerd's texts, when no network may be made under this name."""
        if name in RESERVED:
            raise Forbidden(f"operation is not permitted on predefined {name} network")
        if unique and self.named(name) is not None:
            raise Conflict(f"network with name {name} already exists")

    def leases(self, network: Network) -> tuple[Lease, ...]:
        return self._leases[network.id]

    def subnets(self, but: str = "") -> list[str]:
        """The blocks of all networks except the one with the id `but`."""
        return [p.subnet for n in self._networks.values() if n.id != but for p in n.pools]

    def keep(self, network: Network) -> None:
        """Take a network up without storing it."""
        known = self._networks.get(network.id)
        self._networks[network.id] = network
        if known is None or known.pools != network.pools:
            self._leases[network.id] = tuple(Lease(pool) for pool in network.pools)

    async def save(self, network: Network) -> None:
        self.keep(network)
        await self._store.put(PREFIX + network.id, encode(network))

    async def drop(self, network: Network) -> None:
        await self._store.delete(PREFIX + network.id)
        self.forget(network)

    def forget(self, network: Network) -> None:
        self._networks.pop(network.id, None)
        self._leases.pop(network.id, None)


def settle_pools(
    spec: NetworkSpec, pools: Sequence[tuple[str, int]], taken: Sequence[str], routes: Sequence[str]
) -> tuple[IpamPool, ...]:
    """Return the blocks of a network: those asked for, checked, and one from `pools` for each family without.

    taken: blocks of our networks, never to be overlapped. routes: of the host; only blocks we choose avoid them,
    since a user may know better. Raises Invalid and Forbidden with dockerd's texts."""
    asked = [p for p in spec.ipam if p.subnet]
    bare = next((p for p in spec.ipam if not p.subnet), None)
    settled: list[IpamPool] = []
    for pool in asked:
        family = ipam.block(pool.subnet).version
        if family == 6 and not spec.enable_ipv6:
            raise Invalid(f"invalid subnet {pool.subnet}: IPv6 is not enabled on this network")
        settled.append(ipam.settle(pool, [*taken, *(s.subnet for s in settled)]))
    for family, enabled in ((4, spec.enable_ipv4), (6, spec.enable_ipv6)):
        if enabled and not any(ipam.block(p.subnet).version == family for p in settled):
            chosen = IpamPool(subnet=ipam.choose_block(pools, [*taken, *routes], family))
            if family == 4 and bare is not None:
                chosen = msgspec.structs.replace(bare, subnet=chosen.subnet)
            settled.append(ipam.settle(chosen, taken))
    return tuple(settled)
