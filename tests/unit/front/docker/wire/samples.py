"""One container with everything set, for the shapes."""

from boxship.base.units import SECOND
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, LogSpec, MountSpec, PortBinding, RestartPolicy
from boxship.model.network import EndpointSpec, EndpointStatus
from boxship.model.status import Container, ContainerStatus, HealthStatus, MountPoint, ProbeResult, State

ID = "1f" * 32
BORN = 1_700_000_000 * SECOND

MINIMAL = Container(
    id=ID,
    name="small",
    created=BORN,
    image_id="sha256:" + "ab" * 32,
    group=ID,
    spec=ContainerSpec(image="busybox", cmd=("true",), host=HostSpec(network_mode="bridge")),
    path="true",
)

HOST = HostSpec(
    binds=("/src:/data:ro",),
    log_config=LogSpec(type="json-file", config={"max-size": "1m"}),
    network_mode="bridge",
    port_bindings={"80/tcp": (PortBinding(host_port="8080"),)},
    restart_policy=RestartPolicy(name="on-failure", maximum_retry_count=3),
    mounts=(MountSpec(type="volume", source="v", target="/v"),),
    memory=64 << 20,
    tmpfs={"/run": "size=1m"},
    sysctls={"net.ipv4.ip_forward": "1"},
    init=True,
    runtime="crun",
    pids_limit=100,
    shm_size=64 << 20,
)

RUNNING = Container(
    id=ID,
    name="web",
    created=BORN,
    image_id="sha256:" + "ab" * 32,
    group=ID,
    spec=ContainerSpec(
        image="busybox:latest",
        hostname="web",
        exposed_ports=("80/tcp", "81/udp"),
        env=("A=b",),
        cmd=("httpd", "-f"),
        healthcheck=HealthSpec(test=("CMD", "true"), interval=SECOND),
        volumes=("/v",),
        labels={"x": "y"},
        stop_signal="SIGINT",
        stop_timeout=3,
        host=HOST,
        networks={"bridge": EndpointSpec(ipv4_address="172.17.0.9", aliases=("www",))},
    ),
    status=ContainerStatus(
        state=State.RUNNING,
        pid=4711,
        started_at=BORN + SECOND,
        has_started=True,
        health=HealthStatus(
            status="healthy",
            log=(ProbeResult(start=BORN + 2 * SECOND, end=BORN + 3 * SECOND, exit_code=0, output="ok"),),
        ),
        networks={
            "bridge": EndpointStatus(
                network_id="9" * 64,
                network="bridge",
                endpoint_id="8" * 64,
                ipv4_address="172.17.0.9",
                ipv4_prefix=16,
                gateway="172.17.0.1",
                mac_address="02:42:ac:11:00:09",
                dns_names=("web", "1f1f1f1f1f1f"),
            )
        },
        ports={"80/tcp": (("0.0.0.0", 8080), ("::", 8080))},
    ),
    mounts=(
        MountPoint(type="bind", destination="/data", source="/src", mode="ro", rw=False, propagation="rprivate"),
        MountPoint(type="volume", destination="/v", source="/volumes/v/_data", name="v", driver="local", mode="z"),
        MountPoint(type="tmpfs", destination="/run"),
    ),
    path="httpd",
    args=("-f",),
    layers=("/layers/1", "/layers/2"),
    runtime="crun",
    log_path="/data/containers/x/log/container.log",
)
