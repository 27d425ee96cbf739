"""No field of a container's request may go untried on the real kernel: each is named in the end-to-end tests."""

from pathlib import Path

import msgspec
import pytest

from boxship.front.docker.wire import names
from boxship.model import container, network

TESTS = Path(__file__).parent.parent / "e2e"
# Kept by the client; of other systems or builds; not of Docker's but ours.
ELSEWHERE = {"ContainerIDFile", "ArgsEscaped", "OnBuild", "Host", "Networks"}
KINDS: tuple[type[msgspec.Struct], ...] = (
    container.HostSpec,
    container.ContainerSpec,
    container.MountSpec,
    container.BindOptions,
    container.VolumeOptions,
    container.TmpfsOptions,
    container.ImageOptions,
    container.DeviceRequest,
    container.HealthSpec,
    network.EndpointSpec,
)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_every_field_is_driven(kind: type[msgspec.Struct]) -> None:
    text = "".join(file.read_text() for file in TESTS.glob("*.py"))
    fields = {field.docker for field in names.fields(kind)} - ELSEWHERE
    assert {name for name in fields if f'"{name}"' not in text and f"{name}=" not in text} == set()
