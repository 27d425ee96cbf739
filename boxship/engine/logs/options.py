"""Logging drivers and their options, with dockerd's names, defaults and texts. Pure.

Every driver but `none` has the monitor's file behind it, so `docker logs` works for all of these; journald and syslog
are sent what the file gets. Rotation is on unless a size says otherwise.
"""

import re
from collections.abc import Callable, Iterable

import msgspec

from boxship.base.errors import Invalid
from boxship.base.ids import short
from boxship.base.units import parse_size
from boxship.engine.logs import syslog_format
from boxship.model.container import LogSpec
from boxship.model.status import Container

NAMES = ("journald", "json-file", "local", "none", "syslog")
_COMMON = {"mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"}
_CHOOSING = {"labels", "labels-regex", "env", "env-regex", "tag"}
_FILES = {"max-size", "max-file", "compress"}
_SYSLOG = {"address", "facility", "format", "tls-ca-cert", "tls-cert", "tls-key", "tls-skip-verify"}
_ALLOWED = {
    "json-file": _CHOOSING | _FILES,
    "local": _CHOOSING | _FILES,
    "journald": _CHOOSING,
    "syslog": _CHOOSING | {f"syslog-{name}" for name in _SYSLOG},
}
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_TRUE, _FALSE = {"1", "t", "T", "true", "TRUE", "True"}, {"0", "f", "F", "false", "FALSE", "False"}


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """max_size: bytes at which a file is closed.  max_file: how many files there are, the newest among them.
    compress: older files are."""

    max_size: int = 20_000_000
    max_file: int = 5
    compress: bool = True


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What tags and attributes can tell of a container. name: without slash.  image: as the user wrote it."""

    id: str
    name: str
    image: str = ""
    image_id: str = ""
    command: str = ""
    env: tuple[str, ...] = ()
    labels: dict[str, str] = {}

    @classmethod
    def of(cls, container: Container) -> "Subject":
        spec = container.spec
        return cls(
            id=container.id, name=container.name, image=spec.image, image_id=container.image_id, env=spec.env or (),
            command=" ".join((container.path, *container.args)), labels=spec.labels,
        )  # fmt: skip


def settle(asked: LogSpec, default: LogSpec) -> LogSpec:
    """Return driver and options in force: the daemon's options count for the daemon's driver only."""
    kind = default.type or "json-file"
    if asked.type not in ("", kind):
        return asked
    return LogSpec(type=kind, config={**default.config, **asked.config})


def readable(spec: LogSpec) -> bool:
    """Tell whether `docker logs` can work: not for none, nor without the file that journald and syslog leave behind."""
    return spec.type != "none" and not (spec.type in ("journald", "syslog") and _cache_disabled(spec))


def _cache_disabled(spec: LogSpec) -> bool:
    return spec.config.get("cache-disabled", "") in _TRUE


def check(spec: LogSpec) -> None:
    """Raise Invalid, in dockerd's words, for a driver or an option that there is not."""
    if spec.type == "none":
        return
    _check_mode(spec.config)
    if spec.type not in _ALLOWED:
        raise Invalid(f"logger: no log driver named '{spec.type}' is registered")
    for key in sorted(spec.config.keys() - _COMMON - _ALLOWED[spec.type]):
        driver = "log driver local" if spec.type == "local" else f"{spec.type} log driver"
        raise Invalid(f"unknown log opt '{key}' for {driver}")
    rotation(spec)
    tag(spec, Subject(id="0" * 64, name="x"))
    _patterns(spec.config)
    if spec.type == "syslog":
        syslog_format.check(spec.config)


def _check_mode(config: dict[str, str]) -> None:
    mode = config.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise Invalid(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in config:
        if mode != "non-blocking":
            raise Invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        try:
            parse_size(config["max-buffer-size"])
        except Invalid:
            raise Invalid(
                f"error parsing option max-buffer-size: invalid size: '{config['max-buffer-size']}'"
            ) from None


def rotation(spec: LogSpec) -> Rotation:
    """Return when to begin a new file. Raises Invalid for values that are none.

    A size alone keeps one file, as json-file does in dockerd; without a size our default holds.
    """
    config = spec.config
    if spec.type in ("journald", "syslog"):
        config = {key.removeprefix("cache-"): value for key, value in config.items() if key.startswith("cache-")}
    default = Rotation(max_file=1, compress=False) if spec.type == "json-file" and "max-size" in config else Rotation()
    size = _decimal_size(config["max-size"]) if "max-size" in config else default.max_size
    count = _count(config["max-file"]) if "max-file" in config else default.max_file
    compress = _flag(config["compress"]) if "compress" in config else default.compress
    if spec.type == "json-file" and config.get("compress") in _TRUE and (count < 2 or "max-size" not in config):
        raise Invalid("compress cannot be true when max-file is less than 2 or max-size is not set")
    return Rotation(max_size=size, max_file=count, compress=compress and count > 1)


def _decimal_size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgtp]?)b?", text, re.IGNORECASE)
    if not match and not re.fullmatch(r"-\d.*", text):
        raise Invalid(f"invalid size: '{text}'")
    size = int(float(match[1]) * _DECIMAL[match[2].lower()]) if match else -1
    if size <= 0:
        raise Invalid("max-size must be a positive number")
    return size


def _count(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise Invalid(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) < 1:
        raise Invalid("max-file cannot be less than 1")
    return int(text)


def _flag(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise Invalid(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE


def attributes(spec: LogSpec, subject: Subject) -> dict[str, str]:
    """Return the labels and variables that options choose, and the tag if one was asked for."""
    config = spec.config
    labels_like, env_like = _patterns(config)
    chosen = _choose(subject.labels.items(), config.get("labels", ""), labels_like)
    pairs = [(name, value) for name, found, value in (entry.partition("=") for entry in subject.env) if found]
    chosen |= _choose(pairs, config.get("env", ""), env_like)
    if config.get("tag"):
        chosen["tag"] = tag(spec, subject)
    return chosen


def _choose(pairs: Iterable[tuple[str, str]], names: str, like: re.Pattern[str] | None) -> dict[str, str]:
    wanted = set(names.split(",")) if names else set()
    return {key: value for key, value in pairs if key in wanted or (like is not None and like.search(key))}


def _patterns(config: dict[str, str]) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Return the compiled labels-regex and env-regex."""
    return _pattern(config.get("labels-regex")), _pattern(config.get("env-regex"))


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as e:
        raise Invalid(f"error parsing regexp: {e}: `{text}`") from None


_FIELDS: dict[str, Callable[[Subject], str]] = {
    "ID": lambda s: short(s.id),
    "FullID": lambda s: s.id,
    "Name": lambda s: s.name,
    "ImageID": lambda s: short(s.image_id),
    "ImageFullID": lambda s: s.image_id,
    "ImageName": lambda s: s.image,
    "Command": lambda s: s.command,
    "DaemonName": lambda s: "docker",
}


def tag(spec: LogSpec, subject: Subject) -> str:
    """Return the tag of a container, `{{.ID}}` unless asked otherwise. Raises Invalid for an unknown field."""

    def value(match: re.Match[str]) -> str:
        field = _FIELDS.get(match[1])
        if field is None:
            raise Invalid(
                f'template: log-tag:1:{match.start(1) - 1}: executing "log-tag" at <.{match[1]}>: '
                f"can't evaluate field {match[1]} (want one of {', '.join(sorted(_FIELDS))})"
            )
        return field(subject)

    return re.sub(r"\{\{\s*\.(\w+)\s*\}\}", value, spec.config.get("tag") or "{{.ID}}")
