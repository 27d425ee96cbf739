"""What the engine tells the world, in dockerd's words and with dockerd's attributes."""

from boxship.base.bus import Bus, Event
from boxship.base.clock import Clock
from boxship.model.status import Container


class Events:
    """Publishes on the bus; never waits, never fails."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    def container(self, container: Container, action: str, **attributes: str) -> None:
        """`attributes` come on top of the container's labels, image and name."""
        actor = {**container.spec.labels, "image": container.spec.image, "name": container.name, **attributes}
        self.publish("container", action, container.id, actor)

    def publish(self, kind: str, action: str, subject: str, attributes: dict[str, str]) -> None:
        self._bus.publish(Event(kind=kind, action=action, id=subject, time=self._clock.now(), attributes=attributes))
