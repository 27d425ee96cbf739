"""The whole life of a container at the stock CLI: run, attach, exec, copy, stop, start, inspect, publish, remove."""

import io
import os
import re
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pexpect
import pytest

from tests.patience import until

pytestmark = pytest.mark.e2e
PROMPT = "/ # "


def state(docker, name: str) -> str:
    return docker.out("inspect", "-f", "{{.State.Status}}", name)


def test_a_missing_image_is_said_in_dockers_words(docker) -> None:
    done = docker("run", "no-such-registry.invalid/nothing:1", "echo", "Hello World", check=False)
    assert done.returncode == 125
    assert "Unable to find image 'no-such-registry.invalid/nothing:1' locally" in done.stderr


def test_run_prints_what_the_command_prints(docker) -> None:
    assert docker.out("run", "busybox", "echo", "Hello World") == "Hello World"


def test_ps_shows_the_columns_of_a_running_container(docker) -> None:
    name = docker.name()
    cid = docker.out("run", "-d", "--name", name, "busybox", "sleep", "60")
    header, row = docker.out("ps", "--filter", f"name={name}").splitlines()
    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert re.match(rf'{cid[:12]}   busybox   "sleep 60"   .* ago   Up .*{name}$', row)


STATUSES = {
    "exited": (["run", "--name", "{name}", "busybox", "sh", "-c", "exit 3"], r"Exited \(3\) .* ago"),
    "created": (["create", "--name", "{name}", "busybox", "true"], "Created"),
    "running": (["run", "-d", "--name", "{name}", "busybox", "sleep", "60"], r"Up (Less than a second|\d+ seconds?)"),
}


@pytest.mark.parametrize(("words", "status"), STATUSES.values(), ids=STATUSES)
def test_ps_tells_the_status(docker, words: list[str], status: str) -> None:
    name = docker.name()
    docker(*[word.format(name=name) for word in words], check=False)
    assert re.fullmatch(status, docker.out("ps", "-a", "--filter", f"name={name}", "--format", "{{.Status}}"))


def test_ps_tells_of_paused_and_restarting(docker) -> None:
    name, again = docker.name(), docker.name("again")
    docker("run", "-d", "--name", name, "busybox", "sleep", "60")
    docker("pause", name)
    assert docker.out("ps", "--filter", f"name={name}", "--format", "{{.Status}}").endswith("(Paused)")
    docker("unpause", name)
    docker("run", "-d", "--name", again, "--restart", "always", "busybox", "sh", "-c", "exit 7")
    until(
        lambda: docker.out("ps", "-a", "--filter", f"name={again}", "--format", "{{.Status}}").startswith(
            "Restarting (7)"
        )
    )


def test_a_container_lives_as_long_as_its_main_process(docker) -> None:
    name = docker.name()
    assert docker("run", "--name", name, "busybox", "sh", "-c", "sleep 0.1; exit 42", check=False).returncode == 42
    assert docker.out("inspect", "-f", "{{.State.ExitCode}} {{.State.Running}}", name) == "42 false"


def test_names_are_invented_and_unique(docker) -> None:
    ids = [docker.out("create", "busybox") for _ in range(5)]
    names = [docker.out("inspect", "-f", "{{.Name}}", cid) for cid in ids]
    assert len(set(names)) == 5
    assert all(re.fullmatch(r"/[a-z]+_[a-z0-9]+", name) for name in names)


def test_an_interrupt_reaches_the_foreground_container(docker) -> None:
    name = docker.name()
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done"
    run = subprocess.Popen(
        ["docker", "run", "--name", name, "busybox", "sh", "-c", script],
        env=docker.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGINT)
    assert run.stdout.read() == "caught\n"
    run.stdout.close()
    assert run.wait(60) == 5


def test_start_takes_any_unique_prefix_and_starting_twice_is_no_error(docker) -> None:
    cid = docker.out("create", "busybox", "sleep", "60")
    assert docker.out("start", cid[:14]) == cid[:14]
    docker("start", cid[:10])
    assert state(docker, cid) == "running"


