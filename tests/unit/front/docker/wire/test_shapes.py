"""Shapes of inspect and list against recorded ones, key by key and null by null.

The recorded files were compared with what dockerd 20.10 and the API of 28 show for the same containers. To record anew
after a deliberate change: BOXSHIP_RECORD=1 pytest tests/unit/front/docker/wire/test_shapes.py
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from boxship.base import codec
from boxship.base.units import SECOND
from boxship.front.docker.wire import info, inspect, summary, usage
from boxship.front.docker.wire.inspect import Extra, Places
from boxship.model.image import Image, ImageConfig
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, State
from boxship.model.system import Counts, Facts, RuntimeFacts, Usage
from boxship.model.volume import Volume, VolumeSpec
from tests.unit.front.docker.wire.samples import BORN, HOST, ID, MINIMAL, RUNNING

GOLDEN = Path(__file__).parent / "golden"
PLACES = Places(data_root="/data", exec_root="/exec")
NOW = BORN + 3700 * SECOND

FACTS = Facts(
    id="ID",
    name="host",
    version="0.1.0",
    kernel="6.1",
    os="Debian",
    runtimes={"crun": RuntimeFacts(path="/usr/bin/crun", version="1.8.1", arguments=("--x",))},
    default_runtime="crun",
    limits=frozenset({"memory", "pids"}),
    insecure_registries=("127.0.0.0/8", "registry:5000"),
    address_pools=(("10.0.0.0/8", 24),),
    data_root="/data",
)
IMAGE = Image(id="sha256:" + "ab" * 32, created=BORN, config=ImageConfig(), tags=("busybox:latest",), size=7)
VOLUME = Volume(spec=VolumeSpec(name="v"), created=BORN, mountpoint="/volumes/v/_data")
USED = Usage(layers=7, images=((IMAGE, 1, 2),), containers=((RUNNING, 5, 12),), volumes=((VOLUME, 3, 1),))

SHAPES: dict[str, Any] = {
    "inspect-running": lambda: inspect.render(RUNNING, PLACES, Extra(exec_ids=("e1",), sizes=(5, 12))),
    "inspect-created": lambda: inspect.render(MINIMAL, PLACES, Extra()),
    "list-running": lambda: summary.render(RUNNING, NOW, sizes=(5, 12)),
    "list-created": lambda: summary.render(MINIMAL, NOW),
    "info": lambda: info.render_info(FACTS, Counts(running=1, stopped=2, images=3), NOW),
    "version": lambda: info.render_version(FACTS),
    "usage": lambda: usage.render(USED, NOW, (1, 51), []),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shape(name: str) -> None:
    shown = json.loads(codec.encode(SHAPES[name]()))
    path = GOLDEN / f"{name}.json"
    if os.environ.get("BOXSHIP_RECORD"):
        path.write_text(json.dumps(shown, indent=2) + "\n")
    assert shown == json.loads(path.read_text())


def network_settings(container: Container, version: tuple[int, int] = (1, 51)) -> dict[str, Any]:
    settings: dict[str, Any] = inspect.render(container, PLACES, Extra(version=version))["NetworkSettings"]
    return settings


def test_legacy_addresses_are_those_of_the_default_network() -> None:
    settings = network_settings(RUNNING)
    assert settings["IPAddress"] == settings["Networks"]["bridge"]["IPAddress"] == "172.17.0.9"
    assert settings["Ports"]["81/udp"] is None


def test_a_stopped_container_has_no_ports_and_no_sandbox() -> None:
    stopped = replace(RUNNING, status=replace(RUNNING.status, state=State.EXITED, networks={}, ports={}))
    settings = network_settings(stopped)
    assert (settings["Ports"], settings["SandboxKey"], settings["IPAddress"]) == ({}, "", "")
    assert settings["Networks"]["bridge"]["Aliases"] == ("www",)


MODES = {"bridge": ["bridge"], "default": ["bridge"], "host": ["host"], "none": ["none"], "mine": ["mine"]}


@pytest.mark.parametrize(("mode", "names"), [*MODES.items(), ("container:x", [])])
def test_networks_before_the_first_start(mode: str, names: list[str]) -> None:
    created = replace(MINIMAL, spec=replace(MINIMAL.spec, host=replace(MINIMAL.spec.host, network_mode=mode)))
    assert list(network_settings(created)["Networks"]) == names


def test_old_clients_see_the_short_id_among_the_aliases() -> None:
    status = replace(RUNNING.status, networks={"mine": EndpointStatus(network_id="7", network="mine")})
    container = replace(RUNNING, status=status, spec=replace(RUNNING.spec, networks={}))
    assert network_settings(container, (1, 44))["Networks"]["mine"]["Aliases"] == [ID[:12], "web"]
    assert network_settings(container)["Networks"]["mine"]["Aliases"] is None


STATES = {
    State.PAUSED: (True, True, False, False),
    State.RESTARTING: (True, False, True, False),
    State.EXITED: (False, False, False, False),
    State.DEAD: (False, False, False, True),
}


@pytest.mark.parametrize(("state", "flags"), STATES.items())
def test_flags_of_states(state: State, flags: tuple[bool, ...]) -> None:
    shown = inspect.render_state(replace(RUNNING.status, state=state))
    assert tuple(shown[name] for name in ("Running", "Paused", "Restarting", "Dead")) == flags
    assert shown["Status"] == state.value


def aged(state: State, *, started: int = 1, finished: int = 0, code: int = 0, health: str = "") -> str:
    status = replace(RUNNING.status, state=state, exit_code=code, started_at=started and BORN, finished_at=0)
    status = replace(status, finished_at=BORN + finished * SECOND if finished else 0)
    status = replace(status, health=replace(RUNNING.status.health, status=health) if health else None)
    return summary.status_text(replace(RUNNING, status=status), BORN + 200 * SECOND)


STATUS_TEXTS = {
    "Up 3 minutes": aged(State.RUNNING),
    "Up 3 minutes (healthy)": aged(State.RUNNING, health="healthy"),
    "Up 3 minutes (unhealthy)": aged(State.RUNNING, health="unhealthy"),
    "Up 3 minutes (health: starting)": aged(State.RUNNING, health="starting"),
    "Up 3 minutes (Paused)": aged(State.PAUSED, health="healthy"),
    "Restarting (1) 50 seconds ago": aged(State.RESTARTING, finished=150, code=1),
    "Exited (137) About a minute ago": aged(State.EXITED, finished=140, code=137),
    "Exited (0) Less than a second ago": aged(State.EXITED, finished=200),
    "Created": aged(State.CREATED, started=0),
    "Removal In Progress": aged(State.REMOVING),
    "Dead": aged(State.DEAD),
}


@pytest.mark.parametrize(("text", "shown"), STATUS_TEXTS.items())
def test_status_text(text: str, shown: str) -> None:
    assert shown == text


def test_words_with_spaces_are_quoted_in_the_command() -> None:
    assert summary.command(replace(RUNNING, path="sh", args=("-c", "echo hi"))) == "sh -c 'echo hi'"


def test_annotations_are_listed_since_1_46() -> None:
    host = replace(HOST, annotations={"a": "b"})
    container = replace(RUNNING, spec=replace(RUNNING.spec, host=host))
    assert summary.render(container, NOW, version=(1, 46))["HostConfig"]["Annotations"] == {"a": "b"}
    assert "Annotations" not in summary.render(container, NOW, version=(1, 45))["HostConfig"]


def test_kinds_not_asked_for_are_null() -> None:
    shown = usage.render(Usage(volumes=()), NOW, (1, 41))
    assert shown == {
        "LayersSize": 0, "Images": None, "Containers": None, "Volumes": [], "BuildCache": None, "BuilderSize": 0,
    }  # fmt: skip


def host_config(**changes: Any) -> dict[str, Any]:
    host = replace(MINIMAL.spec.host, **changes)
    shown: dict[str, Any] = inspect.render(replace(MINIMAL, spec=replace(MINIMAL.spec, host=host)), PLACES, Extra())
    found: dict[str, Any] = shown["HostConfig"]
    return found


def test_hidden_paths_are_told_in_full() -> None:
    assert "/proc/kcore" in host_config()["MaskedPaths"]
    assert "/proc/sys" in host_config()["ReadonlyPaths"]
    assert host_config(masked_paths=())["MaskedPaths"] == ()
    assert host_config(privileged=True)["MaskedPaths"] is None


def test_links_are_told_as_paths() -> None:
    assert host_config(links=("db:store", "/mq"))["Links"] == ["/db:/small/store", "/mq:/small/mq"]
