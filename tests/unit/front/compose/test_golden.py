"""A hundred files and what the stock docker compose makes of them. `scripts/compose-golden.py` writes the answers."""

from pathlib import Path
from typing import Any

import pytest

from boxship.front.compose.hash import service_hash
from boxship.front.compose.load import Options, load
from boxship.front.compose.load.yaml import parse
from boxship.front.compose.render import plain, yaml
from boxship.front.compose.schema.shapes import FILE
from tests.unit.front.compose.load.paper import Moved

FILES = Path(__file__).parents[3] / "compose_files"
PLACE = "/tmp/compose-golden"
VARIABLES = {"HOME": "/home/u", "TAG": "1.2", "EMPTY": "", "TZ": "UTC"}
NAMES = sorted(str(path.relative_to(FILES)) for path in [*FILES.glob("*.yaml"), *FILES.glob("ours/*.yaml")])


def files_of(name: str) -> tuple[str, ...]:
    over = (FILES / name).with_suffix(".over.yml")
    return (f"{PLACE}/{name}", *([f"{PLACE}/{over.relative_to(FILES)}"] if over.exists() else []))


@pytest.mark.parametrize("name", NAMES)
def test_config_and_hashes_are_those_of_docker_compose(name: str) -> None:
    disk = Moved(FILES, PLACE)
    whole = load(Options(files=files_of(name)), VARIABLES, disk).project
    hashed = load(Options(files=files_of(name), resolve_environment=False), VARIABLES, disk).project
    shown = yaml.dump(plain.project(whole)).replace("$", "$$")
    hashes = [f"# {service.name} {service_hash(service)}\n" for service in hashed.services.values()]
    assert shown + "".join(sorted(hashes)) == (FILES / "golden" / name).with_suffix(".out").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_what_config_prints_means_the_same(name: str) -> None:
    """Printing is canonical: reading what was printed changes nothing (but texts that look like variables)."""
    golden = (FILES / "golden" / name).with_suffix(".out").read_text()
    tree = parse(golden, name)[0].tree
    assert yaml.dump(tree) == "".join(line for line in golden.splitlines(True) if not line.startswith("# "))


def test_there_are_a_hundred() -> None:
    assert len(NAMES) >= 100


def test_every_key_of_the_schema_is_in_some_file() -> None:
    used: set[str] = set()
    for path in [*FILES.rglob("*.yaml"), *FILES.rglob("*.yml")]:
        for document in parse(path.read_text(), path.name):
            used |= set(_keys(document.tree, FILE, ""))
    assert set(_known(FILE, "")) - used == set()


def _known(schema: dict[str, Any], path: str) -> list[str]:
    schema = _resolved(schema)
    found = []
    for kind in schema.get("oneOf", [schema]):
        for key, inner in kind.get("properties", {}).items():
            found += [f"{path}.{key}", *_known(inner, f"{path}.{key}")]
        for pattern, inner in kind.get("patternProperties", {}).items():
            found += _known(inner, f"{path}.*") if pattern != "^x-" else []
        found += _known(kind["items"], f"{path}[]") if "items" in kind else []
    return found


def _keys(tree: Any, schema: dict[str, Any], path: str) -> list[str]:
    schema = _resolved(schema)
    found = []
    for kind in schema.get("oneOf", [schema]):
        if isinstance(tree, dict):
            known = kind.get("properties", {})
            others = [inner for pattern, inner in kind.get("patternProperties", {}).items() if pattern != "^x-"]
            for key, value in tree.items():
                if key in known:
                    found += [f"{path}.{key}", *_keys(value, known[key], f"{path}.{key}")]
                elif others:
                    found += _keys(value, others[0], f"{path}.*")
        elif isinstance(tree, list) and "items" in kind:
            for item in tree:
                found += _keys(item, kind["items"], f"{path}[]")
    return found


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return FILE["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