def test_a_prefix_nobody_has_is_refused(docker) -> None:
    done = docker("start", "ffffffffffffffff", check=False)
    assert done.returncode == 1
    assert "No such container: ffffffffffffffff" in done.stderr


def test_a_shell_without_input_exits_at_once(docker) -> None:
    assert docker("run", "busybox", "sh").returncode == 0


def test_input_is_piped_through_a_shell(docker) -> None:
    assert docker.out("run", "-i", "--rm", "busybox", "sh", stdin="echo $((6*7))\n") == "42"
    assert docker.out("run", "-i", "--rm", "busybox", "cat", stdin="x" * 300_000) == "x" * 300_000


def test_standard_error_is_kept_apart(docker) -> None:
    done = docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_a_terminal_has_its_size_and_follows_the_window(docker) -> None:
    shell = docker.terminal("run", "-it", "--rm", "busybox", "sh", size=(33, 99))
    shell.expect_exact(PROMPT)
    until(lambda: _size(shell) == "33 99")
    shell.setwinsize(20, 60)
    until(lambda: _size(shell) == "20 60")
    shell.sendline("exit 6")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6


def _size(shell: "pexpect.spawn[str]") -> str:
    shell.sendline("stty size")
    shell.expect(r"\r\n(\d+ \d+)\r\n")
    size = str(shell.match.group(1))
    shell.expect_exact(PROMPT)
    return size


def test_control_d_ends_an_interactive_container(docker) -> None:
    name = docker.name()
    shell = docker.terminal("run", "-it", "--name", name, "busybox", "sh")
    shell.expect_exact(PROMPT)
    shell.sendeof()
    shell.expect(pexpect.EOF)
    until(lambda: state(docker, name) == "exited")


def test_control_c_on_a_terminal_goes_to_the_process(docker) -> None:
    shell = docker.terminal(
        "run", "-it", "--rm", "busybox", "sh", "-c", "trap 'exit 130' INT; echo ready; sleep 60 & wait"
    )
    shell.expect_exact("ready")
    shell.sendintr()
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 130


def test_attach_detach_and_attach_again(docker) -> None:
    name = docker.name()
    docker("run", "-dit", "--name", name, "busybox", "sh")
    first = docker.terminal("attach", name)
    first.sendline("echo first$((1+1))")
    first.expect_exact("first2")
    first.send("\x10\x11")  # ctrl-p ctrl-q
    first.expect(pexpect.EOF)
    first.close()
    assert state(docker, name) == "running"
    second = docker.terminal("attach", "--detach-keys", "ctrl-x,x", name)
    second.sendline("echo second$((1+1))")
    second.expect_exact("second2")
    second.send("\x18y")  # only the beginning of the keys: the shell gets both
    second.send("\x15")  # ctrl-u clears the line
    second.sendline("echo third$((1+2))")
    second.expect_exact("third3")
    second.send("\x18x")
    second.expect(pexpect.EOF)
    second.close()
    assert state(docker, name) == "running"


def test_exec_on_a_terminal(docker) -> None:
    name = docker.name("db")
    docker("run", "-d", "--name", name, "busybox", "sleep", "60")
    shell = docker.terminal("exec", "-it", name, "sh", size=(31, 91))
    shell.expect_exact(PROMPT)
    until(lambda: _size(shell) == "31 91")
    shell.sendline("tty; exit 4")
    shell.expect_exact("/dev/pts/")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 4


def test_exec_gives_output_input_and_exit_codes(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "-e", "A=1", "busybox", "sleep", "60")
    assert docker.out("exec", name, "echo", "hi") == "hi"
    assert docker.out("exec", "-i", name, "cat", stdin="through\n") == "through"
    assert (
        docker.out("exec", "-e", "B=2", "-w", "/tmp", "-u", "web", name, "sh", "-c", "echo $A $B $PWD $(id -un)")
        == "1 2 /tmp web"
    )
    assert docker("exec", name, "sh", "-c", "exit 9", check=False).returncode == 9
    missing = docker("exec", name, "no-such-command", check=False)
    assert missing.returncode in (126, 127)  # 126 before Docker 28
    assert "executable file not found in $PATH" in missing.stderr + missing.stdout


