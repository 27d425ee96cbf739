"""What a command line asks a build for, as the daemon's request. Pure, but for the csv of the standard library."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_size
from boxship.front.client.building.giving import Secret

REMOTE = ("http://", "https://", "git://", "git@", "ssh://", "github.com/")
LAYOUT = "oci-layout://"
CACHES = ("registry", "local", "inline")
OUTPUTS = ("image", "docker", "oci", "tar", "local", "registry", "none")
ATTRIBUTES = (
    *("dest", "name", "push", "platform-split", "compression", "compression-level", "force-compression", "store"),
    *("rewrite-timestamp", "oci-mediatypes", "push-by-digest", "name-canonical", "registry.insecure", "unpack", "tar"),
)
Pairs = dict[str, str]


def is_remote(context: str) -> bool:
    return context.startswith(REMOTE)


def fields(text: str, flag: str) -> Pairs:
    """Return `a=b,"c=d,e"`; a word without `=` stands under "". Raises Invalid."""
    try:
        words = next(csv.reader([text], strict=True), [])
    except csv.Error as e:
        raise Invalid(f"invalid value {text!r} for --{flag}: {e}") from e
    found: Pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        found[key.strip().lower() if equals else ""] = value if equals else word
    return found


def output(text: str, number: int) -> tuple[dict[str, Any], str]:
    """Return one `--output`, and where it goes: a path, "-" for our output, "" for nowhere here. Raises Invalid."""
    asked = fields(text, "output")
    bare = asked.pop("", "")
    kind = asked.pop("type", "")
    if bare and not kind:  # --output DIR, --output -
        kind, asked["dest"] = ("tar", "-") if bare == "-" else ("local", bare)
    if kind not in OUTPUTS:
        raise Invalid(f"unknown output type {kind!r}: want {', '.join(OUTPUTS)}")
    for name in asked:
        if name not in ATTRIBUTES and not name.startswith("annotation"):  # these the daemon refuses
            raise Invalid(f"unknown attribute {name!r} of --output: want {', '.join(ATTRIBUTES)}")
    place = asked.pop("dest", "")
    if kind == "local" and place in ("", "-"):
        raise Invalid("an output of type local needs dest=DIRECTORY")
    if kind in ("docker", "oci", "tar"):
        if kind == "docker" and not place:
            return {"Type": "image", "Id": str(number), "Attributes": asked}, ""
        place = place or "-"
    elif kind != "local" and place:
        raise Invalid(f"an output of type {kind} has no dest")
    return {"Type": kind, "Id": str(number), "Attributes": asked}, place


def layout(where: str) -> tuple[str, str]:
    """Return the directory of `oci-layout://DIRECTORY[:TAG][@DIGEST]`, and the same for the daemon, which knows it by
    its absolute path. Raises Invalid."""
    name, at, digest = where.removeprefix(LAYOUT).partition("@")
    place, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        place, colon, tag = name, "", ""
    if not place or (at and not digest.startswith("sha256:")):
        raise Invalid(f"invalid context {where!r}: want {LAYOUT}DIRECTORY[:TAG][@sha256:…]")
    whole = os.path.abspath(place)
    return whole, f"{LAYOUT}{whole}{colon}{tag}{at}{digest}"


def cache(text: str, flag: str) -> dict[str, Any]:
    """Return one `--cache-from` or `--cache-to`. Raises Invalid."""
    asked = fields(text, flag)
    bare = asked.pop("", "")
    kind = asked.pop("type", "registry" if bare else "")
    if bare:
        asked["ref"] = bare
    if kind not in CACHES:
        raise Invalid(f"unknown cache type {kind!r} for --{flag}: want {', '.join(CACHES)}")
    needed = {"registry": "ref", "local": "src" if flag == "cache-from" else "dest"}.get(kind)
    if needed and not asked.get(needed):
        raise Invalid(f"--{flag} type={kind} needs {needed}=…")
    return {"Type": kind, "Attributes": asked}


def secret(text: str) -> tuple[str, Secret]:
    """Return id and place of one `--secret`. Raises Invalid."""
    asked = fields(text, "secret")
    kind = asked.pop("type", "")
    id = asked.pop("id", "")
    path = asked.pop("src", "") or asked.pop("source", "")
    variable = asked.pop("env", "")
    owner = {key.capitalize(): _owner(key, asked.pop(key)) for key in ("uid", "gid", "mode") if key in asked}
    if not id or asked or kind not in ("", "file", "env"):
        raise Invalid(f"invalid secret {text!r}: want id=NAME with src=FILE or env=VARIABLE, and uid, gid, mode")
    if kind == "env" and path and not variable:
        path, variable = "", path
    return id, Secret(path, "" if path else variable or ("" if kind == "file" else id), owner)


def _owner(key: str, text: str) -> int:
    try:
        return int(text, 8 if key == "mode" else 10)
    except ValueError:
        want = "octal digits, as 0440" if key == "mode" else "a number"
        raise Invalid(f"invalid secret: its {key} is {text!r}: want {want}") from None


def agent(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return id of one `--ssh`, and what is behind it: a socket, or key files parted by commas. Raises Invalid."""
    id, _, path = text.partition("=")
    path = path or environ.get("SSH_AUTH_SOCK", "")
    if not path:
        raise Invalid(
            "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set, or name one with --ssh ID=SOCKET, or a "
            "key with --ssh ID=KEYFILE"
        )
    return id or "default", path


