"""What a project is loaded with: flags, variables, and what is found where nothing is said."""

import posixpath
from collections.abc import Mapping
from typing import NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose.load import dotenv
from boxship.front.compose.load.disk import Files

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    *("compose.override.yml", "compose.override.yaml"),
    *("docker-compose.override.yml", "docker-compose.override.yaml"),
)
_YES = {"1", "t", "true", "yes", "y", "on"}


_REMOTE = ("http://", "https://", "git://", "ssh://", "git@", "oci://", "github.com/")


def is_remote(name: str) -> bool:
    """Whether a file's name means a published project or a git repository."""
    return name.startswith(_REMOTE)


class Options(NamedTuple):
    """What was said on the command line; () and "" where nothing was.

    interpolate … consistency: steps that `config` can leave out. resolve_environment: read env_file into environment.
    keep_env_files: leave `env_file` in the project beside what it brought.
    """

    files: tuple[str, ...] = ()
    name: str = ""
    directory: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    interpolate: bool = True
    normalize: bool = True
    resolve_paths: bool = True
    consistency: bool = True
    resolve_environment: bool = True
    keep_env_files: bool = False


class Found(NamedTuple):
    """files: absolute, or "-". directory: the project's, absolute. environment: with that of .env files."""

    files: tuple[str, ...]
    directory: str
    environment: dict[str, str]
    profiles: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def find(options: Options, environ: Mapping[str, str], disk: Files) -> Found:
    """Return which files are meant and what they are read with. Raises NotFound, Invalid.

    COMPOSE_FILE and the like may stand in the .env file of the directory we are in; the .env file that counts for the
    project is that of the project's directory.
    """
    environment = dict(environ)
    directory = _directory(options.directory, options.files, disk)
    _read_env(environment, options, directory, disk)
    warnings: list[str] = []
    files = tuple(_absolute(name, disk) for name in options.files) or _from_variable(environment, disk)
    if not files:
        files = _default(directory, disk, warnings)
    directory = _directory(options.directory, files, disk)
    _read_env(environment, options, directory, disk)
    profiles = options.profiles or tuple(
        word.strip() for word in environment.get("COMPOSE_PROFILES", "").split(",") if word.strip()
    )
    return Found(files, directory, environment, profiles, tuple(warnings))


def _directory(given: str, files: tuple[str, ...], disk: Files) -> str:
    if given:
        return _absolute(given, disk)
    for name in files:
        if name != "-":
            return posixpath.dirname(_absolute(name, disk))
    return disk.cwd


def _absolute(path: str, disk: Files) -> str:
    return path if path == "-" else posixpath.normpath(posixpath.join(disk.cwd, path))


def _from_variable(environment: Mapping[str, str], disk: Files) -> tuple[str, ...]:
    value = environment.get("COMPOSE_FILE", "")
    separator = environment.get("COMPOSE_PATH_SEPARATOR") or ":"
    return tuple(_absolute(name, disk) for name in value.split(separator) if name)


def _default(directory: str, disk: Files, warnings: list[str]) -> tuple[str, ...]:
    """Look for a file of a known name here and in every directory above, and for its override beside it."""
    start = directory
    while True:
        found = _present(NAMES, directory, disk)
        if found:
            overrides = _present(OVERRIDES, directory, disk)
            for kind, names in (("config", found), ("override", overrides)):
                if len(names) > 1:
                    warnings.append(f"Found multiple {kind} files with supported names: {', '.join(names)}")
                    warnings.append(f"Using {names[0]}")
            return (found[0], *overrides[:1])
        above = posixpath.dirname(directory)
        if above == directory:
            raise NotFound(f"no configuration file provided: not found (looked for {NAMES[0]} in {start} and above it)")
        directory = above


def _present(names: tuple[str, ...], directory: str, disk: Files) -> list[str]:
    paths = [posixpath.join(directory, name) for name in names]
    return [path for path in paths if disk.is_file(path)]


def _read_env(environment: dict[str, str], options: Options, directory: str, disk: Files) -> None:
    """Add what the .env files say and the environment does not."""
    named = options.env_files or tuple(filter(None, environment.get("COMPOSE_ENV_FILES", "").split(",")))
    if named:
        paths = [_absolute(name, disk) for name in named]
    else:
        off = environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in _YES
        default = posixpath.join(directory, ".env")
        paths = [default] if not off and disk.is_file(default) else []
    for key, value in read_env(paths, environment, disk).items():
        environment.setdefault(key, value)


def read_env(paths: list[str], environment: Mapping[str, str], disk: Files) -> dict[str, str]:
    """Return what .env files say, later files first. Raises NotFound and Unreadable."""
    found: dict[str, str] = {}
    reading = dotenv.READINGS["legacy" if is_legacy(environment) else ""]
    for path in paths:
        if disk.is_directory(path):
            raise Invalid(f"{path} is a directory")
        if not disk.is_file(path):
            raise NotFound(f"couldn't find env file: {path}")

        def known(name: str) -> str | None:
            return environment[name] if name in environment else found.get(name)

        found.update(reading(disk.read(path), known, path))
    return found


def is_legacy(environment: Mapping[str, str]) -> bool:
    """Whether .env files are to be read as docker-compose 1 read them."""
    return environment.get("COMPOSE_DOTENV", "").lower() == "legacy"
