"""What a user asks of a container. Written by the user and never by us.

`ContainerSpec` is Docker's Config, `HostSpec` its HostConfig, `EndpointSpec` (model/network.py) one entry of
NetworkingConfig: every field of API 1.51, under the same name in snake case. None means "not said", which
Docker keeps apart from empty. Sizes are bytes, durations nanoseconds, unless a field says otherwise.
"""

import msgspec

from boxship.model.network import EndpointSpec


class HealthSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to tell whether a container is well. Zero durations mean Docker's default.

    test: () inherit, ("NONE",), ("CMD", arg, …) or ("CMD-SHELL", line).
    """

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """name: "" or no, always, unless-stopped, on-failure."""

    name: str = ""
    maximum_retry_count: int = 0


class PortBinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """host_ip "" is every address; host_port "" is a free one, "8000-8010" the first free of a range."""

    host_ip: str = ""
    host_port: str = ""


class LogSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """type "" is the daemon's default driver."""

    type: str = ""
    config: dict[str, str] = {}


class Ulimit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """soft and hard: -1 is unlimited."""

    name: str
    soft: int = 0
    hard: int = 0


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    path_on_host: str
    path_in_container: str = ""
    cgroup_permissions: str = "rwm"


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] | None = None
    capabilities: tuple[tuple[str, ...], ...] | None = None
    options: dict[str, str] | None = None


class ThrottleDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """rate in bytes or operations a second."""

    path: str
    rate: int


class WeightDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    path: str
    weight: int


class BindOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str = ""
    options: dict[str, str] | None = None


class VolumeOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    no_copy: bool = False
    labels: dict[str, str] | None = None
    driver_config: DriverConfig | None = None
    subpath: str = ""


class TmpfsOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    size_bytes: int = 0
    mode: int = 0
    options: tuple[tuple[str, ...], ...] | None = None


class ImageOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    subpath: str = ""


class MountSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One `--mount`. type: bind, volume, tmpfs, image, npipe, cluster."""

    type: str
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None
    image_options: ImageOptions | None = None


class HostSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Docker's HostConfig: how the host treats the container."""

    # resources
    cpu_shares: int = 0
    memory: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: tuple[WeightDevice, ...] | None = None
    blkio_device_read_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_write_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_read_iops: tuple[ThrottleDevice, ...] | None = None
    blkio_device_write_iops: tuple[ThrottleDevice, ...] | None = None
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    nano_cpus: int = 0
    devices: tuple[Device, ...] | None = None
    device_cgroup_rules: tuple[str, ...] | None = None
    device_requests: tuple[DeviceRequest, ...] | None = None
    kernel_memory_tcp: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] | None = None
    init: bool | None = None
    # host
    binds: tuple[str, ...] | None = None
    container_id_file: str = ""
    log_config: LogSpec = LogSpec()
    network_mode: str = "default"
    port_bindings: dict[str, tuple[PortBinding, ...] | None] | None = None
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: tuple[str, ...] | None = None
    mounts: tuple[MountSpec, ...] | None = None
    console_size: tuple[int, int] = (0, 0)  # height, width
    annotations: dict[str, str] | None = None
    cap_add: tuple[str, ...] | None = None
    cap_drop: tuple[str, ...] | None = None
    cgroupns_mode: str = ""
    dns: tuple[str, ...] | None = None
    dns_options: tuple[str, ...] | None = None
    dns_search: tuple[str, ...] | None = None
    extra_hosts: tuple[str, ...] | None = None
    group_add: tuple[str, ...] | None = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: tuple[str, ...] | None = None
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: tuple[str, ...] | None = None
    storage_opt: dict[str, str] | None = None
    tmpfs: dict[str, str] | None = None
    uts_mode: str = ""
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] | None = None
    runtime: str = ""
    isolation: str = ""  # "" or default
    masked_paths: tuple[str, ...] | None = None
    readonly_paths: tuple[str, ...] | None = None


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Docker's Config with its HostConfig (`host`) and EndpointsConfig (`networks`, by network name)."""

    image: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: tuple[str, ...] = ()  # "80/tcp"
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    args_escaped: bool = False
    healthcheck: HealthSpec | None = None
    volumes: tuple[str, ...] = ()  # targets of anonymous volumes
    working_dir: str = ""
    entrypoint: tuple[str, ...] | None = None
    network_disabled: bool = False
    mac_address: str = ""
    on_build: tuple[str, ...] | None = None
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None  # seconds
    shell: tuple[str, ...] | None = None
    host: HostSpec = HostSpec()
    networks: dict[str, EndpointSpec] = {}


class HostUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Docker's update: the limits and the restart policy that may change while a container runs. None: leave."""

    cpu_shares: int | None = None
    memory: int | None = None
    cgroup_parent: str | None = None
    blkio_weight: int | None = None
    blkio_weight_device: tuple[WeightDevice, ...] | None = None
    blkio_device_read_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_write_bps: tuple[ThrottleDevice, ...] | None = None
    blkio_device_read_iops: tuple[ThrottleDevice, ...] | None = None
    blkio_device_write_iops: tuple[ThrottleDevice, ...] | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_realtime_period: int | None = None
    cpu_realtime_runtime: int | None = None
    cpuset_cpus: str | None = None
    cpuset_mems: str | None = None
    nano_cpus: int | None = None
    devices: tuple[Device, ...] | None = None
    device_cgroup_rules: tuple[str, ...] | None = None
    device_requests: tuple[DeviceRequest, ...] | None = None
    kernel_memory_tcp: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] | None = None
    init: bool | None = None
    restart_policy: RestartPolicy | None = None
