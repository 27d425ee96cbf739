"""The whole way from flags and files to a project."""

import posixpath
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose.load import bind, consistency, dotenv, profiles
from boxship.front.compose.load.disk import Files
from boxship.front.compose.load.errors import Wrong
from boxship.front.compose.load.interpolate import Lookup, Malformed, Missing, substitute
from boxship.front.compose.load.normalize import normalize, project_name
from boxship.front.compose.load.options import Found, Options, find, is_legacy
from boxship.front.compose.load.trees import Loader, Place, Steps
from boxship.front.compose.load.yaml import nodes
from boxship.front.compose.model import EnvFile, Project, Service


class Loaded(NamedTuple):
    """A project and what its files should tell their author; each warning once."""

    project: Project
    warnings: tuple[str, ...]


class Tree(NamedTuple):
    """A canonical tree that no model was made of, as `config --no-interpolate` prints it."""

    tree: dict[str, Any]
    name: str
    warnings: tuple[str, ...]


def load(options: Options, environ: Mapping[str, str], disk: Files, services: tuple[str, ...] = ()) -> Loaded:
    """Return the project that `options` mean, its enabled services, and with `services` only these and what they need.

    Raises Invalid with file and line, NotFound, Unsupported.
    """
    found, loader, tree, name = _tree(options, environ, disk)
    try:
        project = bind.project(tree, name)
        project = msgspec.structs.replace(
            project, working_dir=found.directory, compose_files=found.files, environment=found.environment
        )
        project = profiles.activate(project, found.profiles)
        if options.consistency:
            consistency.check(project)
    except Wrong as e:
        raise loader.located(e) from None
    project = profiles.enable(_settled(project), services)
    if options.resolve_environment:
        project = _each(project, lambda service: _environment(service, found.environment, options, disk))
    project = _each(project, lambda service: _labels(service, disk))
    if options.resolve_paths:
        project = _each(project, lambda service: _watched(service, disk))
    project = profiles.select(profiles.used(project), services)
    return Loaded(project, (*found.warnings, *loader.warnings))


def load_tree(options: Options, environ: Mapping[str, str], disk: Files) -> Tree:
    """Return the merged files without making a project of them."""
    found, loader, tree, name = _tree(options, environ, disk)
    return Tree(tree, name, (*found.warnings, *loader.warnings))


def _tree(options: Options, environ: Mapping[str, str], disk: Files) -> tuple[Found, Loader, dict[str, Any], str]:
    found = find(options, environ, disk)
    disk = _Once(disk)
    loader = Loader(disk, Steps(options.interpolate, options.resolve_paths))
    name = _name(options, found, disk)
    found.environment["COMPOSE_PROJECT_NAME"] = name
    try:
        relative = found.directory if options.resolve_paths else ""
        tree = loader.load(found.files, Place(found.directory, relative, found.environment))
    except Wrong as e:
        raise loader.located(e) from None
    if not tree:
        raise Invalid("empty compose file")
    if not name:
        raise Invalid("project name must not be empty")
    if options.normalize:
        tree = normalize(tree, name, found.environment if options.interpolate else {})
    return found, loader, tree, name


class _Once:
    """Files of which standard input, too, can be read twice."""

    def __init__(self, disk: Files) -> None:
        self._disk = disk
        self._input: str | None = None
        self.cwd, self.home = disk.cwd, disk.home
        self.is_file, self.is_directory, self.real = disk.is_file, disk.is_directory, disk.real
        self.fetched = disk.fetched

    def read(self, path: str) -> str:
        if path != "-":
            return self._disk.read(path)
        if self._input is None:
            self._input = self._disk.read(path)
        return self._input


def _name(options: Options, found: Found, disk: Files) -> str:
    """Return what the project is called: by flag, variable, `name` of the last file that has one, or directory."""
    given = options.name or found.environment.get("COMPOSE_PROJECT_NAME", "")
    if given:
        if project_name(given) != given:
            raise Invalid(
                f'invalid project name "{given}": must consist only of lowercase alphanumeric characters, hyphens, and'
                " underscores as well as start with a letter or number"
            )
        return given
    written = ""
    for file in found.files:
        written = _written_name(disk.read(file), file) or written
    if written and options.interpolate:
        try:
            written = substitute(written, found.environment.get)
        except (Malformed, Missing) as e:
            raise Invalid(f"error while interpolating name: {e}") from None
    return project_name(written or posixpath.basename(found.directory))


def _written_name(text: str, file: str) -> str:
    """Return the value of `name:` at the top of a file without making anything of the rest."""
    if not any(line.startswith(("name", '"name', "'name", "{", "<<")) for line in text.splitlines()):
        return ""
    written = ""
    for node in nodes(text, file):
        for key, value in node.value if isinstance(node.value, list) else ():
            if isinstance(key, tuple) or key.value != "name" or not isinstance(value.value, str):
                continue
            written = value.value
    return written


def _settled(project: Project) -> Project:
    """`scale` and `deploy.replicas` say the same: where one is given, both have it."""

    def settle(service: Service) -> Service:
        if service.scale is None or service.deploy is None:
            return service
        return msgspec.structs.replace(service, deploy=msgspec.structs.replace(service.deploy, replicas=service.scale))

    return _each(project, settle)


def _each(project: Project, change: Any) -> Project:
    services = {name: change(service) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def _environment(service: Service, environment: Mapping[str, str], options: Options, disk: Files) -> Service:
    """Read `env_file` into `environment`; what the service says itself goes first."""
    found: dict[str, str | None] = {}

    def known(name: str) -> str | None:
        value = found.get(name)
        return environment.get(name) if value is None else value

    for file in service.env_file:
        found.update(_variables(file, known, is_legacy(environment), disk))
    own = {key: environment.get(key) if value is None else value for key, value in service.environment.items()}
    found.update(own)
    kept = service.env_file if options.keep_env_files else ()
    return msgspec.structs.replace(service, environment=dict(sorted(found.items())), env_file=kept)


def _variables(file: EnvFile, known: Lookup, legacy: bool, disk: Files) -> dict[str, str]:
    if not disk.is_file(file.path):
        if file.required:
            raise NotFound(f"env file {file.path} not found: stat {file.path}: no such file or directory")
        return {}
    reading = dotenv.READINGS.get(file.format or ("legacy" if legacy else ""))
    if reading is None:
        raise Invalid(f'unsupported env_file format "{file.format}" (there is raw)')
    return reading(disk.read(file.path), known, file.path)


def _watched(service: Service, disk: Files) -> Service:
    """Watch what links point to: changes are told with the paths behind them."""
    if service.develop is None:
        return service
    watch = tuple(msgspec.structs.replace(trigger, path=disk.real(trigger.path)) for trigger in service.develop.watch)
    return msgspec.structs.replace(service, develop=msgspec.structs.replace(service.develop, watch=watch))


def _labels(service: Service, disk: Files) -> Service:
    """Read `label_file` into `labels`; what the service says itself goes first."""
    if not service.label_file:
        return service
    found: dict[str, str] = {}
    for path in service.label_file:
        if not disk.is_file(path):
            raise NotFound(f"label file {path} not found: stat {path}: no such file or directory")
        found.update(dotenv.parse(disk.read(path), found.get, path))
    found.update(service.labels)
    return msgspec.structs.replace(service, labels=dict(sorted(found.items())), label_file=())
