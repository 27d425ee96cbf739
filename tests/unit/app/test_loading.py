"""Settings out of flags, variables and a file; what is wrong is refused by name."""

import json
from typing import Any

import pytest

from boxship.app import loading
from boxship.app.kinds import AddressPool, RuntimeChoice
from boxship.app.settings import REFUSED, TABLE, Settings
from boxship.base.errors import Invalid
from boxship.model.container import Ulimit


def load(*flags: str, file: dict[str, Any] | None = None, **environ: str) -> Settings:
    document = json.dumps(file) if file is not None else None
    return loading.load(loading.read_flags(flags), environ, document)


def test_defaults_are_those_of_the_table() -> None:
    assert load() == Settings()


READ = {
    "a flag": (["--data-root", "/x"], {}, {}, "data_root", "/x"),
    "a flag that repeats": (["-H", "unix:///a", "-H", "unix:///b"], {}, {}, "hosts", ("unix:///a", "unix:///b")),
    "a switch": (["-D"], {}, {}, "debug", True),
    "a switch turned off": (["--icc=false"], {}, {}, "icc", False),
    "pairs": (["--log-opt", "max-size=1m"], {}, {}, "log_opts", {"max-size": "1m"}),
    "a pool": (["--default-address-pool", "base=10.0.0.0/8,size=24"], {}, {}, "default_address_pools",
               (AddressPool(base="10.0.0.0/8", size=24),)),
    "a limit": (["--default-ulimit", "nofile=5:7"], {}, {}, "default_ulimits",
                (Ulimit(name="nofile", soft=5, hard=7),)),
    "a limit, soft is hard": (["--default-ulimit", "nproc=5"], {}, {}, "default_ulimits",
                              (Ulimit(name="nproc", soft=5, hard=5),)),
    "a runtime": (["--add-runtime", "x=/bin/x"], {}, {}, "runtimes", {"x": RuntimeChoice(path="/bin/x")}),
    "a size": (["--default-shm-size", "128m"], {}, {}, "default_shm_size", 128 << 20),
    "a variable": ([], {"BOXSHIP_DATA_ROOT": "/v"}, {}, "data_root", "/v"),
    "several values in a variable": ([], {"BOXSHIP_LABELS": "a=1;b=2"}, {}, "labels", ("a=1", "b=2")),
    "a flag beats a variable": (["--data-root", "/f"], {"BOXSHIP_DATA_ROOT": "/v"}, {}, "data_root", "/f"),
    "a variable beats the file": ([], {"BOXSHIP_MTU": "1400"}, {"mtu": 1300}, "mtu", 1400),
    "the file": ([], {}, {"mtu": 1300}, "mtu", 1300),
    "hosts in the file": ([], {}, {"hosts": ["unix:///a"]}, "hosts", ("unix:///a",)),
    "pools in the file": ([], {}, {"default-address-pools": [{"base": "10.0.0.0/8", "size": 16}]},
                          "default_address_pools", (AddressPool(base="10.0.0.0/8", size=16),)),
    "runtimes in the file": ([], {}, {"runtimes": {"x": {"path": "/bin/x", "runtimeArgs": ["-v"]}}}, "runtimes",
                             {"x": RuntimeChoice(path="/bin/x", args=("-v",))}),
    "limits in the file": ([], {}, {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}}},
                           "default_ulimits", (Ulimit(name="nofile", soft=1, hard=2),)),
    "a size in the file, as text": ([], {}, {"default-shm-size": "1g"}, "default_shm_size", 1 << 30),
    "a size in the file, as number": ([], {}, {"default-shm-size": 4096}, "default_shm_size", 4096),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "environ", "file", "name", "value"), READ.values(), ids=READ)
