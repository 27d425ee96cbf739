"""How busy a container is: connections that clients have to it. Whoever drains one waits until there are none."""

from boxship.host import ports
from boxship.model.status import Container


def accepted(container: Container) -> int:
    """Return how many TCP connections the container has accepted and not ended; 0 when it does not run."""
    return ports.accepted(container.status.pid) if container.status.pid else 0
