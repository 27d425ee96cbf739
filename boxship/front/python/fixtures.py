"""The pytest plugin: throw-away containers, networks and compose projects for tests, whether these are async or not.

Installed with the package. Nothing else is imported before a test asks for one of the fixtures; the daemon is that of
`--boxship-host`, else of BOXSHIP_HOST or DOCKER_HOST, else the default socket.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from boxship.front.python.portal import Network, Portal, Project, Running

LABEL = "boxship.pytest"


class RunContainer(Protocol):
    def __call__(self, image: str, command: Sequence[str] | None = None, **options: Any) -> Running:
        """Return a container that runs; options as `engine.containers.run` has them."""


class UpProject(Protocol):
    def __call__(self, files: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Project:
        """Return a project that is up and healthy. files: a path, or the text of a compose file."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("boxship", "throw-away containers")
    group.addoption(
        "--boxship-host", metavar="URL", default="", help="daemon for containers of tests (unix://, tcp://)"
    )


@pytest.fixture(scope="session")
def boxship_portal(request: pytest.FixtureRequest) -> Iterator[Portal]:
    """The session's connection to the daemon. Fails, saying how to go on, when there is none."""
    from boxship.base.errors import PlatformError
    from boxship.front.python.portal import Portal

    try:
        portal = Portal(str(request.config.getoption("--boxship-host") or ""))
    except PlatformError as error:
        pytest.fail(f"{error} Another daemon can be named with --boxship-host or DOCKER_HOST.", pytrace=False)
    yield portal
    portal.close()


@pytest.fixture
def boxship_container(boxship_portal: Portal) -> Iterator[RunContainer]:
    """`boxship_container("redis:7", ports={"6379": None})`: as many as the test likes, all gone when it ends."""
    made: list[Running] = []

    def run(image: str, command: Sequence[str] | None = None, **options: Any) -> Running:
        labels = {LABEL: "container", **options.pop("labels", {})}
        made.append(boxship_portal.container(image, command, labels=labels, **options))
        return made[-1]

    yield run
    _undo([container.remove for container in reversed(made)])


@pytest.fixture
def boxship_network(boxship_portal: Portal) -> Iterator[Network]:
    """A network of the test's own, gone when it ends; give its `name` to containers."""
    network = boxship_portal.network(f"pytest-{uuid.uuid4().hex[:12]}", {LABEL: "network"})
    yield network
    _undo([network.remove])


@pytest.fixture
def boxship_compose(boxship_portal: Portal, tmp_path: Path) -> Iterator[UpProject]:
    """`boxship_compose("compose.yaml")`: a project with a name of its own, gone with its volumes when the test ends."""
    made: list[Project] = []

    def up(files: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Project:
        path = files
        if isinstance(files, str) and "\n" in files:
            path = tmp_path / f"compose-{len(made)}.yaml"
            path.write_text(files)
        made.append(boxship_portal.project(path, f"pytest-{uuid.uuid4().hex[:12]}", environment))
        made[-1].up()
        return made[-1]

    yield up
    _undo([project.down for project in reversed(made)])


def _undo(removals: Sequence[Callable[[], None]]) -> None:
    """Try each, whatever becomes of the others, then raise the first failure."""
    failures = []
    for remove in removals:
        try:
            remove()
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
