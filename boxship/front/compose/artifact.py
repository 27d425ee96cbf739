"""A compose project as an artifact of a registry: what goes into it, and what comes out of it. Pure.

One layer is the merged file, its variables left as they are; others are files of variables and images' digests.
Source: docker compose publish; its media types, so that either tool reads what the other published.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from boxship.base.errors import Conflict, Invalid
from boxship.front.compose.render import yaml

TYPE = "application/vnd.docker.compose.project"
CONFIG = "application/vnd.docker.compose.config.empty.v1+json"
FILE = "application/vnd.docker.compose.file+yaml"
VARIABLES = "application/vnd.docker.compose.envfile"
NAMES = ("com.docker.compose.file", "com.docker.compose.envfile")
EXTENDS = "com.docker.compose.extends"
VERSION = "com.docker.compose.version"
MAIN, DIGESTS = "compose.yaml", "image-digests.yaml"
Tree = dict[str, Any]
Read = Callable[[str], str]


class Layer(NamedTuple):
    media_type: str
    name: str
    text: str


class Wish(NamedTuple):
    """variables: publish what `environment` and env_file say. local: publish binds of files beside the project.
    directory: the project's. digests: image with its digest by service."""

    variables: bool = False
    local: bool = False
    directory: str = ""
    digests: Mapping[str, str] = {}


def layers(tree: Tree, wish: Wish, read: Read) -> list[Layer]:
    """Return what is published of a merged tree with absolute paths; `read` gives the text of a file.

    Raises Invalid, Conflict, naming the key, for what does not work elsewhere or should not get there."""
    found: dict[str, Layer] = {}
    services = {name: _service(name, service, wish, read, found) for name, service in tree["services"].items()}
    whole = {**tree, "services": services}
    for kind in ("configs", "secrets"):
        if kind in tree:
            whole[kind] = {name: _file(kind, name, one, read) for name, one in tree[kind].items()}
    result = [Layer(FILE, MAIN, yaml.dump(whole)), *found.values()]
    if wish.digests:
        pinned = {name: {"image": image} for name, image in sorted(wish.digests.items())}
        result.insert(1, Layer(FILE, DIGESTS, yaml.dump({"services": pinned})))
    return result


def _service(name: str, service: Tree, wish: Wish, read: Read, found: dict[str, Layer]) -> Tree:
    where = f"services.{name}"
    if service.get("build") and not service.get("image"):
        raise Invalid(f"{where}.build: without `image` nobody else gets what is built; give the service an image")
    for key in ("label_file", "credential_spec"):
        if service.get(key):
            raise Invalid(f"{where}.{key}: a file of this machine is not published")
    if not wish.variables:
        _no_variables(where, service)
    result = {key: value for key, value in service.items() if key not in ("build", "develop")}
    if service.get("env_file"):
        result["env_file"] = [_variables(where, entry, read, found) for entry in service["env_file"]]
    if service.get("volumes"):
        result["volumes"] = [_mount(where, mount, wish) for mount in service["volumes"]]
    return result


def _no_variables(where: str, service: Tree) -> None:
    """Variables without a value come from who starts the project; they tell nothing."""
    told = service.get("environment") or {}
    values = [key for key, value in told.items() if value is not None] if isinstance(told, dict) else told
    for key, there in (("environment", values), ("env_file", service.get("env_file"))):
        if there:
            raise Conflict(
                f"{where}.{key} may hold what nobody else is to see: give --with-env to publish it, or take it away"
            )


def _variables(where: str, entry: Any, read: Read, found: dict[str, Layer]) -> Any:
    entry = {"path": entry} if isinstance(entry, str) else entry
    path = str(entry["path"])
    if "$" in path:
        raise Invalid(f"{where}.env_file: {path} depends on a variable, so it cannot be published")
    text = read(path)
    name = f"{hashlib.sha256(path.encode()).hexdigest()}.env"
    found[name] = Layer(VARIABLES, name, text)
    return {**entry, "path": name}


def _mount(where: str, mount: Any, wish: Wish) -> Any:
    source = str(mount.get("source") or "") if isinstance(mount, dict) and mount.get("type") == "bind" else ""
    if not source or not (source == wish.directory or source.startswith(f"{wish.directory}/")):
        return mount
    own = f".{source.removeprefix(wish.directory)}"
    if not wish.local:
        raise Conflict(f"{where}.volumes: {own} is not published; give --yes if whoever uses this brings it along")
    return {**mount, "source": own}


def _file(kind: str, name: str, one: Tree, read: Read) -> Tree:
    if not one.get("file"):
        return one
    if kind == "secrets":
        raise Invalid(f"secrets.{name}.file: a secret is not published; `environment` lets its user bring it")
    kept = {key: value for key, value in one.items() if key != "file"}
    return {**kept, "content": read(str(one["file"])).replace("$", "$$")}


class Fetched(NamedTuple):
    """files: to be merged in this order. others: files these refer to. Texts by name."""

    files: dict[str, str]
    others: dict[str, str]


def unpacked(reference: str, told: Mapping[str, Any], decode: Callable[[str], bytes]) -> Fetched:
    """Return what an answer of the daemon holds. Raises Invalid for another kind of artifact, and for odd names."""
    kind = told.get("ArtifactType") or told.get("ConfigType") or "no type"
    if kind not in (TYPE, CONFIG):
        raise Invalid(f"{reference} is no compose project, but {kind}")
    files: dict[str, str] = {}
    others: dict[str, str] = {}
    for layer in told.get("Layers") or ():
        media_type, notes = layer["MediaType"], layer.get("Annotations") or {}
        if media_type not in (FILE, VARIABLES):
            continue
        name = next((notes[key] for key in NAMES if notes.get(key)), MAIN)
        if "/" in name or name in ("", ".", "..") or "\0" in name:
            raise Invalid(f"{reference}: {name!r} is no name for a file")
        apart = media_type == VARIABLES or notes.get(EXTENDS)
        (others if apart else files)[_fresh(name, {**files, **others})] = decode(layer["Content"]).decode()
    if not files:
        raise Invalid(f"{reference} holds no compose file")
    return Fetched(files, others)


def _fresh(name: str, taken: Mapping[str, str]) -> str:
    """Two files of one name, from two directories, both count."""
    return next(one for one in _candidates(name) if one not in taken)


def _candidates(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{number}-{name}"
        number += 1


def annotations(layer: Layer, version: str) -> dict[str, str]:
    key = NAMES[1] if layer.media_type == VARIABLES else NAMES[0]
    return {VERSION: version, key: layer.name}


def placed(fetched: Fetched, folder: str) -> dict[str, str]:
    """Return the files to write into `folder`, with the names of others made absolute where files tell them."""
    texts = dict(fetched.files)
    for other in fetched.others:
        texts = {name: text.replace(other, f"{folder}/{other}") for name, text in texts.items()}
    return {**fetched.others, **texts}
