"""Looking at the machine tries things, and leaves nothing of that behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

from boxship.host import fitness

PROGRAM = Path(sys.executable).parent / "boxship"


def test_this_machine_runs_containers_and_nothing_is_left(tmp_path: Path) -> None:
    links, mounts = set(os.listdir("/sys/class/net")), Path("/proc/self/mountinfo").read_text().count("boxship-doctor")
    seen = fitness.probe(str(tmp_path / "not" / "yet"), str(tmp_path / "none.sock"))
    assert (seen.overlay, seen.nftables) == ("", "")
    assert seen.links is None or (seen.links["bridge"], seen.links["veth"]) == ("", "")
    assert seen.disk.path == str(tmp_path)
    assert seen.disk.total >= seen.disk.free > 0
    assert seen.socket == "absent"
    assert seen.programs["conmon"]
    assert list(tmp_path.iterdir()) == []
    assert not {name for name in set(os.listdir("/sys/class/net")) - links if name.startswith("try")}
    assert Path("/proc/self/mountinfo").read_text().count("boxship-doctor") == mounts


def test_overlay_says_why_not() -> None:
    assert fitness.overlay(Path("/proc")) != ""


def test_a_silent_socket(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    assert fitness.answering(str(tmp_path / "s")) == "silent"


def test_the_command() -> None:
    done = subprocess.run([PROGRAM, "system", "doctor", "--format", "json"], capture_output=True, text=True)
    told = {check["Name"]: check["Level"] for check in json.loads(done.stdout)}
    assert done.returncode == ("failure" in told.values())
    assert told["conmon"] == "ok"
    plain = subprocess.run([PROGRAM, "-D", "system", "doctor"], capture_output=True, text=True)
    assert plain.stdout.splitlines()[0].startswith("✔ kernel")
    assert plain.returncode == done.returncode
