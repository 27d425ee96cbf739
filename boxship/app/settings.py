"""The one table of the node daemon's settings: flag, file key, variable, type, default and help of each. Pure.

Names are dockerd's, so that a daemon.json and a service file written for it go on working. The table drives the
flags, the file, `boxship daemon --help` and docs/settings.md.
"""

import dataclasses
from dataclasses import dataclass

from boxship.app import kinds
from boxship.app.kinds import AddressPool, RuntimeChoice
from boxship.app.table import Setting, row, setting
from boxship.model.container import Ulimit

DEFAULT_SOCKET = "unix:///run/boxship.sock"
GROUPS = ("Daemon", "Listeners", "Networks", "Containers", "Logs of containers", "Images", "Host")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one daemon, checked. Sizes in bytes, times in seconds."""

    # Daemon
    config_file: str = row(
        kinds.TEXT, "", "Read settings from this JSON file, same keys as daemon.json", group="Daemon", key=""
    )
    data_root: str = row(
        kinds.TEXT, "/var/lib/boxship", "Keep images, containers and volumes in this directory", group="Daemon"
    )
    exec_root: str = row(
        kinds.TEXT, "/run/boxship", "Keep what dies with the machine in this directory", group="Daemon"
    )
    pidfile: str = row(kinds.TEXT, "/run/boxship.pid", "Write our process id to this file", short="p", group="Daemon")
    log_level: str = row(
        kinds.choice("debug", "info", "warn", "error", "fatal"),
        "info",
        "Say this much: debug, info, warn, error or fatal",
        short="l",
        group="Daemon",
        reload=True,
    )
    log_format: str = row(kinds.choice("text", "json"), "text", "Write our own log as text or json", group="Daemon")
    debug: bool = row(kinds.SWITCH, False, "Same as --log-level debug", short="D", group="Daemon", reload=True)
    labels: tuple[str, ...] = row(
        kinds.LIST, (), "Label this daemon, shown by `info`", flag="label", key="labels", group="Daemon", reload=True
    )
    shutdown_timeout: int = row(
        kinds.NUMBER,
        15,
        "Give open requests this many seconds when we are told to end; containers go on in any case",
        group="Daemon",
        reload=True,
    )
    live_restore: bool = row(
        kinds.SWITCH, True, "Containers go on while the daemon is away; cannot be turned off", group="Daemon"
    )
    metrics_addr: str = row(
        kinds.TEXT, "", "Serve Prometheus metrics over HTTP here, as in 127.0.0.1:9323", group="Daemon"
    )

    registry_config: str = row(
        kinds.TEXT, "", "Run a registry too, with the settings of this file; see docs/registry.md", group="Daemon"
    )

    # Listeners
    hosts: tuple[str, ...] = row(
        kinds.LIST,
        (DEFAULT_SOCKET,),
        "Listen here: unix://PATH, tcp://ADDRESS:PORT or fd:// for systemd's sockets",
        flag="host",
        key="hosts",
        short="H",
        variable="",
        group="Listeners",
    )
    group: str = row(kinds.TEXT, "docker", "Let this group use the unix socket", short="G", group="Listeners")
    tls: bool = row(kinds.SWITCH, False, "Speak TLS on tcp://, without asking clients who they are", group="Listeners")
    tlsverify: bool = row(
        kinds.SWITCH, False, "Speak TLS on tcp:// and let in only clients whose certificate --tlscacert signed",
        group="Listeners", variable="BOXSHIP_TLS_VERIFY",
    )  # fmt: skip
    tlscacert: str = row(kinds.TEXT, "", "Certificate authority that signs clients' certificates", group="Listeners")
    tlscert: str = row(kinds.TEXT, "", "Our certificate for TLS", group="Listeners")
    tlskey: str = row(kinds.TEXT, "", "Key of our certificate", group="Listeners")
    allow_plain_tcp: bool = row(
        kinds.SWITCH,
        False,
        "Permit tcp:// without TLS: whoever reaches the port is root on this machine",
        group="Listeners",
    )

    # Networks
    bridge: str = row(
        kinds.TEXT, "boxship0", "Bridge of the default network; none turns the default network off", short="b",
        group="Networks",
    )  # fmt: skip
    bip: str = row(kinds.CIDR, "", "Our address on the default bridge, as in 172.20.0.1/16", group="Networks")
    bip6: str = row(kinds.CIDR, "", "Our IPv6 address on the default bridge", group="Networks")
    fixed_cidr: str = row(kinds.CIDR, "", "Take the default network's addresses from this part", group="Networks")
    fixed_cidr_v6: str = row(kinds.CIDR, "", "The same for IPv6", group="Networks")
    default_gateway: str = row(kinds.ADDRESS, "", "Gateway of the default network", group="Networks")
    default_gateway_v6: str = row(kinds.ADDRESS, "", "IPv6 gateway of the default network", group="Networks")
    default_address_pools: tuple[AddressPool, ...] = row(
        kinds.POOLS, (), "Cut subnets of new networks from this pool, as in base=10.10.0.0/16,size=24",
        flag="default-address-pool", key="default-address-pools", group="Networks",
    )  # fmt: skip
    ip: str = row(kinds.ADDRESS, "0.0.0.0", "Publish ports on this address where none is named", group="Networks")
    ipv6: bool = row(kinds.SWITCH, False, "Give the default network IPv6", group="Networks")
    icc: bool = row(kinds.SWITCH, True, "Let containers of the default network reach each other", group="Networks")
    ip_masq: bool = row(
        kinds.SWITCH, True, "Hide containers behind the host's address on the way out", group="Networks"
    )
    mtu: int = row(kinds.NUMBER, 0, "MTU of the default network; 0 is 1500", group="Networks", reload=False)
    dns: tuple[str, ...] = row(kinds.LIST, (), "Name server for containers", group="Networks")
    dns_opts: tuple[str, ...] = row(
        kinds.LIST, (), "Resolver option for containers", flag="dns-opt", key="dns-opts", group="Networks"
    )
    dns_search: tuple[str, ...] = row(kinds.LIST, (), "Search domain for containers", group="Networks")
    host_gateway_ip: str = row(
        kinds.ADDRESS, "", "What host-gateway in --add-host stands for; default: our address on the bridge",
        group="Networks",
    )  # fmt: skip
    firewall_table: str = row(
        kinds.TEXT, "", "nftables table of ours; default: made from the bridge's name", group="Networks"
    )
    open_published_ports: bool = row(
        kinds.SWITCH, False,
        "Let published ports pass the host's firewall even where its forward chains drop, as dockerd does",
        group="Networks", reload=True,
    )  # fmt: skip

    # Containers
    default_runtime: str = row(
        kinds.TEXT, "", "OCI runtime for containers that name none; default: crun where it works, else runc",
        group="Containers", reload=True,
    )  # fmt: skip
    runtimes: dict[str, RuntimeChoice] = row(
        kinds.RUNTIMES, {}, "Know one more OCI runtime", flag="add-runtime", key="runtimes", group="Containers",
        reload=True,
    )  # fmt: skip
    default_ulimits: tuple[Ulimit, ...] = row(
        kinds.ULIMITS, (), "Limit of containers that set none, as in nofile=1024:2048", flag="default-ulimit",
        key="default-ulimits", group="Containers", reload=True,
    )  # fmt: skip
    default_shm_size: int = row(kinds.SIZE, 64 << 20, "Size of /dev/shm where none is asked for", group="Containers")
    default_ipc_mode: str = row(
        kinds.choice("private", "shareable"), "private", "IPC namespace where none is asked for", group="Containers"
    )
    default_cgroupns_mode: str = row(
        kinds.choice("", "private", "host"), "", "Cgroup namespace where none is asked for; default: private on v2",
        group="Containers",
    )  # fmt: skip
    init: bool = row(kinds.SWITCH, False, "Run an init inside containers that do not say", group="Containers")
    init_path: str = row(
        kinds.TEXT, "", "The init that --init runs; default: tini or what is found", group="Containers"
    )
    no_new_privileges: bool = row(
        kinds.SWITCH, False, "Set no-new-privileges for all containers that do not say", group="Containers"
    )
    seccomp_profile: str = row(
        kinds.TEXT, "", "Default seccomp profile: a file, `builtin` or `unconfined`", group="Containers"
    )
    userns_remap: str = row(
        kinds.TEXT, "", "Map containers' users into this user's subordinate ids: `default`, user or user:group",
        group="Containers",
    )  # fmt: skip
    cgroup_parent: str = row(
        kinds.TEXT, "", "Put containers below this cgroup; default: /boxship, made unlike for another bridge",
        group="Containers",
    )  # fmt: skip
    cdi_spec_dirs: tuple[str, ...] = row(
        kinds.LIST, ("/etc/cdi", "/var/run/cdi"), "Read Container Device Interface files here", flag="cdi-spec-dir",
        key="cdi-spec-dirs", group="Containers",
    )  # fmt: skip

    # Logs of containers
    log_driver: str = row(
        kinds.choice("json-file", "local", "none", "journald", "syslog"), "json-file",
        "Log driver of containers that name none", group="Logs of containers",
    )  # fmt: skip
    log_opts: dict[str, str] = row(
        kinds.PAIRS, {}, "Option of the default log driver, as in max-size=10m", flag="log-opt", key="log-opts",
        group="Logs of containers",
    )  # fmt: skip

    # Images
    insecure_registries: tuple[str, ...] = row(
        kinds.LIST, (), "Registry reached without TLS, name or address range", flag="insecure-registry",
        key="insecure-registries", group="Images", reload=True,
    )  # fmt: skip
    registry_mirrors: tuple[str, ...] = row(
        kinds.LIST, (), "Ask this registry before Docker Hub; DOMAIN=ADDRESS before any other", flag="registry-mirror",
        key="registry-mirrors", group="Images", reload=True,
    )  # fmt: skip
    max_concurrent_downloads: int = row(
        kinds.NUMBER, 3, "Layers fetched at once in a pull", group="Images", reload=True
    )
    max_concurrent_uploads: int = row(kinds.NUMBER, 5, "Layers sent at once in a push", group="Images", reload=True)
    max_download_attempts: int = row(kinds.NUMBER, 5, "Tries for each layer of a pull", group="Images", reload=True)
    image_gc_high: int = row(
        kinds.NUMBER, 0,
        "When the disk is so many percent full, remove images nobody uses and a registry has; 0 never removes any",
        group="Images", reload=True,
    )  # fmt: skip
    image_gc_low: int = row(
        kinds.NUMBER, 80, "Once begun, remove images until the disk is so many percent full", group="Images",
        reload=True,
    )  # fmt: skip
    image_gc_age: int = row(
        kinds.NUMBER, 300, "Remove no image for the disk's sake that was used in the last so many seconds",
        group="Images", reload=True,
    )  # fmt: skip
    pinned_images: tuple[str, ...] = row(
        kinds.LIST, (), "Never remove this image for the disk's sake, as in alpine:*; so does the label boxship.pinned",
        flag="pin-image", key="pinned-images", group="Images", reload=True,
    )  # fmt: skip
    http_proxy: str = row(kinds.TEXT, "", "Reach registries over HTTP through this proxy", group="Images")
    https_proxy: str = row(kinds.TEXT, "", "Reach registries over HTTPS through this proxy", group="Images")
    no_proxy: str = row(kinds.TEXT, "", "Reach these hosts without a proxy, parted by commas", group="Images")
    proxies: dict[str, str] = row(
        kinds.PAIRS, {}, "The same three as an object, as dockerd's file has them", flag="", variable="",
        group="Images",
    )  # fmt: skip

    # Host
    favordynmods: bool = row(
        kinds.SWITCH, True,
        "Remount the cgroup v2 tree with favordynmods: containers start faster, forks cost a little more", group="Host",
    )  # fmt: skip
    network_pool: int = row(
        kinds.NUMBER, 4, "Keep so many network namespaces ready, so that a start need not make one", group="Host"
    )

    @property
    def level(self) -> str:
        return "debug" if self.debug else self.log_level


TABLE: tuple[Setting, ...] = tuple(setting(entry, "BOXSHIP_") for entry in dataclasses.fields(Settings))

REFUSED = {
    "allow-nondistributable-artifacts": "foreign layers are always pushed; leave it out",
    "authorization-plugins": "plugins are not supported; put a proxy with the rules you want before the socket",
    "builder": "leave it out: there is no separate builder to configure",
    "containerd": "Boxship needs no containerd; leave it out",
    "cpu-rt-period": "real-time limits are given to each container, by --cpu-rt-period",
    "cpu-rt-runtime": "real-time limits are given to each container, by --cpu-rt-runtime",
    "data-path-port": "it belongs to overlay networks; leave it out",
    "default-network-opts": "give the options to each network, by `network create --opt`",
    "exec-opts": "the cgroup driver is always cgroupfs; leave it out",
    "experimental": "nothing here waits behind a switch; leave it out",
    "features": "nothing here waits behind a switch; leave it out",
    "ip-forward": "forwarding is turned on where a network needs it; leave it out",
    "ip6tables": "rules are kept in a table of our own in nftables; leave it out",
    "iptables": "rules are kept in a table of our own in nftables; leave it out",
    "node-generic-resources": "it belongs to a cluster's nodes; leave it out",
    "oom-score-adjust": "set OOMScoreAdjust= in the service file",
    "raw-logs": "our log has no colours; leave it out",
    "root": "it is called data-root",
    "graph": "it is called data-root",
    "rootless": "the daemon runs as root; leave it out",
    "selinux-enabled": "SELinux labels are not supported; leave it out",
    "storage-driver": "the storage driver is always overlay2; leave it out",
    "storage-opts": "overlay2 needs no options; leave it out",
    "swarm-default-advertise-addr": "it belongs to a cluster's nodes; leave it out",
    "userland-proxy": "published ports need no proxy process; leave it out",
    "userland-proxy-path": "published ports need no proxy process; leave it out",
}
"""dockerd's keys that make no sense here, and what to do instead."""
