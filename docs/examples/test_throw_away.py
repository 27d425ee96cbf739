"""Tests with throw-away containers: install boxship beside pytest, and these fixtures are there."""

import socket
import time
from typing import Any

COMPOSE = """
services:
  app:
    image: busybox
    command: sleep 1000
    depends_on: [store]
  store:
    image: busybox
    command: sleep 1000
"""


def test_a_container(boxship_container: Any) -> None:
    box = boxship_container("busybox", ["sleep", "1000"])
    assert box.exec("echo", "hello").text == "hello"
    assert box.exec("false", check=False).code == 1


def test_a_published_port(boxship_container: Any) -> None:
    web = boxship_container("busybox", ["httpd", "-f", "-p", "80"], ports={"80": ("127.0.0.1", 0)})
    address = web.port("80")
    for _ in range(3000):  # until the server listens
        try:
            socket.create_connection(address).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.02)
    else:
        raise AssertionError(web.logs())


def test_two_containers_in_a_network(boxship_container: Any, boxship_network: Any) -> None:
    boxship_container("busybox", ["sleep", "1000"], network=boxship_network.name, aliases=["db"])
    client = boxship_container("busybox", ["sleep", "1000"], network=boxship_network.name)
    assert "1 packets received" in client.exec("ping", "-c", "1", "db").text


def test_a_compose_project(boxship_compose: Any) -> None:
    project = boxship_compose(COMPOSE)  # or a path: boxship_compose("compose.yaml")
    assert project.container("app").exec("ping", "-c", "1", "store").code == 0


async def test_fixtures_in_an_async_test(boxship_container: Any) -> None:
    box = boxship_container("busybox", ["sleep", "1000"])
    assert box.inspect().state.running
