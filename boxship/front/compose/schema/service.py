"""The shape of one service. Pure data."""

from boxship.front.compose.schema.deploy import DEPLOY, DEVICE_REQUESTS
from boxship.front.compose.schema.words import (
    AMOUNT,
    COMMAND,
    COUNT,
    NUMBER,
    OPTIONS,
    PAIRS,
    SCALAR,
    SWITCH,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    TEXTS_ONCE,
    Schema,
    between,
    closed,
    list_of,
    mapping,
    named,
    one_of,
    optional,
    words,
)

NULL: Schema = {"type": "null"}
EXTRA_HOSTS = one_of(named(one_of(TEXT, TEXTS), ".+"), TEXTS_ONCE)
ULIMITS = named(one_of(COUNT, mapping(("soft", "hard"), hard=COUNT, soft=COUNT)), "^[a-z]+$", strict=False)
FILE_REFERENCES = list_of(one_of(TEXT, mapping(source=TEXT, target=TEXT, uid=TEXT, gid=TEXT, mode=AMOUNT)))

BUILD = one_of(
    TEXT,
    mapping(
        context=TEXT,
        dockerfile=TEXT,
        dockerfile_inline=TEXT,
        entitlements=TEXTS,
        args=PAIRS,
        provenance=SWITCH,
        sbom=SWITCH,
        ssh=PAIRS,
        labels=PAIRS,
        cache_from=TEXTS,
        cache_to=TEXTS,
        no_cache=SWITCH,
        no_cache_filter=TEXT_OR_TEXTS,
        additional_contexts=PAIRS,
        network=TEXT,
        pull=SWITCH,
        target=TEXT,
        shm_size=COUNT,
        extra_hosts=EXTRA_HOSTS,
        isolation=TEXT,
        privileged=SWITCH,
        secrets=FILE_REFERENCES,
        tags=TEXTS,
        ulimits=ULIMITS,
        platforms=TEXTS,
    ),
)

RATES = list_of(closed(mapping(path=TEXT, rate=COUNT)))
BLKIO = closed(
    mapping(
        device_read_bps=RATES,
        device_read_iops=RATES,
        device_write_bps=RATES,
        device_write_iops=RATES,
        weight=COUNT,
        weight_device=list_of(closed(mapping(path=TEXT, weight=COUNT))),
    )
)

DEPENDS_ON = one_of(
    TEXTS_ONCE,
    named(
        mapping(
            ("condition",),
            restart=SWITCH,
            required={"type": "boolean"},
            condition=words("service_started", "service_healthy", "service_completed_successfully"),
        )
    ),
)

HOOK_KEYS: dict[str, Schema] = {
    "command": COMMAND,
    "user": TEXT,
    "privileged": SWITCH,
    "working_dir": TEXT,
    "environment": PAIRS,
}
HOOK = mapping(**HOOK_KEYS)
HOOKS = list_of(HOOK)

