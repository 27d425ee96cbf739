"""--publish and --expose."""

import pytest

from boxship.base.errors import Invalid
from boxship.front.cli.container.look import ports as shown
from boxship.front.cli.container.ports import expose, publish

PUBLISHED = {
    "container port": ("80", "80/tcp= :"),
    "both": ("8080:80", "80/tcp= :8080"),
    "udp": ("53:53/udp", "53/udp= :53"),
    "an address": ("127.0.0.1:8080:80", "80/tcp=127.0.0.1:8080"),
    "an address, any port": ("127.0.0.1::80", "80/tcp=127.0.0.1:"),
    "IPv6": ("[::1]:8080:80", "80/tcp=::1:8080"),
    "ranges": ("8000-8002:80-82", "80/tcp= :8000 81/tcp= :8001 82/tcp= :8002"),
    "one of a range": ("8000-8010:80", "80/tcp= :8000-8010"),
    "a range of the container": ("80-81", "80/tcp= : 81/tcp= :"),
    "long form": ("published=8080,target=80,protocol=udp", "80/udp= :8080"),
    "long form with blanks": ("published=8080, target=80, protocol=tcp", "80/tcp= :8080"),
    "long form, any port": ("target=80", "80/tcp= :"),
}


@pytest.mark.parametrize(("spec", "text"), PUBLISHED.values(), ids=PUBLISHED)
def test_published(spec: str, text: str) -> None:
    found = publish([spec])
    words = [f"{port}={b['HostIp'] or ' '}:{b['HostPort']}" for port, bound in found.items() for b in bound]
    assert " ".join(words) == text


@pytest.mark.parametrize("spec", ["", "x", "80:x", "0:80", "70000", "80-70", "1-2:3-9", "80/icmp", "mode=host"])
def test_refused(spec: str) -> None:
    with pytest.raises(Invalid):
        publish([spec])


def test_exposed() -> None:
    assert expose(["80", "90-91/udp"]) == {"80/tcp": {}, "90/udp": {}, "91/udp": {}}


def entry(private: int, public: int = 0, ip: str = "0.0.0.0", kind: str = "tcp") -> dict[str, object]:
    return {"PrivatePort": private, "Type": kind} | ({"PublicPort": public, "IP": ip} if public else {})


SHOWN = {
    "nothing": ([], ""),
    "exposed": ([entry(80)], "80/tcp"),
    "published": ([entry(80, 8080)], "0.0.0.0:8080->80/tcp"),
    "neighbours": ([entry(80, 80), entry(81, 81)], "0.0.0.0:80-81->80-81/tcp"),
    "neighbours elsewhere": ([entry(80, 8080), entry(81, 8081)], "0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp"),
    "one that keeps its number": ([entry(80, 90), entry(81, 81)], "0.0.0.0:90->80/tcp, 0.0.0.0:81->81/tcp"),
    "no neighbours": ([entry(80, 8080), entry(82, 8082)], "0.0.0.0:8080->80/tcp, 0.0.0.0:8082->82/tcp"),
    "both families": ([entry(80, 8080), entry(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"),
    "exposed neighbours": ([entry(80), entry(81)], "80-81/tcp"),
}


@pytest.mark.parametrize(("entries", "text"), SHOWN.values(), ids=SHOWN)
def test_shown(entries: list[dict[str, object]], text: str) -> None:
    assert shown(entries) == text
