"""`compose config`, `compose version`: what the files mean, without touching a container."""

from collections.abc import Callable

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose.digests import with_digests
from boxship.front.cli.compose.project import disk, options, project, warn
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.compose.hash import service_hash
from boxship.front.compose.load import load_tree
from boxship.front.compose.load.interpolate import variables as mentioned
from boxship.front.compose.load.platforms import with_platforms
from boxship.front.compose.model import Project
from boxship.front.compose.render import json, plain, yaml


def config(session: Session, parsed: Parsed) -> None:
    if parsed.text("hash"):
        return _say(session, parsed, _hashes(session, parsed))
    for flag, lines in _LISTS.items():
        if parsed.on(flag):
            return _say(session, parsed, _lines(lines(_project(session, parsed, resolve_environment=False))))
    if parsed.on("variables"):
        return _say(session, parsed, _variables(session, parsed))
    shown = _uninterpolated(session, parsed) if parsed.on("no-interpolate") else _whole(session, parsed)
    return None if parsed.on("quiet") else _say(session, parsed, shown)


def _say(session: Session, parsed: Parsed, shown: str) -> None:
    path = parsed.text("output")
    if path and shown:
        with open(path, "w", encoding="utf-8") as file:
            file.write(shown)
    else:
        session.out.write(shown)


def _steps(session: Session, parsed: Parsed) -> dict[str, bool]:
    above = session.above
    normalize = not parsed.on("no-normalize") and not (above is not None and above.on("compatibility"))
    return {
        "normalize": normalize,
        "resolve_paths": not parsed.on("no-path-resolution"),
        "consistency": not parsed.on("no-consistency"),
    }


def _project(session: Session, parsed: Parsed, *, resolve_environment: bool = True) -> Project:
    resolve = resolve_environment and not parsed.on("no-env-resolution")
    return project(session, parsed.args, resolve_environment=resolve, **_steps(session, parsed))


def _whole(session: Session, parsed: Parsed) -> str:
    whole = _project(session, parsed)
    if parsed.on("resolve-image-digests") or parsed.on("lock-image-digests"):
        whole = with_digests(session, whole)
    if parsed.on("lock-image-digests"):
        pinned = {name: {"image": service.image} for name, service in sorted(whole.services.items()) if service.image}
        return _written({"services": pinned}, parsed)
    as_json = parsed.text("format") == "json"
    return _written(plain.project(whole, json=as_json), parsed).replace("$", "$$")


def _uninterpolated(session: Session, parsed: Parsed) -> str:
    """Print the merged files with their variables; no model can be made of these."""
    if parsed.on("resolve-image-digests"):
        raise Invalid("--resolve-image-digests needs variables to be replaced: leave out --no-interpolate")
    loaded = load_tree(options(session, interpolate=False, **_steps(session, parsed)), session.environ, disk(session))
    warn(session, loaded.warnings)
    return _written(plain.plain(loaded.tree, json=parsed.text("format") == "json"), parsed)


def _written(tree: dict[str, object], parsed: Parsed) -> str:
    match parsed.text("format"):
        case "yaml":
            return yaml.dump(tree)
        case "json":
            return json.dump(tree, indent="  ")  # without a line break at the end, as docker compose
        case other:
            raise Invalid(f'unsupported format "{other}" (want yaml or json)')


def _hashes(session: Session, parsed: Parsed) -> str:
    whole = with_platforms(_project(session, parsed, resolve_environment=False))
    wanted = parsed.text("hash")
    names = list(whole.services) if wanted == "*" else wanted.split(",")
    for name in names:
        if name not in whole.services:
            raise Invalid(f"no such service: {name}")
    return _lines([f"{name} {service_hash(whole.services[name])}" for name in sorted(names)])


def _variables(session: Session, parsed: Parsed) -> str:
    loaded = load_tree(options(session, interpolate=False, **_steps(session, parsed)), session.environ, disk(session))
    rows = [("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")]
    for name, variable in sorted(mentioned(loaded.tree).items()):
        rows.append((name, "true" if variable.required else "false", variable.default, variable.alternate))
    widths = [max(len(row[column]) for row in rows) + 3 for column in range(4)]
    return _lines(["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows])


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _services(whole: Project) -> list[str]:
    """Names in the order in which they start: what others depend on first."""
    order: dict[str, None] = {}

    def add(name: str) -> None:
        if name in whole.services and name not in order:
            for other in sorted(whole.services[name].depends_on):
                add(other)
            order[name] = None

    for name in sorted(whole.services):
        add(name)
    return list(order)


def _profiles(whole: Project) -> list[str]:
    everything = (*whole.services.values(), *whole.disabled.values())
    return sorted({profile for service in everything for profile in service.profiles})


_LISTS: dict[str, Callable[[Project], list[str]]] = {
    "services": _services,
    "volumes": lambda whole: sorted(whole.volumes),
    "networks": lambda whole: sorted(whole.networks),
    "models": lambda whole: sorted(model.model for model in whole.models.values()),
    "profiles": _profiles,
    "images": lambda whole: [whole.image_of(service) for service in whole.services.values()],
    "environment": lambda whole: [f"{key}={value}" for key, value in sorted(whole.environment.items())],
}


def version(session: Session, parsed: Parsed) -> None:
    from boxship import __version__

    if parsed.text("format") == "json":
        session.say(json.dump({"version": f"v{__version__}"}))
    else:
        session.say(__version__ if parsed.on("short") else f"Boxship Compose version v{__version__}")


COMMANDS = {
    "config": Command(
        "[OPTIONS] [SERVICE...]",
        config,
        (
            text("format", "", "Format of the output: yaml or json", default="yaml"),
            text("hash", "", "Print the hash of these services (* for all), one per line"),
            text("output", "o", "Write to this file"),
            switch("quiet", "q", "Only check the files, print nothing"),
            switch("services", "", "Print the names of the services, one per line"),
            switch("volumes", "", "Print the names of the volumes, one per line"),
            switch("networks", "", "Print the names of the networks, one per line"),
            switch("models", "", "Print the names of the models, one per line"),
            switch("profiles", "", "Print the names of the profiles, one per line"),
            switch("images", "", "Print the names of the images, one per line"),
            switch("environment", "", "Print the variables that the files are read with"),
            switch("variables", "", "Print the variables in the files and their defaults"),
            switch("resolve-image-digests", "", "Pin images to the digests that their registries tell"),
            switch("lock-image-digests", "", "Print an override file that pins images to digests"),
            switch("no-interpolate", "", "Leave variables as they are"),
            switch("no-normalize", "", "Do not add what the files imply"),
            switch("no-path-resolution", "", "Leave relative paths as they are"),
            switch("no-env-resolution", "", "Leave files of variables as they are"),
            switch("no-consistency", "", "Do not check that all that is referred to is there"),
        ),
        examples="boxship compose config --services\nboxship compose -f a.yaml -f b.yaml config --format json",
    ),
    "version": Command(
        "[OPTIONS]",
        version,
        (switch("short", "", "Print the number only"), text("format", "f", "Format of the output: pretty or json")),
        most=0,
    ),
}
