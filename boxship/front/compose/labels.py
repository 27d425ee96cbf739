"""The labels by which every compose tool knows what belongs to which project. Pure. Source: docker compose, labels."""

from collections.abc import Mapping

from boxship.front.compose.model import Project, Service

AGREES_WITH = "2.26.1"  # the docker compose whose labels, names and hashes ours are

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
CONFIG_HASH = "com.docker.compose.config-hash"
NUMBER = "com.docker.compose.container-number"
VOLUME = "com.docker.compose.volume"
NETWORK = "com.docker.compose.network"
WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"
ONE_OFF = "com.docker.compose.oneoff"
HOOK = "com.docker.compose.hook"
SLUG = "com.docker.compose.slug"
IMAGE = "com.docker.compose.image"
DEPENDS_ON = "com.docker.compose.depends_on"
VERSION = "com.docker.compose.version"
REPLACES = "com.docker.compose.replace"

SHARED = "boxship.ports.shared"  # containers of one value share their published ports
PREVIOUS = "boxship.compose.previous"  # how the container that this one replaced was made, for `rollback`


def of_container(project: Project, service: Service, number: int, image_id: str, config_hash: str) -> dict[str, str]:
    """Return all labels of one container of a service, the user's own included."""
    found = {
        **service.labels,
        PROJECT: project.name,
        SERVICE: service.name,
        VERSION: AGREES_WITH,
        WORKING_DIR: project.working_dir,
        CONFIG_FILES: ",".join(project.compose_files),
        ONE_OFF: "False",
        CONFIG_HASH: config_hash,
        NUMBER: str(number),
        DEPENDS_ON: ",".join(
            f"{name}:{dependency.condition}:{'true' if dependency.restart else 'false'}"
            for name, dependency in sorted(service.depends_on.items())
        ),
    }
    return {**found, IMAGE: image_id} if image_id else found


def of_network(project: Project, key: str) -> dict[str, str]:
    return {**project.networks[key].labels, NETWORK: key, PROJECT: project.name, VERSION: AGREES_WITH}


def of_volume(project: Project, key: str) -> dict[str, str]:
    return {**project.volumes[key].labels, VOLUME: key, PROJECT: project.name, VERSION: AGREES_WITH}


def container_name(project: Project, service: Service, number: int) -> str:
    return service.container_name or f"{project.name}-{service.name}-{number}"


def dependencies(labels: Mapping[str, str]) -> dict[str, str]:
    """Return service -> condition as a container's label tells; the reverse of what `of_container` writes."""
    found = {}
    for entry in labels.get(DEPENDS_ON, "").split(","):
        name, _, rest = entry.partition(":")
        if name:
            found[name] = rest.partition(":")[0] or "service_started"
    return found
