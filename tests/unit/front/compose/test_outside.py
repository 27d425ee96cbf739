"""What services ask for beside their files: folders of secrets, the engine's socket, models."""

from boxship.front.client.wire import Address
from boxship.front.compose import outside
from boxship.front.compose.model import FileObject, LanguageModel, Project, Service, ServiceModel

LOCAL = Address("unix:///run/x.sock", path="/run/x.sock")


def test_external_secrets_come_from_a_folder() -> None:
    secrets = {"a": FileObject(name="token", external=True), "b": FileObject(name="b", file="/b")}
    project = Project(secrets=secrets, environment={"COMPOSE_EXTERNAL_SECRETS": "/etc/secrets/"})
    found = outside.with_folders(project).secrets
    assert found == {"a": FileObject(name="token", file="/etc/secrets/token"), "b": secrets["b"]}
    assert outside.with_folders(Project(secrets=secrets)).secrets == secrets


def test_the_engine_socket() -> None:
    service = Service(name="a", use_api_socket=True)
    own = Service(name="b", use_api_socket=True, environment={"DOCKER_CONFIG": "/mine"})
    project = Project(services={"a": service, "b": own, "c": Service(name="c")})
    found = outside.with_socket(project, "/run/x.sock", "{}")
    told = found.services["a"]
    assert [(mount.source, mount.target) for mount in told.volumes] == [("/run/x.sock", "/var/run/docker.sock")]
    assert told.environment == {"DOCKER_CONFIG": "/run/secrets/docker"}
    assert told.configs[0].target == "/run/secrets/docker/config.json"
    assert found.services["b"].configs == ()
    assert found.services["b"].environment == own.environment
    assert found.services["c"] == project.services["c"]


def test_a_project_that_has_the_socket_stays_as_it_is() -> None:
    project = Project(services={"a": Service(name="a", use_api_socket=True)}, environment={"HOME": "/nonexistent"})
    once = outside.completed(project, LOCAL, print)
    assert once != project
    assert outside.completed(once, LOCAL, print) == once


def test_models_of_a_runner() -> None:
    binding = ServiceModel(endpoint_var="WHERE")
    project = Project(
        services={"a": Service(name="a", models={"my-llm": None, "other": binding})},
        models={"my-llm": LanguageModel(model="ai/x", context_size=9), "other": LanguageModel(model="ai/y")},
        environment={"COMPOSE_MODEL_RUNNER": "http://r/v1"},
    )
    told: list[str] = []
    found = outside.completed(project, LOCAL, told.append).services["a"].environment
    assert found == {"MY_LLM_URL": "http://r/v1", "MY_LLM_MODEL": "ai/x", "WHERE": "http://r/v1", "OTHER_MODEL": "ai/y"}
    assert told == ["warning: `models.my-llm.context_size` is for the runner at http://r/v1 itself to be set"]


def test_no_runner_of_models_is_told_once() -> None:
    project = Project(
        services={"a": Service(name="a", models={"m": None})},
        models={"m": LanguageModel(model="ai/x")},
        environment={"DOCKER_CONFIG": "/nonexistent"},
    )
    told: list[str] = []
    assert outside.completed(project, LOCAL, told.append) == project
    assert len(told) == 1
    assert "COMPOSE_MODEL_RUNNER" in told[0]
