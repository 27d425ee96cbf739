"""The daemon's process: settings, signals, locks, metrics, TLS, and life after a kill."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import PROGRAM, Daemon
from tests.images import busybox_rootfs
from tests.patience import until
from tests.ports import free_port
from tests.unit.front.rest import certificates

pytestmark = [pytest.mark.e2e, pytest.mark.root]
KIBIBYTE = 1024


def boxship(daemon: Daemon, *words: str, stdin: bytes | None = None, check: bool = True) -> str:
    done = subprocess.run([PROGRAM, "-H", daemon.host, *words], input=stdin, capture_output=True, timeout=60)
    assert not check or done.returncode == 0, f"{words}: {done.stderr.decode()}"
    return done.stdout.decode().rstrip("\n")


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[tuple[Daemon, Path]]:
    """A daemon with a configuration file, and that file."""
    file = tmp_path / "daemon.json"
    file.write_text(json.dumps({"labels": ["color=red"], "max-concurrent-downloads": 2}))
    daemon = Daemon("--config-file", str(file))
    try:
        daemon.start()
        yield daemon, file
    finally:
        file.write_text("{}")
        daemon.close()


def labels(daemon: Daemon) -> str:
    return boxship(daemon, "info", "--format", "{{json .Labels}}")


def test_a_hangup_reads_the_file_again(configured: tuple[Daemon, Path]) -> None:
    daemon, file = configured
    assert labels(daemon) == '["color=red"]'
    file.write_text(json.dumps({"labels": ["color=blue"], "mtu": 1400, "debug": True, "open-published-ports": True}))
    os.kill(daemon.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
    until(lambda: labels(daemon) == '["color=blue"]')
    until(lambda: "mtu needs a restart to become 1400" in daemon.log.read_text())
    until(lambda: boxship(daemon, "info", "--format", "{{.Debug}}") == "true")
    table = ["nft", "list", "table", "inet", f"boxship_{daemon.bridge}"]
    until(lambda: "chain opening" in subprocess.run(table, capture_output=True, text=True).stdout)


def test_a_bad_file_changes_nothing(configured: tuple[Daemon, Path]) -> None:
    daemon, file = configured
    for wrong in ("{", json.dumps({"labels": ["nonsense"]}), json.dumps({"default-runtime": "no-such-runtime"})):
        before = daemon.log.read_text().count("reload refused")
        file.write_text(wrong)
        os.kill(daemon.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
        until(lambda before=before: daemon.log.read_text().count("reload refused") > before)
    assert labels(daemon) == '["color=red"]'


def test_a_second_daemon_on_the_same_root_is_refused(daemon: Daemon) -> None:
    flags = [*daemon.flags, "--host", f"unix://{daemon.root}/second.sock", "--pidfile", f"{daemon.root}/second.pid"]
    done = subprocess.run([PROGRAM, "daemon", *flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "belongs to a running daemon" in done.stderr


def test_settings_are_checked_without_a_start(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text('{"data-rot": "/x"}')
    command = [PROGRAM, "daemon", "--validate", "--config-file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "did you mean 'data-root'?" in done.stderr) == (1, True)
    file.write_text('{"mtu": 1400}')
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "configuration OK\n")


def test_containers_outlive_daemons(killable: Daemon) -> None:
    boxship(killable, "import", "--change", "ENV PATH=/bin", "-", "base:1", stdin=busybox_rootfs())
    counting = "i=0; while :; do echo $i; i=$((i+1)); usleep 5000; done"
    name = boxship(killable, "run", "-d", "base:1", "sh", "-c", counting)
    before = boxship(killable, "inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", name)
    for ending in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        killable.end(ending)
        killable.start()
        assert boxship(killable, "inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}}", name) == before
    until(lambda: boxship(killable, "logs", name).count("\n") > 100)
    lines = boxship(killable, "logs", name).splitlines()
    assert lines == [str(n) for n in range(len(lines))]
    assert not killable.check()


def test_a_stop_does_not_wait_for_listeners(killable: Daemon) -> None:
    listening = subprocess.Popen(
        [PROGRAM, "-H", killable.host, "events"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(0.3)
    begun = time.monotonic()
    assert killable.stop() == 0
    assert time.monotonic() - begun < 30  # a server's usual grace is a minute
    listening.wait(60)
    assert not Path(killable.path).exists()
    assert not (killable.root / "daemon.pid").exists()


def test_an_idle_daemon_is_small(killable: Daemon) -> None:
    assert killable.process is not None
    time.sleep(0.5)
    status = Path(f"/proc/{killable.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 80 * KIBIBYTE


def test_metrics() -> None:
    address = f"127.0.0.1:{free_port()}"
    daemon = Daemon("--metrics-addr", address)
    try:
        daemon.start()
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    finally:
        daemon.close()
    assert 'engine_daemon_container_states_containers{state="running"} 0.0' in text
    assert "process_resident_memory_bytes" in text


def test_tls_lets_in_whom_the_authority_signed(tmp_path: Path) -> None:
    certificates.write(tmp_path)
    port = free_port()
    given = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    daemon = Daemon(
        *("--host", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", given["ca"]),
        *("--tlscert", given["cert"], "--tlskey", given["key"]),
    )
    client = ["--tlscert", given["cert"], "--tlskey", given["key"]]
    try:
        daemon.start()
        boxship(daemon, "import", "--change", "ENV PATH=/bin", "-", "base:1", stdin=busybox_rootfs())
        for program, more, code in ((PROGRAM, client, 0), ("docker", client, 0), (PROGRAM, [], 1)):
            command = [program, "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", given["ca"], *more]
            work = ["run", "--rm", "-i", "base:1", "cat"]
            done = subprocess.run([*command, *work], input=b"through the wall", capture_output=True, timeout=60)
            assert (done.returncode == 0) is (code == 0), done.stderr.decode()
            assert done.stdout == (b"through the wall" if code == 0 else b"")
    finally:
        daemon.close()
