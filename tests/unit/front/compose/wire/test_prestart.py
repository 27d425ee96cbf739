"""The container of a step of `pre_start`."""

from boxship.front.compose.model import Endpoint, Hook, Network, Project, Service
from boxship.front.compose.wire.prestart import pre_start

SERVICE = Service(
    name="web",
    image="app",
    user="5",
    working_dir="/w",
    environment={"A": "1", "B": "2"},
    networks={"default": Endpoint(ipv4_address="10.0.0.5", aliases=("www",))},
)
PROJECT = Project(name="p", services={"web": SERVICE}, networks={"default": Network(name="p_default")})


def test_in_the_image_of_the_service() -> None:
    body = pre_start(PROJECT, SERVICE, Hook(command=("migrate",), environment={"B": "3"}), "id")
    assert {key: body[key] for key in ("Image", "User", "WorkingDir", "Env", "Cmd")} == {
        "Image": "app",
        "User": "5",
        "WorkingDir": "/w",
        "Env": ["A=1", "B=3"],
        "Cmd": ["migrate"],
    }
    assert body["HostConfig"] == {"NetworkMode": "p_default", "VolumesFrom": ["id"]}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"p_default": {}}}
    assert body["Labels"]["com.docker.compose.hook"] == "pre_start"
    assert "com.docker.compose.oneoff" not in body["Labels"]


def test_in_an_image_of_its_own() -> None:
    body = pre_start(PROJECT, SERVICE, Hook(image="tool", privileged=True), "id")
    assert (body["Image"], "User" in body, "Cmd" in body) == ("tool", False, False)
    assert body["HostConfig"]["Privileged"] is True