DEVELOP = optional(
    mapping(
        watch=list_of(
            mapping(
                ("path", "action"),
                ignore=TEXT_OR_TEXTS,
                include=TEXT_OR_TEXTS,
                path=TEXT,
                action=words("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
                target=TEXT,
                exec=HOOK,
                initial_sync=SWITCH,
            )
        ),
    )
)

ENV_FILE = one_of(
    TEXT,
    list_of(one_of(TEXT, closed(mapping(("path",), path=TEXT, format=TEXT, required=SWITCH)))),
)

ENDPOINT = mapping(
    aliases=TEXTS_ONCE,
    interface_name=TEXT,
    ipv4_address=TEXT,
    ipv6_address=TEXT,
    link_local_ips=TEXTS_ONCE,
    mac_address=TEXT,
    driver_opts=OPTIONS,
    priority=NUMBER,
    gw_priority=NUMBER,
)

PORT = mapping(
    name=TEXT,
    mode=TEXT,
    host_ip=TEXT,
    target=COUNT,
    published=COUNT,
    protocol=TEXT,
    app_protocol=TEXT,
)

MOUNT = mapping(
    ("type",),
    type=TEXT,
    source=TEXT,
    target=TEXT,
    read_only=SWITCH,
    consistency=TEXT,
    bind=mapping(
        propagation=TEXT,
        create_host_path=SWITCH,
        recursive=words("enabled", "disabled", "writable", "readonly"),
        selinux=words("z", "Z"),
    ),
    volume=mapping(labels=PAIRS, nocopy=SWITCH, subpath=TEXT),
    tmpfs=mapping(size=between(0), mode=AMOUNT),
    image=mapping(subpath=TEXT),
)

HEALTHCHECK = mapping(
    disable=SWITCH,
    interval=TEXT,
    retries=AMOUNT,
    test=one_of(TEXT, TEXTS),
    timeout=TEXT,
    start_period=TEXT,
    start_interval=TEXT,
)

PROVIDER_OPTION = one_of({"type": ["string", "number", "boolean"]}, list_of({"type": ["string", "number", "boolean"]}))

SERVICE = mapping(
    annotations=PAIRS,
    attach=SWITCH,
    build=BUILD,
    blkio_config=BLKIO,
    cap_add=TEXTS_ONCE,
    cap_drop=TEXTS_ONCE,
    cgroup=words("host", "private"),
    cgroup_parent=TEXT,
    command=COMMAND,
    configs=FILE_REFERENCES,
    container_name={"type": "string", "pattern": "[a-zA-Z0-9][a-zA-Z0-9_.-]+"},
    cpu_count=between(0),
    cpu_percent=between(0, 100),
    cpu_shares=AMOUNT,
    cpu_quota=AMOUNT,
    cpu_period=AMOUNT,
    cpu_rt_period=AMOUNT,
    cpu_rt_runtime=AMOUNT,
    cpus=AMOUNT,
    cpuset=TEXT,
    credential_spec=mapping(config=TEXT, file=TEXT, registry=TEXT),
    depends_on=DEPENDS_ON,
    deploy=DEPLOY,
    develop=DEVELOP,
    device_cgroup_rules=TEXTS_ONCE,
    devices=list_of(one_of(TEXT, mapping(("source",), source=TEXT, target=TEXT, permissions=TEXT))),
    dns=TEXT_OR_TEXTS,
    dns_opt=TEXTS_ONCE,
    dns_search=TEXT_OR_TEXTS,
    domainname=TEXT,
    entrypoint=COMMAND,
    env_file=ENV_FILE,
    environment=PAIRS,
    expose=list_of(COUNT, once=True),
    extends=one_of(TEXT, closed(mapping(("service",), service=TEXT, file=TEXT))),
    external_links=TEXTS_ONCE,
    extra_hosts=EXTRA_HOSTS,
    gpus=one_of(words("all"), DEVICE_REQUESTS),
    group_add=list_of(AMOUNT, once=True),
    healthcheck=HEALTHCHECK,
    hostname=TEXT,
    image=TEXT,
    init=SWITCH,
    ipc=TEXT,
    isolation=TEXT,
    label_file=one_of(TEXT, TEXTS),
    labels=PAIRS,
    links=TEXTS_ONCE,
    logging=mapping(driver=TEXT, options=named({"type": ["string", "number", "null"]}, "^.+$", strict=False)),
    mac_address=TEXT,
    mem_limit=AMOUNT,
    mem_reservation=COUNT,
    mem_swappiness=COUNT,
    memswap_limit=AMOUNT,
    models=one_of(TEXTS_ONCE, named(one_of(mapping(endpoint_var=TEXT, model_var=TEXT), NULL))),
    network_mode=TEXT,
    networks=one_of(TEXTS_ONCE, named(one_of(ENDPOINT, NULL))),
    oom_kill_disable=SWITCH,
    oom_score_adj=between(-1000, 1000),
    pid={"type": ["string", "null"]},
    pids_limit=AMOUNT,
    platform=TEXT,
    ports=list_of(one_of(NUMBER, TEXT, PORT), once=True),
    pre_start=list_of(mapping(image=TEXT, per_replica={"type": "boolean"}, **HOOK_KEYS)),
    post_start=HOOKS,
    pre_stop=HOOKS,
    privileged=SWITCH,
    profiles=TEXTS_ONCE,
    provider=mapping(("type",), type=TEXT, options=named(PROVIDER_OPTION, "^.+$", strict=False)),
    pull_policy={
        "type": "string",
        "pattern": "^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$",
    },
    pull_refresh_after=TEXT,
    read_only=SWITCH,
    restart=TEXT,
    runtime=TEXT,
    scale=COUNT,
    secrets=FILE_REFERENCES,
    security_opt=TEXTS_ONCE,
    shm_size=AMOUNT,
    stdin_open=SWITCH,
    stop_grace_period=TEXT,
    stop_signal=TEXT,
    storage_opt={"type": "object", "additionalProperties": SCALAR},
    sysctls=PAIRS,
    tmpfs=TEXT_OR_TEXTS,
    tty=SWITCH,
    ulimits=ULIMITS,
    use_api_socket={"type": "boolean"},
    user=TEXT,
    userns_mode=TEXT,
    uts=TEXT,
    volumes=list_of(one_of(TEXT, MOUNT), once=True),
    volumes_from=TEXTS_ONCE,
    working_dir=TEXT,
)
