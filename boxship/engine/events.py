"""What the engine tells the world, in dockerd's words and with dockerd's attributes."""

from boxship.base.bus import Bus, Event
from boxship.base.clock import Clock
from boxship.engine.chronicle import Chronicle
from boxship.model.status import Container


class Events:
    """Publishes on the bus; never waits, never fails."""

    def __init__(self, bus: Bus, clock: Clock, chronicle: Chronicle | None = None) -> None:
        """chronicle: keeps what happens to containers for later questions."""
        self._bus = bus
        self._clock = clock
        self._chronicle = chronicle

    def container(self, container: Container, action: str, **attributes: str) -> None:
        """`attributes` come on top of the container's labels, image and name."""
        actor = {**container.spec.labels, "image": container.spec.image, "name": container.name, **attributes}
        self.publish("container", action, container.id, actor)

    def publish(self, kind: str, action: str, subject: str, attributes: dict[str, str]) -> None:
        event = Event(kind=kind, action=action, id=subject, time=self._clock.now(), attributes=attributes)
        if self._chronicle is not None:
            self._chronicle.note(event)
        self._bus.publish(event)
