"""Build an image of a service with the classic builder of another daemon: its context goes there as a tar archive."""

import base64
import json
from collections.abc import Iterator
from typing import Any, TextIO

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client.api import Client
from boxship.front.client.credentials import Keyring
from boxship.front.compose import context, labels
from boxship.front.compose.buildwords import REMOTE, Flags
from boxship.front.compose.model import Build, Project, Service
from boxship.front.compose.plan.steps import Build as Step


def build(client: Client, project: Project, step: Step, out: TextIO, flags: Flags = Flags()) -> str:  # noqa: B008
    """Return the word for how it ended. Raises PlatformError with the daemon's reason."""
    service = project.everything[step.service]
    wanted = service.build
    if wanted is None:
        raise Invalid(f"service {step.service} has no build")
    _refuse(service, wanted)
    query = _query(project, service, wanted, flags)
    body: Iterator[bytes] | None = None
    if wanted.context.startswith(REMOTE):
        query["remote"] = wanted.context
    else:
        body = context.archive(wanted.context, wanted.dockerfile or "Dockerfile", wanted.dockerfile_inline)
        query["dockerfile"] = context.INSIDE if context.outside(wanted) else wanted.dockerfile or "Dockerfile"
    config = base64.urlsafe_b64encode(json.dumps(Keyring(project.environment).all()).encode()).decode()
    headers = {"Content-Type": "application/x-tar", "X-Registry-Config": config}
    reply = client.stream("POST", "/build", query, body=body if body is not None else b"", headers=headers)
    for line in reply.lines():
        _tell(json.loads(line), out, quiet=flags.quiet)
    if reply.connection is not None:
        reply.connection.close()
    return "Built"


def _refuse(service: Service, wanted: Build) -> None:
    """Say what this way of building cannot do. Raises Invalid, naming the key."""
    for key, value in (
        ("secrets", wanted.secrets),
        ("ssh", wanted.ssh),
        ("additional_contexts", wanted.additional_contexts),
        ("entitlements", wanted.entitlements),
        ("privileged", wanted.privileged),
        ("cache_to", wanted.cache_to),
        ("provenance", wanted.provenance),
        ("sbom", wanted.sbom),
        ("no_cache_filter", wanted.no_cache_filter),
    ):
        if value:
            raise Invalid(
                f"services.{service.name}.build.{key}: not supported by the classic builder; use `docker buildx`"
            )


def _query(project: Project, service: Service, wanted: Build, flags: Flags) -> dict[str, Any]:
    own = {
        **wanted.labels,
        labels.PROJECT: project.name,
        labels.SERVICE: service.name,
        labels.VERSION: labels.AGREES_WITH,
    }
    return {
        "t": [project.image_of(service), *wanted.tags],
        "buildargs": _arguments(project, wanted, flags),
        "labels": own,
        "target": wanted.target or None,
        "networkmode": wanted.network or None,
        "cachefrom": json.dumps(list(wanted.cache_from)) if wanted.cache_from else None,
        "extrahosts": [f"{name}:{to}" for name, every in wanted.extra_hosts.items() for to in every],
        "nocache": wanted.no_cache or flags.no_cache,
        "pull": wanted.pull or flags.pull,
        "shmsize": wanted.shm_size or None,
        "memory": flags.memory or None,
        "platform": (wanted.platforms[0] if wanted.platforms else service.platform) or None,
        "ulimits": json.dumps(_ulimits(wanted)) if wanted.ulimits else None,
        "rm": True,
    }


def _arguments(project: Project, wanted: Build, flags: Flags) -> dict[str, str]:
    given: dict[str, str | None] = dict(wanted.args)
    for word in flags.args:
        name, sign, value = word.partition("=")
        given[name] = value if sign else None
    known = project.environment
    told = {name: known.get(name) if value is None else value for name, value in given.items()}
    return {name: value for name, value in told.items() if value is not None}


def _ulimits(wanted: Build) -> list[dict[str, Any]]:
    return [
        {"Name": name, "Soft": limit.soft or limit.single, "Hard": limit.hard or limit.single}
        for name, limit in sorted(wanted.ulimits.items())
    ]


def _tell(message: dict[str, Any], out: TextIO, *, quiet: bool) -> None:
    if "error" in message:
        raise PlatformError(message.get("errorDetail", {}).get("message") or message["error"])
    if "stream" in message and not quiet:
        out.write(message["stream"])
        out.flush()
