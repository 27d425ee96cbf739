"""The compose file as a JSON schema, written from the compose specification. Pure data."""

from boxship.front.compose.schema.service import SERVICE
from boxship.front.compose.schema.words import (
    COUNT,
    OPTIONS,
    PAIRS,
    SWITCH,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    Schema,
    closed,
    list_of,
    mapping,
    named,
    one_of,
    optional,
    refer,
)

EXTERNAL: Schema = {
    "type": ["boolean", "string", "object"],
    "properties": {"name": {**TEXT, "deprecated": True}},
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
}

POOL = mapping(
    subnet=TEXT,
    ip_range=TEXT,
    gateway=TEXT,
    aux_addresses=named(TEXT, "^.+$"),
)

NETWORK = optional(
    mapping(
        name=TEXT,
        driver=TEXT,
        driver_opts=OPTIONS,
        ipam=mapping(driver=TEXT, config=list_of(POOL), options=named(TEXT, "^.+$")),
        external=EXTERNAL,
        internal=SWITCH,
        enable_ipv4=SWITCH,
        enable_ipv6=SWITCH,
        attachable=SWITCH,
        labels=PAIRS,
    )
)

VOLUME = optional(mapping(name=TEXT, driver=TEXT, driver_opts=OPTIONS, external=EXTERNAL, labels=PAIRS))

SECRET = mapping(
    name=TEXT,
    environment=TEXT,
    file=TEXT,
    external=EXTERNAL,
    labels=PAIRS,
    driver=TEXT,
    driver_opts=OPTIONS,
    template_driver=TEXT,
)

CONFIG = mapping(
    name=TEXT,
    content=TEXT,
    environment=TEXT,
    file=TEXT,
    external=EXTERNAL,
    labels=PAIRS,
    template_driver=TEXT,
)

MODEL = mapping(("model",), name=TEXT, model=TEXT, context_size=COUNT, runtime_flags=TEXTS)

INCLUDE = one_of(TEXT, closed(mapping(path=TEXT_OR_TEXTS, env_file=TEXT_OR_TEXTS, project_directory=TEXT)))

FILE: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Compose file",
    **mapping(
        version={"type": ["string", "number"], "deprecated": True},
        name=TEXT,
        include=list_of(INCLUDE),
        services=named(refer("service")),
        networks=named(NETWORK, strict=False),
        volumes=named(VOLUME),
        secrets=named(SECRET),
        configs=named(CONFIG),
        models=named(MODEL),
    ),
    "$defs": {"service": SERVICE},
}
