"""The image configuration of OCI and Docker: JSON whose digest is the image's id. Pure.

Sources: OCI image-spec config.md; Docker adds `container_config`, `parent`, `Healthcheck`, `OnBuild` and `Shell`.
"""

import hashlib
from typing import Any

from boxship.base.codec import decode, encode
from boxship.base.errors import Invalid
from boxship.base.units import ZERO_TIME, parse_rfc3339, rfc3339
from boxship.model.container import HealthSpec
from boxship.model.image import HistoryEntry, Image, ImageConfig


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def chain_ids(diff_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return for each layer the digest of it and all below, lowest first. OCI image-spec config.md, ChainID."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def parse(raw: bytes) -> Image:
    """Return the image that a configuration describes; size, names and parent stay empty. Raises Invalid."""
    document = decode(raw, dict[str, Any])
    root = _mapping(document, "rootfs")
    diff_ids = tuple(_strings(root.get("diff_ids")) or ())
    if root.get("type", "layers") != "layers":
        raise Invalid(f"image configuration: rootfs of type {root.get('type')!r} is not supported")
    return Image(
        id=digest_of(raw),
        created=_time(document.get("created")),
        config=parse_settings(_mapping(document, "config")),
        architecture=_text(document, "architecture"),
        variant=_text(document, "variant"),
        os=_text(document, "os") or "linux",
        author=_text(document, "author"),
        comment=_text(document, "comment"),
        layers=diff_ids,
        chain=chain_ids(diff_ids),
        history=tuple(_history(entry) for entry in document.get("history") or ()),
    )


def render(image: Image, extra: dict[str, Any] | None = None) -> bytes:
    """Return the configuration of `image`; its digest is the image's id. `extra` holds further top-level keys."""
    document: dict[str, Any] = {
        "architecture": image.architecture,
        "config": render_settings(image.config),
        "created": rfc3339(image.created),
        "history": [_render_history(entry) for entry in image.history],
        "os": image.os,
        "rootfs": {"type": "layers", "diff_ids": list(image.layers)},
    }
    optional = {"variant": image.variant, "author": image.author, "comment": image.comment}
    document.update({key: value for key, value in optional.items() if value})
    document.update(extra or {})
    return encode(dict(sorted(document.items())))


def parse_settings(config: dict[str, Any]) -> ImageConfig:
    """Return the `config` object of an image configuration, also as Docker's API takes it. Raises Invalid."""
    return ImageConfig(
        user=_text(config, "User"),
        exposed_ports=tuple(sorted(_mapping(config, "ExposedPorts"))),
        env=tuple(_strings(config.get("Env")) or ()),
        entrypoint=_argv(config.get("Entrypoint")),
        cmd=_argv(config.get("Cmd")),
        args_escaped=bool(config.get("ArgsEscaped")),
        volumes=tuple(sorted(_mapping(config, "Volumes"))),
        working_dir=_text(config, "WorkingDir"),
        labels={str(k): str(v) for k, v in _mapping(config, "Labels").items()},
        stop_signal=_text(config, "StopSignal"),
        healthcheck=_health(config.get("Healthcheck")),
        on_build=_argv(config.get("OnBuild")),
        shell=_argv(config.get("Shell")),
    )


def render_settings(config: ImageConfig) -> dict[str, Any]:
    """Return the `config` object with what is said and nothing else."""
    fields: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": _listed(config.entrypoint),
        "Cmd": _listed(config.cmd),
        "ArgsEscaped": config.args_escaped,
        "Volumes": {path: {} for path in config.volumes},
        "WorkingDir": config.working_dir,
        "Labels": config.labels,
        "StopSignal": config.stop_signal,
        "Healthcheck": render_health(config.healthcheck),
        "OnBuild": _listed(config.on_build),
        "Shell": _listed(config.shell),
    }
    return {key: value for key, value in fields.items() if value}


def render_health(health: HealthSpec | None) -> dict[str, Any] | None:
    """Return Docker's Healthcheck object, durations in nanoseconds; zeros are left out."""
    if health is None:
        return None
    fields: dict[str, Any] = {
        "Test": list(health.test),
        "Interval": health.interval,
        "Timeout": health.timeout,
        "StartPeriod": health.start_period,
        "StartInterval": health.start_interval,
        "Retries": health.retries,
    }
    return {key: value for key, value in fields.items() if value}


def _health(value: Any) -> HealthSpec | None:
    if not isinstance(value, dict):
        return None
    return HealthSpec(
        test=tuple(_strings(value.get("Test")) or ()),
        interval=int(value.get("Interval") or 0),
        timeout=int(value.get("Timeout") or 0),
        start_period=int(value.get("StartPeriod") or 0),
        start_interval=int(value.get("StartInterval") or 0),
        retries=int(value.get("Retries") or 0),
    )


def _history(entry: Any) -> HistoryEntry:
    if not isinstance(entry, dict):
        raise Invalid("image configuration: history must be a list of objects")
    return HistoryEntry(
        created=_time(entry.get("created")),
        created_by=_text(entry, "created_by"),
        author=_text(entry, "author"),
        comment=_text(entry, "comment"),
        empty_layer=bool(entry.get("empty_layer")),
    )


def _render_history(entry: HistoryEntry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "created": rfc3339(entry.created),
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {key: value for key, value in fields.items() if value}


def _time(value: Any) -> int:
    if not isinstance(value, str) or not value or value == ZERO_TIME:
        return 0
    return max(0, parse_rfc3339(value))


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"image configuration: {key} must be a text")
    return value or ""


def _mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    if value is not None and not isinstance(value, dict):
        raise Invalid(f"image configuration: {key} must be an object")
    return value or {}


def _strings(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise Invalid("image configuration: want a list of texts")
    return value


def _argv(value: Any) -> tuple[str, ...] | None:
    """Docker's old clients wrote one text where a list is meant."""
    if isinstance(value, str):
        return (value,)
    words = _strings(value)
    return None if words is None else tuple(words)


def _listed(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
