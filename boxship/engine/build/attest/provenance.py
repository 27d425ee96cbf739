"""How a result came about, as SLSA provenance v1. Values of arguments are told with mode=max only, secrets never.

Library: in-toto-attestation, whose generated messages hold the shape.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from boxship import __version__
from boxship.base.units import rfc3339
from boxship.engine.build.api import BuildSpec

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:boxship:build:dockerfile:v1"


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the result was made from. uri: a package URL for images.  digest: "sha256:…"."""

    uri: str
    digest: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a build once it has ended. text: of the Dockerfile.  Times are nanoseconds since 1970.
    declared: build arguments that the Dockerfile declares.  id: of this build."""

    text: str
    materials: tuple[Material, ...] = ()
    platform: str = ""
    started: int = 0
    finished: int = 0
    id: str = ""
    declared: frozenset[str] = frozenset()


def predicate(spec: BuildSpec, asked: Mapping[str, str], story: Story) -> dict[str, Any]:
    """Return the predicate. Raises what the library raises for a shape that is none."""
    from google.protobuf.json_format import MessageToDict, ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance

    full = asked.get("mode") == "max"
    told = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": _external(spec, story, full=full),
            "internalParameters": {"builderPlatform": story.platform},
            "resolvedDependencies": [_descriptor(material) for material in story.materials],
        },
        "runDetails": {
            "builder": {"id": asked.get("builder-id", ""), "version": {"boxship": __version__}},
            "metadata": {
                "invocationId": story.id,
                "startedOn": rfc3339(story.started),
                "finishedOn": rfc3339(story.finished),
            },
        },
    }
    found: dict[str, Any] = MessageToDict(ParseDict(told, Provenance()))
    return found


def _external(spec: BuildSpec, story: Story, *, full: bool) -> dict[str, Any]:
    source: dict[str, Any] = {"path": spec.dockerfile}
    if spec.context:
        source["uri"] = without_user(spec.context)
    args: dict[str, Any] = {"platform": spec.platform, "target": spec.target}
    args |= {"no-cache": "true"} if spec.no_cache else {}
    if full:
        given = {name: value for name, value in spec.build_args.items() if value is not None}
        args |= {f"build-arg:{name}": value for name, value in sorted(given.items()) if name in story.declared}
        args |= {f"label:{name}": value for name, value in sorted(spec.labels.items())}
        args |= {f"context:{name}": without_user(where) for name, where in sorted(spec.contexts.items())}
    told: dict[str, Any] = {"frontend": "dockerfile", "args": {name: value for name, value in args.items() if value}}
    found: dict[str, Any] = {"configSource": source, "request": told}
    return found | ({"dockerfile": story.text} if full else {})


def without_user(url: str) -> str:
    """Return a URL without the password that may be in it."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _descriptor(material: Material) -> dict[str, Any]:
    algorithm, _, value = material.digest.partition(":")
    return {"uri": material.uri} | ({"digest": {algorithm: value}} if value else {})


def statement(kind: str, predicate: Mapping[str, Any], subjects: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return an in-toto statement about subjects: name and digest of each. Raises what the library raises."""
    from google.protobuf.json_format import MessageToDict
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement

    about = [ResourceDescriptor(name=name, digest=dict([digest.split(":", 1)])).pb for name, digest in subjects]
    made = Statement(subjects=about, predicate_type=kind, predicate=dict(predicate))
    made.validate()
    shaped: dict[str, Any] = MessageToDict(made.pb)
    return shaped | {"predicate": predicate}  # protobuf's own has no whole numbers