def attests(given: Sequence[str], provenance: str, sbom: str) -> dict[str, Pairs]:
    """Return what `--attest`, `--provenance` and `--sbom` ask for. Raises Invalid."""
    found: dict[str, Pairs] = {}
    for kind, text in (*(("", text) for text in given), ("provenance", provenance), ("sbom", sbom)):
        if not text:
            continue
        asked = fields(text, kind or "attest")
        bare = asked.pop("", "")
        kind = kind or asked.pop("type", "")
        if kind not in ("provenance", "sbom"):
            raise Invalid(f"unknown attestation {kind!r}: want type=provenance or type=sbom")
        if bare.lower() in ("false", "0") or asked.get("disabled", "").lower() == "true":
            found.pop(kind, None)
            continue
        if bare and bare.lower() not in ("true", "1"):
            raise Invalid(f"invalid value {bare!r} for --{kind}: want true, false or key=value,…")
        found[kind] = {key: value for key, value in asked.items() if key != "disabled"}
    return found


def pairs(words: Sequence[str], environ: Mapping[str, str]) -> Pairs:
    """Return KEY=VALUE; KEY alone takes the environment's value, and is left out where that has none."""
    found: Pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            found[key] = value
        elif key in environ:
            found[key] = environ[key]
    return found


def limits(words: Sequence[str]) -> list[dict[str, Any]]:
    """Return `--ulimit name=soft[:hard]`. Raises Invalid."""
    found = []
    for word in words:
        name, _, values = word.partition("=")
        soft, _, hard = values.partition(":")
        try:
            found.append({"Name": name, "Soft": int(soft), "Hard": int(hard or soft)})
        except ValueError:
            raise Invalid(f"invalid ulimit {word!r}: want name=soft[:hard]") from None
    return found


def hosts(words: Sequence[str]) -> list[str]:
    """Return `--add-host name:address` or `name=address`. Raises Invalid."""
    found = []
    for word in words:
        name, mark, address = word.partition("=") if "=" in word else word.partition(":")
        if not mark or not name or not address:
            raise Invalid(f"bad format for add-host: {word!r}: want HOST:ADDRESS")
        found.append(f"{name}:{address}")
    return found


def size(text: str) -> int:
    return parse_size(text) if text else 0


def metadata(told: Mapping[str, Any]) -> str:
    """Return what `--metadata-file` holds."""
    return json.dumps(told.get("Metadata") or {}, indent=2) + "\n"
