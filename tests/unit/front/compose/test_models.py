"""Docker's runner of models: what its client is told, and what services learn."""

import json
import sys
from pathlib import Path

import pytest

from boxship.base.errors import PlatformError
from boxship.front.client.wire import Address
from boxship.front.compose import models, outside
from boxship.front.compose.model import LanguageModel, Project, Service

PROGRAM = """#!{python}
import json, sys
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if sys.argv[1] == "ls":
    print(json.dumps([{{"tags": ["ai/here"]}}]))
if sys.argv[1] == "status":
    print({status!r})
"""


def _project(tmp_path: Path, status: str) -> Project:
    folder = tmp_path / "cli-plugins"
    folder.mkdir()
    log = str(tmp_path / "log")
    (folder / "docker-model").write_text(PROGRAM.format(python=sys.executable, log=log, status=status))
    (folder / "docker-model").chmod(0o755)
    return Project(
        services={"a": Service(name="a", models={"one": None, "two": None})},
        models={
            "one": LanguageModel(model="ai/here"),
            "two": LanguageModel(model="ai/far", context_size=9, runtime_flags=("-v",)),
        },
        environment={"DOCKER_CONFIG": str(tmp_path)},
    )


@pytest.mark.parametrize("dry", [False, True])
def test_models_are_fetched_and_configured(tmp_path: Path, dry: bool) -> None:
    project = _project(tmp_path, json.dumps({"endpoint": "http://runner"}))
    found = outside.completed(project, Address("unix:///x", path="/x"), print, dry=dry).services["a"].environment
    assert found == {
        "ONE_MODEL": "ai/here",
        "ONE_URL": "http://runner",
        "TWO_MODEL": "ai/far",
        "TWO_URL": "http://runner",
    }
    done = ["ls --json", "configure ai/here", "pull ai/far", "configure --context-size 9 ai/far -- -v"]
    assert (tmp_path / "log").read_text().splitlines() == [*([] if dry else done), "status --json"]


def test_a_runner_that_tells_no_endpoint(tmp_path: Path) -> None:
    project = _project(tmp_path, "{}")
    with pytest.raises(PlatformError, match="tells no endpoint"):
        models.endpoint(project, models.runner(project.environment))