def test_exec_in_a_stopped_container_is_refused(docker) -> None:
    cid = docker.out("run", "-d", "busybox", "true")
    docker("wait", cid)
    done = docker("exec", cid, "true", check=False)
    assert done.returncode == 1
    assert "is not running" in done.stderr


FAILED_STARTS = {"not found": ("no-such-command", 127), "not executable": ("/etc/passwd", 126)}


@pytest.mark.parametrize(("command", "code"), FAILED_STARTS.values(), ids=FAILED_STARTS)
def test_a_command_that_cannot_run_gives_the_code_of_a_shell(docker, command: str, code: int) -> None:
    name = docker.name()
    assert docker("run", "--name", name, "busybox", command, check=False).returncode == code
    assert docker.out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name) == f"created {code}"


def test_host_name(docker) -> None:
    assert docker.out("run", "--rm", "-h", "foo", "busybox", "hostname") == "foo"
    hosts = docker.out(
        "run", "--rm", "--hostname", "foo.example", "--add-host", "other:10.1.2.3", "busybox", "cat", "/etc/hosts"
    )
    assert "foo.example foo" in hosts
    assert "10.1.2.3\tother" in hosts


def test_copy_both_ways_also_while_stopped(docker, tmp_path: Path) -> None:
    name = docker.name("mycont")
    (tmp_path / "index.html").write_text("<h1>hi</h1>\n")
    docker("create", "--name", name, "busybox", "cat", "/usr/share/index.html")
    docker("cp", str(tmp_path / "index.html"), f"{name}:/usr/share/index.html")
    assert docker.out("start", "-a", name) == "<h1>hi</h1>"
    docker("cp", f"{name}:/usr/share/index.html", str(tmp_path / "back.html"))
    assert (tmp_path / "back.html").read_text() == "<h1>hi</h1>\n"
    stream = subprocess.run(
        ["docker", "cp", f"{name}:/etc/passwd", "-"], env=docker.environment, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(stream.stdout)) as tar:
        assert tar.getnames() == ["passwd"]


def test_copy_stays_inside_the_container(docker, tmp_path: Path) -> None:
    name = docker.name()
    docker("run", "--name", name, "busybox", "ln", "-s", "../../../../../etc", "/etc-link")
    docker("cp", f"{name}:/etc-link/passwd", str(tmp_path / "passwd"))
    assert (tmp_path / "passwd").read_text().startswith("root:x:0:0:root:/root:/bin/sh\nweb:")


def test_stop_asks_waits_and_kills(docker) -> None:
    polite, stubborn = docker.name("polite"), docker.name("stubborn")
    wait = "echo ready; while :; do sleep 0.05; done"
    docker("run", "-d", "--name", polite, "busybox", "sh", "-c", f"trap 'exit 3' TERM; {wait}")
    docker("run", "-d", "--name", stubborn, "busybox", "sh", "-c", f"trap '' TERM; {wait}")
    for name in (polite, stubborn):
        until(lambda name=name: docker.out("logs", name) == "ready")
    begin = time.monotonic()
    docker("stop", "-t", "100", polite)
    assert time.monotonic() - begin < 90
    assert docker.out("inspect", "-f", "{{.State.ExitCode}}", polite) == "3"
    begin = time.monotonic()
    docker("stop", "-t", "1", stubborn)
    assert time.monotonic() - begin > 0.9
    assert docker.out("inspect", "-f", "{{.State.ExitCode}}", stubborn) == "137"


