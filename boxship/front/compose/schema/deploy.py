"""The shape of `deploy` and of device requests. Pure data."""

from boxship.front.compose.schema.words import (
    AMOUNT,
    COUNT,
    PAIRS,
    TEXT,
    TEXTS,
    TEXTS_ONCE,
    list_of,
    mapping,
    optional,
    words,
)

DEVICE_REQUESTS = list_of(
    mapping(
        capabilities=TEXTS_ONCE,
        count=COUNT,
        device_ids=TEXTS_ONCE,
        driver=TEXT,
        options=PAIRS,
    )
)

UPDATE = mapping(
    parallelism=COUNT,
    delay=TEXT,
    failure_action=TEXT,
    monitor=TEXT,
    max_failure_ratio=AMOUNT,
    order=words("start-first", "stop-first"),
)

RESOURCES = mapping(
    limits=mapping(cpus=AMOUNT, memory=TEXT, pids=COUNT),
    reservations=mapping(
        cpus=AMOUNT,
        memory=TEXT,
        generic_resources=list_of(mapping(discrete_resource_spec=mapping(kind=TEXT, value=AMOUNT))),
        devices={**DEVICE_REQUESTS, "items": {**DEVICE_REQUESTS["items"], "required": ["capabilities"]}},
    ),
)

DEPLOY = optional(
    mapping(
        mode=TEXT,
        endpoint_mode=TEXT,
        replicas=COUNT,
        labels=PAIRS,
        rollback_config=UPDATE,
        update_config=UPDATE,
        resources=RESOURCES,
        restart_policy=mapping(condition=TEXT, delay=TEXT, max_attempts=COUNT, window=TEXT),
        placement=mapping(
            constraints=TEXTS,
            preferences=list_of(mapping(spread=TEXT)),
            max_replicas_per_node=COUNT,
        ),
    )
)
