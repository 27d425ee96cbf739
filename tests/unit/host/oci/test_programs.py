"""Runtimes found by programs that only tell their version."""

from pathlib import Path

import pytest

from boxship.base.errors import Invalid
from boxship.host.api.runtime import RuntimeInfo
from boxship.host.oci import programs
from boxship.host.oci.programs import Programs, wants_maps


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH; the host's own runtimes and cgroups are out of sight."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(programs, "SEARCH", "/nowhere")
    monkeypatch.setattr(programs, "CANDIDATES", ("first", "second"))
    monkeypatch.setattr(programs, "CGROUPS", str(tmp_path / "cgroup"))
    return tmp_path


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def test_what_works_in_the_order_of_preference(bin: Path) -> None:
    program(bin / "first", "echo first version 1.2 && echo more")
    program(bin / "second", "echo second version 3")
    found = await Programs().probe()
    assert [(info.name, info.version) for info in found.values()] == [("first", "1.2"), ("second", "3")]


async def test_what_does_not_work_is_left_out(bin: Path) -> None:
    program(bin / "first", "exit 1")
    program(bin / "second", "echo second version 3")
    made = Programs()
    await made.probe()
    assert made.get("").name == "second"
    with pytest.raises(Invalid, match="unknown or invalid runtime name: first"):
        made.get("first")


async def test_the_users_own_with_arguments(bin: Path) -> None:
    program(bin / "second", "echo second version 3")
    program(bin / "mine", 'echo "mine version $1"')
    made = Programs({"fast": "mine --debug"}, default="fast")
    assert list(await made.probe()) == ["fast", "second"]
    assert (made.get("").version, made.get("").args) == ("--debug", ("--debug",))


async def test_a_default_that_does_not_work_is_an_error(bin: Path) -> None:
    program(bin / "second", "echo second version 3")
    with pytest.raises(Invalid, match=r"default-runtime: .fast. does not work"):
        await Programs({"fast": "nothing"}, default="fast").probe()


async def test_nothing_works(bin: Path) -> None:
    with pytest.raises(Invalid, match="install crun or runc"):
        await Programs().probe()


async def test_crun_is_out_where_both_cgroup_versions_rule(bin: Path) -> None:
    program(bin / "crun", "echo crun version 1")
    program(bin / "second", "echo second version 3")
    (bin / "cgroup" / "unified").mkdir(parents=True)
    (bin / "cgroup" / "unified" / "cgroup.controllers").write_text("hugetlb\n")
    assert list(await Programs({"crun": "crun"}, claim=False).probe()) == ["second"]
    (bin / "cgroup" / "unified" / "cgroup.controllers").write_text("\n")
    assert list(await Programs({"crun": "crun"}, claim=False).probe()) == ["second", "crun"]


MAPS = {
    ("runc", "1.1.5+ds1"): True, ("runc", "1.0.0-rc93"): True, ("runc", "1.1.10"): True, ("runc", "1.1.15+ds1"): False,
    ("runc", "1.3.0"): False, ("crun", "1.8.1"): True, ("other", "1"): True,
}  # fmt: skip


@pytest.mark.parametrize(("program", "version"), MAPS)
def test_who_wants_the_maps_of_a_namespace_that_is_joined(program: str, version: str) -> None:
    asked = RuntimeInfo(name="mine", path=f"/usr/bin/{program}", version=version)
    assert wants_maps(asked) is MAPS[program, version]
