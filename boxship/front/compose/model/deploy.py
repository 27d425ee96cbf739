"""How many containers a service has, what they may use, and how they are replaced. Pure."""

from boxship.front.compose.model.base import Extended, Part


class DeviceRequest(Part, frozen=True, kw_only=True):
    """count: -1 takes all."""

    capabilities: tuple[str, ...] = ()
    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    options: dict[str, str] = {}


class DiscreteResource(Extended, frozen=True, kw_only=True):
    kind: str = ""
    value: int = 0


class GenericResource(Extended, frozen=True, kw_only=True):
    discrete_resource_spec: DiscreteResource | None = None


class Resource(Extended, frozen=True, kw_only=True):
    """cpus: 1.5 is one processor and a half. memory: bytes. 0 limits nothing."""

    cpus: float = 0.0
    memory: int = 0
    pids: int = 0
    devices: tuple[DeviceRequest, ...] = ()
    generic_resources: tuple[GenericResource, ...] = ()


class Resources(Extended, frozen=True, kw_only=True):
    limits: Resource | None = None
    reservations: Resource | None = None


class Update(Extended, frozen=True, kw_only=True):
    """How containers are replaced.

    parallelism: at once; None is 1, 0 is all. delay: between two batches. monitor: how long a new one must live (ns).
    failure_action: continue, pause or rollback. order: start-first or stop-first.
    """

    parallelism: int | None = None
    delay: int = 0
    failure_action: str = ""
    monitor: int = 0
    max_failure_ratio: float = 0.0
    order: str = ""


class RestartPolicy(Extended, frozen=True, kw_only=True):
    """condition: none, on-failure or any."""

    condition: str = ""
    delay: int | None = None
    max_attempts: int | None = None
    window: int | None = None


class Preference(Extended, frozen=True, kw_only=True):
    spread: str = ""


class Placement(Extended, frozen=True, kw_only=True):
    constraints: tuple[str, ...] = ()
    preferences: tuple[Preference, ...] = ()
    max_replicas_per_node: int = 0


class Deploy(Extended, frozen=True, kw_only=True):
    """mode: replicated, global, replicated-job or global-job."""

    mode: str = ""
    replicas: int | None = None
    labels: dict[str, str] = {}
    update_config: Update | None = None
    rollback_config: Update | None = None
    resources: Resources = Resources()
    restart_policy: RestartPolicy | None = None
    placement: Placement = Placement()
    endpoint_mode: str = ""
