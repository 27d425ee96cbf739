"""Dockerfile instructions on an image's settings."""

from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.base.units import SECOND
from boxship.engine.images.changes import apply
from boxship.model.container import HealthSpec
from boxship.model.image import ImageConfig

BASE = ImageConfig(env=("PATH=/bin", "A=0"), working_dir="/srv", labels={"x": "1"}, on_build=("RUN a",))

GOOD: dict[str, tuple[str, str, Any]] = {
    "cmd json": ('CMD ["sh", "-c", "true"]', "cmd", ("sh", "-c", "true")),
    "cmd shell": ("cmd echo  hi", "cmd", ("/bin/sh", "-c", "echo  hi")),
    "cmd bracket of the shell": ("CMD [ -f x ] && y", "cmd", ("/bin/sh", "-c", "[ -f x ] && y")),
    "entrypoint": ('ENTRYPOINT ["/e"]', "entrypoint", ("/e",)),
    "env new form": ('ENV A=1 B="b c" C=d\\ e', "env", ("PATH=/bin", "A=1", "B=b c", "C=d e")),
    "env old form": ("ENV A the rest = all", "env", ("PATH=/bin", "A=the rest = all")),
    "env single quotes": ("ENV A='x \"y'", "env", ("PATH=/bin", 'A=x "y')),
    "env empty": ("ENV A=", "env", ("PATH=/bin", "A=")),
    "label": ("LABEL y=2 x=3", "labels", {"x": "3", "y": "2"}),
    "expose": ("EXPOSE 80 53/udp 8000-8002", "exposed_ports", ("53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp")),
    "volume list": ("VOLUME /a /b", "volumes", ("/a", "/b")),
    "volume json": ('VOLUME ["/a b"]', "volumes", ("/a b",)),
    "workdir": ("WORKDIR /x", "working_dir", "/x"),
    "relative workdir": ("WORKDIR x", "working_dir", "/srv/x"),
    "user": ("USER 1:2", "user", "1:2"),
    "stop signal": ("STOPSIGNAL SIGINT", "stop_signal", "SIGINT"),
    "on build": ("ONBUILD COPY . .", "on_build", ("RUN a", "COPY . .")),
    "shell": ('SHELL ["/bin/bash", "-c"]', "shell", ("/bin/bash", "-c")),
    "no health": ("HEALTHCHECK NONE", "healthcheck", HealthSpec(test=("NONE",))),
    "health": (
        "HEALTHCHECK --interval=5s --retries=2 CMD curl -f x", "healthcheck",
        HealthSpec(test=("CMD-SHELL", "curl -f x"), interval=5 * SECOND, retries=2),
    ),
    "health json": ('HEALTHCHECK CMD ["a"]', "healthcheck", HealthSpec(test=("CMD", "a"))),
}  # fmt: skip

BAD = {
    "FROM x": "from is not a valid change command",
    "RUN x": "run is not a valid change command",
    "ENV": "ENV requires at least one argument",
    "ENV A": "ENV must have two arguments",
    "ENV A=1 B": "Syntax error - can't find = in 'B'. Must be of the form: name=value",
    "EXPOSE x": "invalid containerPort: x",
    "EXPOSE 70000": "invalid containerPort: 70000",
    "USER a b": "USER requires exactly one argument",
    "SHELL bash": "SHELL requires the arguments to be in JSON form",
    "ONBUILD ONBUILD x": "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
    "ONBUILD FROM x": "FROM isn't allowed as an ONBUILD trigger",
    "HEALTHCHECK --foo=1 CMD x": "Unknown flag: foo",
    "HEALTHCHECK RUN x": 'Unknown type "RUN" in HEALTHCHECK (try CMD)',
    "HEALTHCHECK --retries=x CMD y": 'strconv.ParseInt: parsing "x": invalid syntax',
}


@pytest.mark.parametrize(("change", "field", "value"), GOOD.values(), ids=GOOD)
def test_changes(change: str, field: str, value: Any) -> None:
    assert getattr(apply(BASE, [change]), field) == value


@pytest.mark.parametrize(("change", "text"), BAD.items(), ids=BAD)
def test_refusals(change: str, text: str) -> None:
    with pytest.raises(Invalid) as raised:
        apply(BASE, [change])
    assert str(raised.value) == text


def test_order_and_several_lines() -> None:
    made = apply(ImageConfig(), ['SHELL ["/s"]\nCMD x', "  ", "CMD y"])
    assert made.cmd == ("/s", "y")


def test_nothing_changes_nothing() -> None:
    assert apply(BASE, []) == BASE
