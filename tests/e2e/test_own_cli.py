"""Our own command line against our own daemon, and beside the stock one: same output, same exit codes."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pexpect
import pytest

from tests.daemons import PROGRAM
from tests.patience import until

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ours(docker: Any) -> Run:
    """Our CLI; what it makes is removed as the stock one's is."""

    def run(*words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        environment = docker.environment
        return subprocess.run(
            [PROGRAM, *words], env=environment, input=stdin, capture_output=True, text=True, timeout=60
        )

    return run


CODES = {
    "success": (["run", "--rm", "busybox", "true"], 0),
    "the container's own": (["run", "--rm", "busybox", "sh", "-c", "exit 42"], 42),
    "no such flag": (["run", "--nope", "busybox"], 125),
    "refused": (["run", "--rm", "-m", "1k", "busybox"], 125),
    "not executable": (["run", "--rm", "busybox", "/etc/passwd"], 126),
    "not found": (["run", "--rm", "busybox", "/nowhere"], 127),
    "no image": (["run", "--rm", "--pull", "never", "nosuchimage"], 125),
    "no container": (["inspect", "nosuchthing"], 1),
}


@pytest.mark.parametrize(("words", "code"), CODES.values(), ids=CODES)
def test_exit_codes(docker: Any, ours: Run, words: list[str], code: int) -> None:
    assert (ours(*words).returncode, docker(*words, check=False).returncode) == (code, code)


LIFE = ("--filter", "event=create", "--filter", "event=start")
ASKED = {
    "a container": ["ps", "-a", "--no-trunc", "--filter", "name={}"],
    "a container, briefly": ["ps", "-aq", "--filter", "name={}"],
    "columns": ["ps", "-a", "--filter", "name={}", "--format", "table {{{{.Names}}}}\t{{{{.Image}}}}\t{{{{.Ports}}}}"],
    "labels": ["ps", "-a", "--filter", "name={}", "--format", "{{{{.Labels}}}}"],
    "images": ["images"],
    "images in columns": ["images", "--format", "{{{{.Repository}}}}:{{{{.Tag}}}} {{{{.ID}}}}"],
    "an address": ["inspect", "-f", "{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}", "{}"],
    "a port": ["port", "{}"],
    "one port": ["port", "{}", "80/tcp"],
    "networks": ["network", "ls", "--format", "{{{{.Name}}}} {{{{.Driver}}}} {{{{.Scope}}}}"],
    "logs": ["logs", "{}"],
    "logs with a limit": ["logs", "--tail", "1", "{}"],
    "changes": ["diff", "{}"],
    "the whole": ["inspect", "--format", "json", "{}"],
    "the whole for people": ["inspect", "{}"],
    "containers as json": ["ps", "-a", "--filter", "name={}", "--format", "json"],
    "containers as they once were": ["ps", "-a", "--filter", "name={}", "--format", "raw"],
    "ids although a form is given": ["ps", "-aq", "--filter", "name={}", "--format", "{{{{.Names}}}}"],
    "a label": ["ps", "-a", "--filter", "name={}", "--format", 'table {{{{.Label "role"}}}}\t{{{{.Names}}}}'],
    "images as json": ["images", "--format", "json"],
    "images as they once were": ["images", "--format", "raw"],
    "networks as json": ["network", "ls", "--format", "json"],
    "volumes as json": ["volume", "ls", "--format", "json"],
    "a history as json": ["history", "--format", "json", "busybox"],
    "processes": ["top", "{}"],
    "what happened": ["events", "--since", "1000s", "--until", "0s", "--filter", "container={}", *LIFE],
    "what happened as json": [
        *("events", "--since", "1000s", "--until", "0s", "--filter", "container={}", *LIFE, "--format", "json"),
    ],
    "versions": ["version", "--format", "{{{{.Server.Version}}}} {{{{.Server.APIVersion}}}}"],
    "where": ["info", "--format", "{{{{.ClientInfo.Context}}}} {{{{.NCPU}}}} {{{{.Swarm.LocalNodeState}}}}"],
    "functions": [
        *("ps", "-a", "--filter", "name={}", "--format"),
        "{{{{title .Image}}}} {{{{join (split .Names \"-\") \"/\"}}}} {{{{pad .State 1 2}}}}|{{{{truncate .ID 3}}}}"
        "{{{{println .State}}}}{{{{printf \"%9s|%-9s|%q\" .State .Image .State}}}}{{{{upper .State | lower | json}}}}",
    ],
    "disk, in sums": ["system", "df"],
    "disk, in sums as json": ["system", "df", "--format", "json"],
    "disk, thing by thing": ["system", "df", "-v"],
    "disk, thing by thing as json": ["system", "df", "-v", "--format", "json"],
    "disk in a form": ["system", "df", "-v", "--format", "{{{{range .Images}}}}{{{{.ID}}}} {{{{.Size}}}}{{{{end}}}}"],
    "contexts": ["context", "ls"],
    "contexts as json": ["context", "ls", "--format", "json"],
    "the context": ["context", "show"],
}  # fmt: skip


def ageless(text: str) -> str:
    """Ages go on between two commands, and columns are as wide as they are."""
    return re.sub(r" {2,}", "  ", re.sub(r"(Less than a|About a|\d+) (second|minute)s?", "AGE", text))


def said(done: "subprocess.CompletedProcess[str]") -> tuple[str, str]:
    return ageless(done.stdout), ageless(done.stderr)


@pytest.mark.timeout(600)
def test_answers_are_those_of_the_stock_client(docker: Any, ours: Run) -> None:
    name = docker.name("web")
    command = "echo one; echo two >&2; touch /new; sleep 1000"
    ours("run", "-d", "--name", name, "-l", "role=web", "-p", "80", "-p", "81", "busybox", "sh", "-c", command)
    until(lambda: "A /new" in docker.out("diff", name))
    stock = docker.out("version", "--format", "{{.Client.Version}}")
    alike = int(stock.split(".")[0]) >= 28  # older ones leave fields out of their JSON
    for asked in ASKED.values() if alike else [words for words in ASKED.values() if "json" not in words]:
        words = [word.format(name) if "{" in word else word for word in asked]
        stock_said = said(docker(*words))
        for _ in range(5):  # what goes on meanwhile, as clocks do, is the same before or after
            before, ours_said, stock_said = stock_said, said(ours(*words)), said(docker(*words))
            if ours_said in (before, stock_said):
                break
        differing = [*set("".join(ours_said).splitlines()) ^ set("".join(stock_said).splitlines())]
        assert ours_said in (before, stock_said), (words, differing)


def test_streams_are_kept_apart(ours: Run) -> None:
    done = ours("run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo err >&2", stdin="through\n")
    assert (done.stdout, done.stderr) == ("through\n", "err\n")


def test_a_life(docker: Any, ours: Run) -> None:
    name = docker.name()
    assert len(ours("create", "--name", name, "busybox", "sleep", "100").stdout.strip()) == 64
    for words in (["start"], ["pause"], ["unpause"], ["restart", "-t", "0"], ["stop", "-t", "0"], ["start"], ["kill"]):
        done = ours(*words, name)
        assert (done.stdout, done.returncode) == (f"{name}\n", 0), done.stderr
    assert ours("wait", name).stdout == "137\n"
    assert ours("rename", name, f"{name}-x").returncode == 0
    assert ours("rm", f"{name}-x").stdout == f"{name}-x\n"


def test_exec(docker: Any, ours: Run) -> None:
    name = docker.name()
    ours("run", "-d", "--name", name, "busybox", "sleep", "100")
    assert ours("exec", "-i", name, "cat", stdin="hello").stdout == "hello"
    assert ours("exec", "-e", "A=1", "-w", "/tmp", name, "sh", "-c", "echo $A $PWD; exit 3").stdout == "1 /tmp\n"
    assert ours("exec", name, "sh", "-c", "exit 3").returncode == 3
    assert ours("exec", name, "/nowhere").returncode == 127


def test_files_go_in_and_out(docker: Any, ours: Run, tmp_path: Any) -> None:
    name = docker.name()
    ours("create", "--name", name, "busybox", "true")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a").write_text("content")
    assert ours("cp", str(tmp_path / "here"), f"{name}:/there").returncode == 0
    assert ours("cp", f"{name}:/there/a", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_text() == "content"
    assert ours("cp", f"{name}:/there/.", str(tmp_path / "whole")).returncode == 0
    assert (tmp_path / "whole" / "a").read_text() == "content"
    (tmp_path / "into").mkdir()
    assert ours("cp", f"{name}:/there", str(tmp_path / "into")).returncode == 0
    assert (tmp_path / "into" / "there" / "a").read_text() == "content"
    missing = ours("cp", f"{name}:/nothing", str(tmp_path))
    assert (missing.returncode, "/nothing" in missing.stderr) == (1, True)


def test_a_terminal_and_its_detach_keys(docker: Any) -> None:
    name = docker.name()
    environment = {**docker.environment, "BOXSHIP_HOST": docker.host, "TERM": "xterm"}
    words = ["run", "-it", "--name", name, "busybox", "sh"]
    shell = pexpect.spawn(str(PROGRAM), words, env=environment, dimensions=(31, 97), encoding="utf-8", timeout=60)
    shell.expect("# ")
    shell.sendline("stty size")
    shell.expect("31 97")
    shell.setwinsize(40, 120)
    shell.sendline("until stty size | grep -q ^40; do usleep 9999; done; stty size")
    shell.expect("40 120")
    shell.send("\x10\x11")
    shell.expect(pexpect.EOF)
    assert docker.out("inspect", "-f", "{{.State.Running}}", name) == "true"
    again = pexpect.spawn(str(PROGRAM), ["attach", name], env=environment, encoding="utf-8", timeout=60)
    again.sendline("")
    again.expect("# ")
    again.sendline("exit 5")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 5


MISTAKES = {
    "a command": (["rnu"], "unknown command: boxship rnu", "Did you mean 'boxship run'?"),
    "a verb": (["container", "strat"], "unknown command: boxship container strat", "'boxship container start'?"),
    "a flag": (["run", "--nam", "x", "busybox"], "unknown flag: --nam", "did you mean --name?"),
    "too few arguments": (["stop"], "requires at least 1 argument", "Run 'boxship stop --help'"),
    "too many arguments": (["ps", "x"], "accepts no arguments", "Run 'boxship ps --help'"),
    "no daemon": (["-H", "unix:///nowhere/b.sock", "ps"], "Cannot connect to the Boxship daemon", "boxship daemon"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "what", "next_step"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_explained(ours: Run, words: list[str], what: str, next_step: str) -> None:
    done = ours(*words)
    assert done.returncode != 0
    assert what in done.stderr
    assert next_step in done.stderr


@pytest.mark.timeout(600)
def test_every_command_has_help(ours: Run) -> None:
    from boxship.front.cli.catalogue import CATALOGUE

    for entry in CATALOGUE:
        for path in (entry.path, *entry.also):
            done = ours(*path.split(), "--help")
            assert done.returncode == 0, path
            assert entry.summary in done.stdout


REST = (
    ["info"], ["system", "df"], ["version"], ["stats", "--no-stream"], ["volume", "ls"], ["history", "busybox"],
    ["completion", "bash"], ["system", "check"], ["events", "--since", "1s", "--until", "0s"],
)  # fmt: skip


@pytest.mark.parametrize("words", REST, ids=" ".join)
def test_the_rest_answers(ours: Run, words: list[str]) -> None:
    done = ours(*words)
    assert done.returncode == 0, done.stderr