def test_read(flags: list[str], environ: dict[str, str], file: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(load(*flags, file=file or None, **environ), name) == value


WRONG = {
    "unknown flag": (["--data-rot", "/x"], {}, "unknown flag: --data-rot (did you mean --data-root?)"),
    "an argument": (["web"], {}, "takes no arguments"),
    "dockerd's flag that makes no sense": (
        ["--storage-driver=btrfs"],
        {},
        "--storage-driver is not supported: the stor",
    ),
    "dockerd's flag whose key has an s": (["--exec-opt", "x"], {}, "--exec-opt is not supported: the cgroup driver"),
    "unknown key": ([], {"data-rot": "/x"}, "'data-rot' is unknown: did you mean 'data-root'?"),
    "a flag's name for a key": ([], {"label": ["a=b"]}, "'label' is unknown: did you mean 'labels'?"),
    "dockerd's key that makes no sense": ([], {"userland-proxy": True}, "'userland-proxy' is not supported: published"),
    "key of the wrong type": ([], {"debug": "yes"}, "'debug': \"yes\" is not true or false"),
    "a number as a switch": ([], {"mtu": True}, "'mtu': true is not a whole number"),
    "flag of the wrong type": (["--mtu", "many"], {}, "--mtu: 'many' is not a whole number"),
    "a word that is none of the choices": (["--log-level", "loud"], {}, "'loud' is not one of debug, info"),
    "no address": (["--ip", "here"], {}, "--ip: 'here' is not an IP address"),
    "no range": (["--bip", "172.16"], {}, "--bip: '172.16' is not an address range such as"),
    "a pool that does not fit": (["--default-address-pool", "base=10.0.0.0/16,size=8"], {}, "is not base=10.10.0.0/16"),
    "a pair without =": (["--log-opt", "max-size"], {}, "is not pairs such as max-size=10m"),
    "by flag and by file": (["--mtu", "1"], {"mtu": 2}, "both as a flag and in the configuration file: mtu"),
    "live-restore off": ([], {"live-restore": False}, "live-restore cannot be false"),
    "negative patience": (["--shutdown-timeout", "-1"], {}, "must be 0 or more seconds, not -1"),
    "host without scheme": (["-H", "/run/x.sock"], {}, "must begin with unix://, tcp:// or fd://"),
    "host with a strange scheme": (["-H", "npipe://x"], {}, "must begin with unix://, tcp:// or fd://"),
    "relative socket": (["-H", "unix://x.sock"], {}, "needs an absolute path"),
    "plain tcp": (["-H", "tcp://0.0.0.0:2375"], {}, "--allow-plain-tcp if you mean it"),
    "verification without authority": (["-H", "tcp://:1", "--tlsverify"], {}, "tlsverify needs tlscacert"),
    "TLS without certificate": (["-H", "tcp://:1", "--tls"], {}, "TLS needs tlscert and tlskey"),
    "relative root": (["--data-root", "x"], {}, "data-root: 'x' must be an absolute path"),
    "one root for both": (["--data-root", "/x", "--exec-root", "/x/"], {}, "data-root and exec-root must differ"),
    "label without =": (["--label", "x"], {}, "bad attribute format: x (want --label key=value)"),
    "no downloads": (["--max-concurrent-downloads", "0"], {}, "max-concurrent-downloads must be 1 or more"),
    "long bridge": (["--bridge", "abcdefghijklmnop"], {}, "longer than the 15 letters"),
    "an address without a bridge": (["--bridge", "none", "--bip", "10.0.0.1/8"], {}, "an address needs a bridge"),
    "mirror without scheme": (["--registry-mirror", "m"], {}, "must begin with https:// or http://"),
}


@pytest.mark.parametrize(("flags", "file", "text"), WRONG.values(), ids=WRONG)
def test_refused(flags: list[str], file: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        load(*flags, file=file or None)
    assert text in str(caught.value)


@pytest.mark.parametrize("document", ["", "[]", "{", "nonsense"])
def test_a_file_that_is_no_object(document: str) -> None:
    with pytest.raises(Invalid, match="configuration file"):
        loading.load(loading.read_flags([]), {}, document)


def test_tcp_is_fine_with_certificates_or_when_asked_for() -> None:
    certificates = ["--tlsverify", "--tlscacert", "/ca", "--tlscert", "/c", "--tlskey", "/k"]
    assert load("-H", "tcp://0.0.0.0:2376", *certificates).tlsverify
    assert load("-H", "tcp://127.0.0.1:2375", "--allow-plain-tcp").hosts == ("tcp://127.0.0.1:2375",)


def test_the_daemon_does_not_listen_where_clients_are_sent() -> None:
    assert load(BOXSHIP_HOST="tcp://elsewhere:1").hosts == Settings().hosts


def test_a_reload_takes_only_what_can_be_reloaded() -> None:
    old, new = Settings(), load("--label", "a=b", "--bridge", "other")
    assert [(c.setting.name, c.applied) for c in loading.changes(old, new)] == [("labels", True), ("bridge", False)]
    settled = loading.reloaded(old, new)
    assert settled.labels == ("a=b",)
    assert settled.bridge == old.bridge


def test_every_name_is_used_once() -> None:
    for names in (
        [r.flag for r in TABLE],
        [r.key for r in TABLE],
        [r.variable for r in TABLE],
        [r.short for r in TABLE],
    ):
        given = [name for name in names if name]
        assert len(given) == len(set(given))
    assert not {r.key for r in TABLE} & REFUSED.keys()


def test_every_setting_helps() -> None:
    assert all(row.help and row.group for row in TABLE)
