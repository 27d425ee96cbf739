"""The first lecture: what a container is, shown with the stock CLI (isolation, limits, networks, mounts)."""

import os
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.patience import until
from tests.ports import free_port

pytestmark = pytest.mark.e2e


def fetch(url: str, wait: float = 60) -> str:
    """Return what `url` answers; try again until `wait` seconds are over."""
    end = time.monotonic() + wait
    while True:
        done = subprocess.run(["curl", "-s", "-m", "5", url], capture_output=True, text=True)
        if done.returncode == 0 or time.monotonic() > end:
            return done.stdout
        time.sleep(0.02)


def test_a_container_sees_only_its_own_processes(docker) -> None:
    lines = docker.out("run", "--rm", "busybox", "ps").splitlines()
    assert len(lines) == 2, lines
    assert lines[1].split()[0] == "1"


def test_it_shares_the_kernel_with_the_host(docker) -> None:
    assert docker.out("run", "--rm", "busybox", "uname", "-r") == os.uname().release


def test_a_memory_limit_reaches_the_cgroup(docker) -> None:
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert docker.out("run", "--rm", "-m", "64m", "busybox", "sh", "-c", script) == str(64 << 20)


def test_cpu_and_pids_limits_reach_the_cgroup(docker) -> None:
    script = (
        "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/pids/pids.max"
        " 2>/dev/null || cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max"
    )
    words = docker.out("run", "--rm", "--cpus", "0.5", "--pids-limit", "77", "busybox", "sh", "-c", script).split()
    assert words == ["50000", "100000", "77"]


def test_a_memory_hog_is_killed_and_it_is_said(docker) -> None:
    name = docker.name("hog")
    done = docker(
        "run", "--name", name, "-m", "16m", "--memory-swap", "16m", "busybox", "sh", "-c", "tail /dev/zero", check=False
    )
    assert done.returncode == 137
    assert docker.out("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", name) == "true 137"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"from the host\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


