"""What attestations may be asked for. Pure."""

from collections.abc import Mapping, Sequence

from boxship.base.errors import Invalid
from boxship.engine.build.api import Output

PROVENANCE, SBOM = "provenance", "sbom"
CARRIERS = ("image", "registry", "oci", "local", "tar")
_TRUTHS = {"": False, "true": True, "1": True, "false": False, "0": False}
_KNOWN = {
    PROVENANCE: {"mode", "builder-id", "inline-only", "version", "filename", "reproducible"},
    SBOM: {"filename", "generator"},
}


def wanted(attests: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return what is asked for, without what clients say only for themselves: `type`, and `disabled`."""
    return {
        kind: {name: value for name, value in asked.items() if name not in ("type", "disabled")}
        for kind, asked in attests.items()
        if asked.get("disabled", "").lower() not in ("true", "1")
    }


def check(attests: Mapping[str, Mapping[str, str]], outputs: Sequence[Output]) -> None:
    """Raise Invalid for what cannot be stated, or would be carried nowhere."""
    for kind, asked in attests.items():
        if kind not in _KNOWN:
            raise Invalid(f"unknown attestation {kind!r}: want provenance or sbom")
        for name in asked.keys() - _KNOWN[kind]:
            raise Invalid(f"unknown attribute {name} of the attestation {kind}")
        _one(kind, asked)
    for kind, asked in attests.items():
        silent = kind == PROVENANCE and inline_only(asked)
        if not silent and not any(carries(output) for output in outputs):
            raise Invalid(
                f"the attestation {kind} needs an output that can carry it, image, registry, oci, local or tar: a "
                "docker archive has no place for it"
            )


def _one(kind: str, asked: Mapping[str, str]) -> None:
    if asked.get("mode", "min") not in ("min", "max"):
        raise Invalid(f"provenance mode {asked['mode']!r}: want min or max")
    if asked.get("version", "v1") not in ("", "v1"):
        raise Invalid(f"provenance version {asked['version']!r}: want v1")
    for name in ("inline-only", "reproducible"):
        if asked.get(name, "").lower() not in _TRUTHS:
            raise Invalid(f"{kind} {name}={asked[name]}: want true or false")
    if asked.get("generator"):
        raise Invalid("sbom generator images are not run: packages are read without one")
    if "/" in asked.get("filename", ""):
        raise Invalid(f"{kind} filename {asked['filename']!r}: want a plain name")


def inline_only(asked: Mapping[str, str]) -> bool:
    """Tell whether it is only for outputs with manifests, and not missed in others."""
    return _TRUTHS[asked.get("inline-only", "").lower()]


def reproducible(asked: Mapping[str, str]) -> bool:
    return _TRUTHS[asked.get("reproducible", "").lower()]


def carries(output: Output) -> bool:
    return output.kind in CARRIERS


def wants(asked: Mapping[str, str], outputs: Sequence[Output]) -> bool:
    """Tell whether it is to be made at all. What clients ask for by themselves is inline-only: an image that is only
    kept here does not need it."""
    if inline_only(asked):
        return any(output.kind == "oci" or pushes(output) for output in outputs)
    return any(carries(output) for output in outputs)


def pushes(output: Output) -> bool:
    return output.kind == "registry" or output.attributes.get("push", "").lower() in ("true", "1")
