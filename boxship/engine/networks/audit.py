"""Does the kernel hold what it should of networks, and nothing else? Looks and clears away; makes nothing."""

from typing import NamedTuple

from boxship.engine.networks.catalogue import Catalogue
from boxship.engine.networks.places import Places
from boxship.host.api.network import HostNet, LinkSeen


class Strays(NamedTuple):
    """What belongs to nobody: pinned namespaces by group, links in bridges of ours."""

    groups: frozenset[str]
    links: frozenset[str]


class NetworkAudit:
    """prefix: of the host's ends of our links. What else somebody puts into a bridge of ours is theirs."""

    def __init__(self, catalogue: Catalogue, places: Places, host: HostNet, prefix: str) -> None:
        self._prefix = prefix
        self._catalogue = catalogue
        self._places = places
        self._host = host

    async def faults(self) -> tuple[list[str], Strays]:
        """Return a sentence for each difference, and what could be cleared away."""
        known = frozenset(held.container.group for held in self._places.all() if held.path)
        pinned = self._host.spaces.pinned()
        seen = await self._host.links.seen()
        bridges = frozenset(n.link for n in self._catalogue.all() if n.spec.driver == "bridge")
        expected = frozenset(link for held in self._places.all() for link in held.host_links())
        orphans = _orphans(seen, bridges, self._prefix) - expected
        strays = Strays(pinned - known, orphans)
        sentences = [f"network namespace {group} is pinned but belongs to no container" for group in strays.groups]
        sentences += [f"network namespace of {group} is not pinned" for group in known - pinned]
        sentences += [f"link {name} is in a bridge of ours but belongs to no container" for name in strays.links]
        sentences += [f"link {name} is missing" for name in (bridges | expected) - seen.keys()]
        return sorted(sentences), strays

    async def clear(self, strays: Strays) -> None:
        for group in strays.groups:
            await self._host.spaces.close(group)
        for name in strays.links:
            await self._host.links.remove(name)


def _orphans(seen: dict[str, LinkSeen], bridges: frozenset[str], prefix: str) -> frozenset[str]:
    """Return the links in bridges of ours whose names say that we made them."""
    ours = {seen[name].index for name in bridges & seen.keys()}
    return frozenset(link.name for link in seen.values() if link.master in ours and link.name.startswith(prefix))