def test_start_again_keeps_what_was_asked_and_written(docker) -> None:
    name = docker.name("mycont")
    script = "echo x >> /count; echo $A $(wc -l < /count)"
    docker("run", "--name", name, "-e", "A=kept", "busybox", "sh", "-c", script)
    assert docker.out("start", "-a", name) == "kept 2"
    assert docker.out("start", "-ai", name) == "kept 3"


def test_remove_refuses_what_runs_unless_forced(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "busybox", "sleep", "60")
    done = docker("rm", name, check=False)
    assert done.returncode == 1
    assert re.search(r"cannot remove.*container.*is running|You cannot remove a running container", done.stderr)
    docker("rm", "-f", name)
    assert docker.out("ps", "-aq", "--filter", f"name={name}") == ""


def test_exited_containers_are_found_and_pruned(docker) -> None:
    label = f"prune={docker.label[-8:]}"
    done = docker.out("run", "-d", "--label", label, "busybox", "true")
    docker("wait", done)
    running = docker.out("run", "-d", "--label", label, "busybox", "sleep", "60")
    assert docker.out("ps", "-aq", "--no-trunc", "-f", "status=exited", "-f", f"label={label}") == done
    docker("rm", "-v", *docker.out("ps", "-aq", "-f", "status=exited", "-f", f"label={label}").split())
    left = docker.out("create", "--label", label, "busybox")
    assert left in docker.out("container", "prune", "-f", "--filter", f"label={label}")
    assert docker.out("ps", "-aq", "--no-trunc", "-f", f"label={label}") == running


def test_inspect_gives_the_address(docker) -> None:
    name = docker.name("mycont")
    docker("run", "-d", "--name", name, "busybox", "sleep", "60")
    address = docker.out("inspect", name, "--format", "{{.NetworkSettings.IPAddress}}")
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address)
    assert docker.out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", name) == address
    assert docker.out("inspect", name, "--format", "{{.Id}}", name).count("\n") == 1


def test_diff_shows_what_changed(docker) -> None:
    name = docker.name()
    docker("run", "--name", name, "busybox", "sh", "-c", "touch /x; rm /etc/group; echo a >> /etc/passwd")
    assert set(docker.out("diff", name).splitlines()) == {"A /x", "C /etc", "C /etc/passwd", "D /etc/group"}


def test_logs_in_all_their_forms(docker) -> None:
    name = docker.name()
    docker("run", "--name", name, "busybox", "sh", "-c", "echo one; echo two >&2; sleep 0.2; echo three")
    done = docker("logs", name)
    assert (done.stdout, done.stderr) == ("one\nthree\n", "two\n")
    assert docker.out("logs", "--tail", "1", name) == "three"
    stamps = docker.out("logs", "-t", name).splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", line) for line in stamps)
    assert docker.out("logs", "--since", stamps[-1].split()[0], name) == "three"
    assert docker.out("logs", "--until", stamps[0].split()[0], name) == "one"


