"""One service: what its containers are made of. Pure."""

from collections.abc import Sequence

from boxship.front.compose.model.base import Extended, Part
from boxship.front.compose.model.build import Build, Ulimit
from boxship.front.compose.model.deploy import Deploy, DeviceRequest
from boxship.front.compose.model.network import Endpoint, Port
from boxship.front.compose.model.storage import FileReference, Mount


class Hook(Extended, frozen=True, kw_only=True):
    """A command run in a container at a point of its life. image, per_replica: of `pre_start` only."""

    command: tuple[str, ...] | None = None
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: dict[str, str | None] = {}
    image: str = ""
    per_replica: bool | None = None


class Trigger(Extended, frozen=True, kw_only=True):
    """action: sync, rebuild, restart, sync+restart or sync+exec, when something below `path` changes."""

    path: str = ""
    action: str = ""
    target: str = ""
    exec: Hook = Hook()
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    initial_sync: bool = False


class Develop(Extended, frozen=True, kw_only=True):
    watch: tuple[Trigger, ...] = ()


class WeightDevice(Extended, frozen=True, kw_only=True):
    path: str = ""
    weight: int = 0


class ThrottleDevice(Extended, frozen=True, kw_only=True):
    """rate: bytes or operations a second."""

    path: str = ""
    rate: int = 0


class Blkio(Extended, frozen=True, kw_only=True):
    weight: int = 0
    weight_device: tuple[WeightDevice, ...] = ()
    device_read_bps: tuple[ThrottleDevice, ...] = ()
    device_read_iops: tuple[ThrottleDevice, ...] = ()
    device_write_bps: tuple[ThrottleDevice, ...] = ()
    device_write_iops: tuple[ThrottleDevice, ...] = ()


class CredentialSpec(Extended, frozen=True, kw_only=True):
    config: str = ""
    file: str = ""
    registry: str = ""


class Dependency(Extended, frozen=True, kw_only=True):
    """condition: service_started, service_healthy or service_completed_successfully.

    restart: the dependent restarts after the other was updated. required: False only warns when the other is not there.
    """

    condition: str = ""
    restart: bool = False
    required: bool = True


class Device(Extended, frozen=True, kw_only=True):
    source: str = ""
    target: str = ""
    permissions: str = ""


class EnvFile(Part, frozen=True, kw_only=True):
    """format: "" is the format of .env files, raw takes values as they stand."""

    path: str = ""
    required: bool = True
    format: str = ""


class Extends(Part, frozen=True, kw_only=True):
    file: str = ""
    service: str = ""


class HealthCheck(Extended, frozen=True, kw_only=True):
    """test: begins with CMD, CMD-SHELL or NONE; () takes the image's. disable: no check at all."""

    test: tuple[str, ...] = ()
    timeout: int | None = None
    interval: int | None = None
    retries: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    disable: bool = False


class Logging(Extended, frozen=True, kw_only=True):
    driver: str = ""
    options: dict[str, str] = {}


class ServiceModel(Extended, frozen=True, kw_only=True):
    endpoint_var: str = ""
    model_var: str = ""


class Provider(Extended, frozen=True, kw_only=True):
    """A service that a program outside provides. options: always lists, as they may repeat."""

    type: str = ""
    options: dict[str, tuple[str, ...]] = {}


class Service(Extended, frozen=True, kw_only=True):
    """One service, everything in its long form, paths absolute.

    command, entrypoint: None takes the image's, () clears it. environment: None (no value anywhere) leaves the variable
    out; env_file is already read into it unless the loader was told not to. networks: None joins with no options of its
    own. links: "service:alias". labels: of containers, label_file included.
    """

    name: str = ""
    profiles: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    attach: bool | None = None
    build: Build | None = None
    develop: Develop | None = None
    blkio_config: Blkio | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    cgroup_parent: str = ""
    cgroup: str = ""
    cpu_count: int = 0
    cpu_percent: float = 0.0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    cpus: float = 0.0
    cpuset: str = ""
    cpu_shares: int = 0
    command: tuple[str, ...] | None = None
    configs: tuple[FileReference, ...] = ()
    container_name: str = ""
    credential_spec: CredentialSpec | None = None
    depends_on: dict[str, Dependency] = {}
    deploy: Deploy | None = None
    device_cgroup_rules: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    dns: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dockerfile: str = ""
    domainname: str = ""
    entrypoint: tuple[str, ...] | None = None
    provider: Provider | None = None
    environment: dict[str, str | None] = {}
    env_file: tuple[EnvFile, ...] = ()
    expose: tuple[str, ...] = ()
    extends: Extends | None = None
    external_links: tuple[str, ...] = ()
    extra_hosts: dict[str, tuple[str, ...]] = {}
    group_add: tuple[str, ...] = ()
    gpus: tuple[DeviceRequest, ...] = ()
    hostname: str = ""
    healthcheck: HealthCheck | None = None
    image: str = ""
    init: bool | None = None
    ipc: str = ""
    isolation: str = ""
    labels: dict[str, str] = {}
    label_file: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    logging: Logging | None = None
    log_driver: str = ""
    log_opt: dict[str, str] = {}
    mem_limit: int = 0
    mem_reservation: int = 0
    memswap_limit: int = 0
    mem_swappiness: int = 0
    mac_address: str = ""
    models: dict[str, ServiceModel | None] = {}
    net: str = ""
    network_mode: str = ""
    networks: dict[str, Endpoint | None] = {}
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pid: str = ""
    pids_limit: int = 0
    platform: str = ""
    ports: tuple[Port, ...] = ()
    privileged: bool = False
    pull_policy: str = ""
    pull_refresh_after: str = ""
    read_only: bool = False
    restart: str = ""
    runtime: str = ""
    scale: int | None = None
    secrets: tuple[FileReference, ...] = ()
    security_opt: tuple[str, ...] = ()
    shm_size: int = 0
    stdin_open: bool = False
    stop_grace_period: int | None = None
    stop_signal: str = ""
    storage_opt: dict[str, str] = {}
    sysctls: dict[str, str] = {}
    tmpfs: tuple[str, ...] = ()
    tty: bool = False
    ulimits: dict[str, Ulimit] = {}
    use_api_socket: bool = False
    user: str = ""
    userns_mode: str = ""
    uts: str = ""
    volume_driver: str = ""
    volumes: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    working_dir: str = ""
    pre_start: tuple[Hook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()

    @property
    def replicas(self) -> int:
        """How many containers are wanted: scale, else deploy.replicas, else 1."""
        if self.scale is not None:
            return self.scale
        if self.deploy is not None and self.deploy.replicas is not None:
            return self.deploy.replicas
        return 1

    def networks_by_priority(self) -> Sequence[str]:
        """Return the keys of the networks to join, highest priority first, then by name."""

        def rank(key: str) -> tuple[int, str]:
            endpoint = self.networks[key]
            return (-endpoint.priority if endpoint else 0, key)

        return sorted(self.networks, key=rank)
