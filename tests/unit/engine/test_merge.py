import random

import pytest

from boxship.base.errors import Invalid
from boxship.engine import names
from boxship.engine.check import NAME
from boxship.engine.merge import command, merge
from boxship.model.container import ContainerSpec, HealthSpec
from boxship.model.image import ImageConfig

Words = tuple[str, ...] | None


@pytest.mark.parametrize(
    ("entry", "cmd", "image_entry", "image_cmd", "words"),
    [
        (None, None, None, ("sh",), "sh"),
        (None, ("ls", "-l"), None, ("sh",), "ls -l"),
        (None, None, ("entry",), ("a", "b"), "entry a b"),
        (None, ("c",), ("entry",), ("a", "b"), "entry c"),
        (("mine",), None, ("entry",), ("a",), "mine"),
        (("mine",), ("c",), ("entry",), ("a",), "mine c"),
        (("",), ("c",), ("entry",), ("a",), "c"),
        ((), None, ("entry",), ("a",), "a"),
        ((), ("c",), ("entry",), ("a",), "c"),
        (None, (), ("entry",), ("a",), "entry a"),
    ],
)
def test_the_command(entry: Words, cmd: Words, image_entry: Words, image_cmd: Words, words: str) -> None:
    merged = merge(ContainerSpec(entrypoint=entry, cmd=cmd), ImageConfig(entrypoint=image_entry, cmd=image_cmd))
    path, args = command(merged)
    assert " ".join((path, *args)) == words


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        (ContainerSpec(), ImageConfig()),
        (ContainerSpec(entrypoint=("",)), ImageConfig(entrypoint=("e",), cmd=("c",))),
        (ContainerSpec(entrypoint=()), ImageConfig(entrypoint=("e",))),
    ],
)
def test_no_command(spec: ContainerSpec, image: ImageConfig) -> None:
    with pytest.raises(Invalid, match=r"^no command specified$"):
        merge(spec, image)


def test_the_user_counts_and_the_image_fills_in() -> None:
    image = ImageConfig(
        user="app", env=("PATH=/bin", "A=image"), cmd=("sh",), working_dir="/app", labels={"a": "image", "b": "image"},
        exposed_ports=("80/tcp",), volumes=("/data",), stop_signal="SIGQUIT", shell=("/bin/bash", "-c"),
    )  # fmt: skip
    spec = ContainerSpec(env=("A=mine", "B=mine"), labels={"a": "mine"}, exposed_ports=("90/tcp", "80/tcp"))
    merged = merge(spec, image)
    assert merged.env == ("A=mine", "B=mine", "PATH=/bin")
    assert merged.labels == {"a": "mine", "b": "image"}
    assert merged.exposed_ports == ("90/tcp", "80/tcp")
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("app", "/app", "SIGQUIT")
    assert (merged.volumes, merged.shell) == (("/data",), ("/bin/bash", "-c"))
    again = merge(ContainerSpec(user="me", working_dir="/me", stop_signal="9", cmd=("x",)), image)
    assert (again.user, again.working_dir, again.stop_signal) == ("me", "/me", "9")


def test_health_is_merged_field_by_field() -> None:
    image = HealthSpec(test=("CMD", "image"), interval=5, retries=2)
    asked = HealthSpec(interval=9, timeout=4)
    merged = merge(ContainerSpec(healthcheck=asked, cmd=("x",)), ImageConfig(healthcheck=image)).healthcheck
    assert merged == HealthSpec(test=("CMD", "image"), interval=9, timeout=4, retries=2)
    assert merge(ContainerSpec(cmd=("x",)), ImageConfig(healthcheck=image)).healthcheck == image
    assert merge(ContainerSpec(cmd=("x",), healthcheck=asked), ImageConfig()).healthcheck == asked


def test_a_merged_spec_merged_again_is_the_same() -> None:
    image = ImageConfig(env=("A=1",), cmd=("sh",), entrypoint=("e",), labels={"a": "b"}, volumes=("/d",))
    once = merge(ContainerSpec(), image)
    assert merge(once, image) == once


def test_suggested_names_are_names() -> None:
    choice = random.Random(1)
    suggested = [names.suggest(attempt, choice) for attempt in range(5) for _ in range(50)]
    assert all(NAME.fullmatch(name) for name in suggested)
    assert len(set(suggested)) > 200
    assert names.suggest(0).count("_") == 1