def test_a_container_reaches_out_through_its_own_interface(docker) -> None:
    gateway = docker.out("run", "--rm", "busybox", "sh", "-c", "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'")
    server = HTTPServer((gateway, 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://{gateway}:{server.server_port}/"
        assert docker.out("run", "--rm", "busybox", "wget", "-qO-", url) == "from the host"
    finally:
        server.shutdown()
        server.server_close()


def test_only_a_published_port_answers(docker, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "index.html").write_text("Hello World!\n")
    docker("run", "-d", "-v", f"{tmp_path}:/var/www", "web")
    assert subprocess.run(["curl", "-s", "-m", "60", f"http://localhost:{port}"]).returncode == 7
    docker("run", "-d", "-v", f"{tmp_path}:/var/www", "-p", f"{port}:80", "web")
    assert fetch(f"http://localhost:{port}") == "Hello World!\n"
    assert fetch(f"http://127.0.0.1:{port}") == "Hello World!\n"


def test_host_networking_shares_the_interfaces(docker, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "index.html").write_text("on the host\n")
    docker(
        "run", "-d", "--network", "host", "-v", f"{tmp_path}:/w", "busybox", "httpd", "-f", "-p", str(port), "-h", "/w"
    )
    assert fetch(f"http://localhost:{port}") == "on the host\n"


def test_no_network_is_only_loopback(docker) -> None:
    out = docker.out("run", "--rm", "--network", "none", "busybox", "ip", "-o", "link")
    assert [line.split(": ")[1] for line in out.splitlines() if "LOOPBACK" in line] == ["lo"]
    assert "eth0" not in out


def test_a_container_joins_the_network_of_another(docker, tmp_path: Path) -> None:
    name = docker.name()
    (tmp_path / "index.html").write_text("hello\n")
    docker("run", "-d", "--name", name, "-v", f"{tmp_path}:/var/www", "web")
    script = "hostname; wget -qO- http://localhost"
    joined = docker.out("run", "--rm", "--network", f"container:{name}", "busybox", "sh", "-c", script)
    assert joined.splitlines() == [docker.out("inspect", "-f", "{{.Config.Hostname}}", name), "hello"]


def test_the_file_system_goes_with_the_container(docker) -> None:
    first = docker.out("run", "-d", "busybox", "touch", "/data")
    assert docker.out("wait", first) == "0"
    docker("rm", first)
    assert docker("run", "--rm", "busybox", "ls", "/data", check=False).returncode == 1


def test_a_bind_mount_is_made_and_outlives_the_container(docker, tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    docker(
        "run",
        "--rm",
        "-v",
        f"{folder}:/var/lib/data",
        "-p",
        f"{free_port()}:5432",
        "busybox",
        "sh",
        "-c",
        "echo row > /var/lib/data/table",
    )
    assert (folder / "table").read_text() == "row\n"


def test_a_read_only_bind_mount_cannot_be_written(docker, tmp_path: Path) -> None:
    done = docker("run", "--rm", "-v", f"{tmp_path}:/root/.aws:ro", "busybox", "touch", "/root/.aws/a", check=False)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


def test_a_read_only_bind_mount_is_so_below_too(docker, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", inner], check=True)
    try:
        done = docker("run", "--rm", "-v", f"{tmp_path}:/x:ro", "busybox", "touch", "/x/inner/a", check=False)
        assert done.returncode == 1
        assert not list(inner.iterdir())
    finally:
        subprocess.run(["umount", inner], check=True)


def test_run_prints_the_whole_id(docker) -> None:
    out = docker.out(
        "run",
        "--name",
        docker.name("db"),
        "--detach",
        "--env",
        "MYSQL_ROOT_PASSWORD=123",
        "--publish",
        f"{free_port()}:3306",
        "busybox",
        "sleep",
        "60",
    )
    assert re.fullmatch(r"[0-9a-f]{64}", out)


def test_events_tell_what_happened_in_order(docker) -> None:
    since = str(time.time())
    cid = docker.out("run", "-d", "busybox", "true")
    docker("wait", cid)

    def told() -> list[str]:
        words = ("--since", since, "--until", str(time.time()), "--filter", f"container={cid}")
        return docker.out("events", *words, "--format", "{{.Action}}").split()

    until(lambda: "die" in told())
    assert told()[:2] == ["create", "start"]


def test_a_name_is_used_once(docker) -> None:
    name = docker.name("db")
    cid = docker.out("run", "-d", "--name", name, "busybox", "sleep", "60")
    done = docker("run", "-d", "--name", name, "busybox", "sleep", "60", check=False)
    assert done.returncode == 125
    assert f'The container name "/{name}" is already in use by container "{cid}"' in done.stderr


def test_an_occupied_port_is_refused_and_the_container_stays_created(docker) -> None:
    port = free_port()
    docker("run", "-d", "-p", f"{port}:80", "busybox", "sleep", "60")
    name = docker.name("second")
    done = docker("run", "-d", "--name", name, "-p", f"{port}:80", "busybox", "sleep", "60", check=False)
    assert done.returncode == 125
    assert "port is already allocated" in done.stderr
    assert docker.out("inspect", "-f", "{{.State.Status}}", name) == "created"


def test_links_give_environment_and_names(docker) -> None:
    db, web = docker.name("db"), docker.name("web")
    docker("run", "-d", "--name", db, "-e", "SECRET=x", "--expose", "5432", "busybox", "sleep", "60")
    docker("run", "-d", "-P", "--name", web, "--link", f"{db}:db", "web")
    env = docker.out("exec", web, "env").splitlines()
    address = docker.out("inspect", "-f", "{{.NetworkSettings.IPAddress}}", db)
    assert f"DB_PORT_5432_TCP_ADDR={address}" in env
    assert f"DB_PORT=tcp://{address}:5432" in env
    assert "DB_ENV_SECRET=x" in env
    assert f"DB_NAME=/{web}/db" in env
    assert docker("exec", web, "ping", "-c", "1", "db").returncode == 0


def test_sizes_are_those_of_the_writable_layer(docker) -> None:
    name = docker.name()
    docker("run", "--name", name, "busybox", "sh", "-c", "head -c 1000000 /dev/zero > /big")
    assert docker.out("ps", "-as", "--filter", f"name={name}", "--format", "{{.Size}}").startswith("1MB (virtual ")


def test_stats_show_memory_and_cpu(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "-m", "64m", "--cpus", "0.5", "busybox", "sleep", "60")
    row = docker.out("stats", "--no-stream", "--format", "{{.Name}}|{{.MemUsage}}|{{.CPUPerc}}|{{.PIDs}}", name).split(
        "|"
    )
    assert row[0] == name
    assert row[1].endswith("/ 64MiB")
    assert row[2].endswith("%")
    assert row[3] == "1"
