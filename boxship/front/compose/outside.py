"""What services ask for that is in none of their files: external secrets and configs, the engine's socket, models.

The functions that return a project are pure; `completed` asks files, logins and programs for the rest.
"""

from collections.abc import Callable, Mapping

import msgspec

from boxship.front.client.wire import Address
from boxship.front.compose.model import (
    BindOptions,
    FileObject,
    FileReference,
    Mount,
    Project,
    Service,
    ServiceModel,
)

SECRETS, CONFIGS = "COMPOSE_EXTERNAL_SECRETS", "COMPOSE_EXTERNAL_CONFIGS"
RUNNER = "COMPOSE_MODEL_RUNNER"
SOCKET = "/var/run/docker.sock"  # where docker's clients look for it
LOGINS = "#apisocket"  # no name that a file can have. Source: docker compose, apiSocket.go
LOGINS_FOLDER = "/run/secrets/docker"


def completed(project: Project, address: Address, warn: Callable[[str], None], *, dry: bool = False) -> Project:
    """Return the project with all that its services ask for from outside; one that has it stays as it is.

    dry: nothing is fetched or set. Raises PlatformError."""
    project = with_folders(project)
    if LOGINS not in project.configs and any(service.use_api_socket for service in project.services.values()):
        project = with_socket(project, _socket(address), _logins(project.environment))
    if any(service.models for service in project.services.values()):
        project = _with_models(project, warn, dry=dry)
    return project


def with_folders(project: Project) -> Project:
    """Give external secrets and configs the files of the folders that variables name."""
    changes = {}
    for key, variable in (("secrets", SECRETS), ("configs", CONFIGS)):
        folder = project.environment.get(variable, "")
        if folder:
            changes[key] = {name: _from(folder, name, one) for name, one in getattr(project, key).items()}
    return msgspec.structs.replace(project, **changes) if changes else project


def _from(folder: str, name: str, one: FileObject) -> FileObject:
    if not one.external:
        return one
    return msgspec.structs.replace(one, external=False, file=f"{folder.rstrip('/')}/{one.name or name}")


def _socket(address: Address) -> str:
    """Return the path of the engine's socket on its own host."""
    if address.path:
        return address.path
    path = address.shown.removeprefix("ssh://").partition("/")[2] if address.command else ""
    return f"/{path}" if path else SOCKET


def _logins(environ: Mapping[str, str]) -> str:
    import json

    from boxship.front.client.credentials import Keyring

    return json.dumps({"auths": Keyring(environ).all()}, indent=1)


def with_socket(project: Project, socket: str, logins: str) -> Project:
    """Give the engine's socket, and logins to registries, to the services that use it. logins: as config.json."""
    services = {
        name: _using(service, socket) if service.use_api_socket else service
        for name, service in project.services.items()
    }
    configs = {**project.configs, LOGINS: FileObject(name=LOGINS, content=logins)}
    return msgspec.structs.replace(project, services=services, configs=configs)


def _using(service: Service, socket: str) -> Service:
    """Logins go only where the service does not say where its own are."""
    own = "DOCKER_CONFIG" in service.environment
    mount = Mount(type="bind", source=socket, target=SOCKET, bind=BindOptions())
    variables = service.environment if own else {**service.environment, "DOCKER_CONFIG": LOGINS_FOLDER}
    logins = FileReference(source=LOGINS, target=f"{LOGINS_FOLDER}/config.json", mode=0o400)
    return msgspec.structs.replace(
        service,
        volumes=(*service.volumes, mount),
        environment=dict(sorted(variables.items())),
        configs=service.configs if own else (*service.configs, logins),
    )


def _with_models(project: Project, warn: Callable[[str], None], *, dry: bool) -> Project:
    """By the runner that a variable names, else by docker's own; without any it is said what is missing."""
    runner = project.environment.get(RUNNER, "")
    if runner:
        for key, model in project.models.items():
            for field in ("context_size", "runtime_flags"):
                if getattr(model, field):
                    warn(f"warning: `models.{key}.{field}` is for the runner at {runner} itself to be set")
        return with_models(project, runner)
    from boxship.front.compose import models  # only who has some pays

    path = models.runner(project.environment)
    if path:
        if not dry:
            models.prepare(project, path)
        return with_models(project, models.endpoint(project, path))
    names = ", ".join(name for name, service in project.services.items() if service.models)
    warn(
        f"warning: `models` has no effect ({names}): there is no runner of models; name one that speaks OpenAI's API "
        f"with {RUNNER}=http://HOST:PORT/v1, or install the docker CLI plugin docker-model"
    )
    return project


def with_models(project: Project, endpoint: str) -> Project:
    """Tell services where their models are: MODEL_URL and MODEL_MODEL, or the variables that they name themselves.

    Source: compose specification, models."""
    services = {name: _bound(project, service, endpoint) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def _bound(project: Project, service: Service, endpoint: str) -> Service:
    found = dict(service.environment)
    for key, binding in service.models.items():
        asked, prefix = binding or ServiceModel(), key.upper().replace("-", "_")
        found[asked.endpoint_var or f"{prefix}_URL"] = endpoint
        found[asked.model_var or f"{prefix}_MODEL"] = project.models[key].model
    return msgspec.structs.replace(service, environment=dict(sorted(found.items()))) if service.models else service
