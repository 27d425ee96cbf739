"""Where containers' files are seen, and by whom, when they have a user namespace."""

from pathlib import Path

import pytest

from boxship.base.errors import Conflict, Invalid
from boxship.engine.remap import FRESH, UNMAPPED, Remap
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.runtime import IdMap
from boxship.model.status import Container, ContainerStatus, State

MAPPED = Remap(
    uid_map=(IdMap(container=0, host=100000, size=65536),),
    gid_map=(IdMap(container=0, host=200000, size=65536),),
    data_root=Path("/data"),
    view=Path("/run/mapped/1"),
    is_mounted=lambda path: path == "/data/volumes/nfs/_data",
)
OWN, HOSTS = HostSpec(), HostSpec(userns_mode="host")

SEEN = {
    "a layer": (OWN, "/data/layers/x/diff", "/run/mapped/1/layers/x/diff"),
    "what a container writes": (OWN, "/data/containers/c/upper", "/run/mapped/1/containers/c/upper"),
    "a file of the host": (OWN, "/etc/os-release", "/etc/os-release"),
    "what only begins alike": (OWN, "/database/x", "/database/x"),
    "a place that is mounted from the view": (OWN, "/data/mounts/c/1", "/data/mounts/c/1"),
    "in the host's user namespace": (HOSTS, "/data/layers/x/diff", "/data/layers/x/diff"),
}


@pytest.mark.parametrize(("host", "path", "seen"), SEEN.values(), ids=SEEN)
def test_where_files_are_seen(host: HostSpec, path: str, seen: str) -> None:
    assert MAPPED.seen(host, path) == seen
    assert MAPPED.all_seen(host, (path, path)) == (seen, seen)
    assert UNMAPPED.seen(host, path) == path


def test_volumes_of_a_device_keep_its_ids() -> None:
    assert MAPPED.seen_volume(OWN, "/data/volumes/v/_data") == "/run/mapped/1/volumes/v/_data"
    assert MAPPED.seen_volume(OWN, "/data/volumes/nfs/_data") == "/data/volumes/nfs/_data"
    assert MAPPED.seen_volume(HOSTS, "/data/volumes/v/_data") == "/data/volumes/v/_data"


def test_who_is_root() -> None:
    assert (MAPPED.root(OWN), MAPPED.root(HOSTS), UNMAPPED.root(OWN)) == ((100000, 200000), None, None)
    assert MAPPED.maps(OWN) == (MAPPED.uid_map, MAPPED.gid_map)
    assert MAPPED.maps(HOSTS) == UNMAPPED.maps(OWN) == ((), ())


REFUSED = {
    "privileged mode is incompatible with user namespaces": HostSpec(privileged=True),
    "cannot share the host's network namespace when user namespaces": HostSpec(network_mode="host"),
    "cannot share the host PID namespace when user namespaces": HostSpec(pid_mode="host"),
}


@pytest.mark.parametrize(("text", "host"), REFUSED.items(), ids=REFUSED)
def test_what_a_user_namespace_does_not_allow(text: str, host: HostSpec) -> None:
    with pytest.raises(Invalid, match=text):
        MAPPED.check(ContainerSpec(host=host))
    UNMAPPED.check(ContainerSpec(host=host))


def test_and_what_it_does() -> None:
    for host in (HostSpec(), HostSpec(privileged=True, network_mode="host", pid_mode="host", userns_mode="host")):
        MAPPED.check(ContainerSpec(host=host))


def box(host: HostSpec, state: State = State.RUNNING) -> Container:
    status = ContainerStatus(state=state, pid=7)
    return Container(id="c", name="c", created=1, image_id="i", group="c", spec=ContainerSpec(host=host), status=status)


def test_whose_user_namespace_a_network_belongs_to() -> None:
    lender = box(OWN)
    assert MAPPED.users_of(box(OWN), lambda ref: lender) == FRESH
    assert MAPPED.users_of(box(HOSTS), lambda ref: lender) is None
    assert MAPPED.users_of(None, lambda ref: lender) is None
    assert UNMAPPED.users_of(box(OWN), lambda ref: lender) is None
    assert MAPPED.users_of(box(HostSpec(pid_mode="container:x")), lambda ref: lender) == "/proc/7/ns/pid"
    with pytest.raises(Conflict, match="non running"):
        MAPPED.users_of(box(HostSpec(ipc_mode="container:x")), lambda ref: box(OWN, State.EXITED))