def test_logs_follow_until_the_end(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done")
    assert docker.out("logs", "-f", name).split() == ["1", "2", "3", "4", "5"]


def test_published_and_random_ports_are_shown(docker) -> None:
    name = docker.name("web")
    docker("run", "-d", "-P", "--name", name, "web")
    line = docker.out("port", name).splitlines()[0]
    match = re.fullmatch(r"80/tcp -> 0\.0\.0\.0:(\d+)", line)
    assert match
    assert int(match[1]) >= 32768
    assert docker.out("port", name, "80").splitlines()[0] == f"0.0.0.0:{match[1]}"
    assert f"0.0.0.0:{match[1]}->80/tcp" in docker.out("ps", "--filter", f"name={name}", "--format", "{{.Ports}}")
    ask = ["curl", "-s", "-o", "/dev/null", f"http://localhost:{match[1]}/"]
    until(lambda: subprocess.run(ask).returncode == 0)


def test_volumes_from_another_container(docker) -> None:
    first = docker.name()
    docker("run", "--name", first, "-v", "/shared", "busybox", "sh", "-c", "echo given > /shared/f")
    assert docker.out("run", "--rm", "--volumes-from", first, "busybox", "cat", "/shared/f") == "given"


def test_a_bind_hides_the_image_and_is_not_removed(docker, tmp_path: Path) -> None:
    name = docker.name()
    (tmp_path / "mine").write_text("1")
    docker("run", "--name", name, "-v", f"{tmp_path}:/etc/skel", "busybox", "ls", "/etc/skel")
    assert docker.out("logs", name) == "mine"
    docker("rm", "-v", name)
    assert (tmp_path / "mine").exists()


def test_the_default_bridge_has_no_names(docker) -> None:
    first = docker.name()
    docker("run", "-d", "--name", first, "busybox", "sleep", "60")
    assert docker("run", "--rm", "busybox", "ping", "-c", "1", "-W", "1", first, check=False).returncode != 0
    address = docker.out("inspect", "-f", "{{.NetworkSettings.IPAddress}}", first)
    docker("run", "--rm", "busybox", "ping", "-c", "1", "-W", "60", address)


def test_rm_is_done_by_the_daemon(docker) -> None:
    name = docker.name()
    assert docker("run", "--rm", "--name", name, "busybox", "sh", "-c", "exit 4", check=False).returncode == 4
    until(lambda: docker.out("ps", "-aq", "--filter", f"name={name}") == "")


def test_restart_policies_restart(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "--restart", "on-failure:2", "busybox", "false")
    until(lambda: docker.out("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", name) == "2 exited")


def test_rename_update_and_top(docker) -> None:
    name, other = docker.name(), docker.name("other")
    docker("run", "-d", "--name", name, "-m", "64m", "busybox", "sleep", "61")
    docker("rename", name, other)
    docker("update", "-m", "32m", "--memory-swap", "32m", other)
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert docker.out("exec", other, "sh", "-c", script) == str(32 << 20)
    assert "sleep 61" in docker.out("top", other)


def test_health_is_watched(docker) -> None:
    name = docker.name()
    words = ["--health-cmd", "test ! -e /sick", "--health-interval", "200ms", "--health-retries", "2"]
    docker("run", "-d", "--name", name, *words, "busybox", "sleep", "60")
    until(lambda: docker.out("inspect", "-f", "{{.State.Health.Status}}", name) == "healthy")
    assert "(healthy)" in docker.out("ps", "--filter", f"name={name}", "--format", "{{.Status}}")
    docker("exec", name, "touch", "/sick")
    until(lambda: docker.out("inspect", "-f", "{{.State.Health.Status}}", name) == "unhealthy")


def test_export_and_import_keep_the_files(docker, tmp_path: Path) -> None:
    name = docker.name()
    docker("run", "--name", name, "busybox", "sh", "-c", "echo kept > /kept")
    docker("export", "-o", str(tmp_path / "out.tar"), name)
    with tarfile.open(tmp_path / "out.tar") as tar:
        kept = tar.extractfile("kept")
        assert kept is not None
        assert kept.read() == b"kept\n"


def test_the_socket_belongs_to_the_docker_group(docker) -> None:
    path = docker.host.removeprefix("unix://")
    assert f"{os.stat(path).st_mode & 0o777:o}" == "660"


def test_privileged_works_where_a_capability_is_missing(docker) -> None:
    assert (
        docker.out("run", "--rm", "--privileged", "busybox", "sh", "-c", "mount -t tmpfs none /tmp && echo mounted")
        == "mounted"
    )


def test_capabilities_and_read_only_root(docker) -> None:
    assert docker("run", "--rm", "busybox", "mount", "-t", "tmpfs", "none", "/tmp", check=False).returncode != 0
    assert docker("run", "--rm", "--cap-drop", "CHOWN", "busybox", "chown", "1:1", "/tmp", check=False).returncode != 0
    assert docker("run", "--rm", "--read-only", "busybox", "touch", "/x", check=False).returncode != 0
    assert (
        docker.out(
            "run", "--rm", "--read-only", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c", "touch /t/x && echo ok"
        )
        == "ok"
    )
