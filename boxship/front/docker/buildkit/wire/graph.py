"""Graphs of steps that clients send: those we have handed out ourselves, and single sources. Pure.

Clients treat a result as a graph. Ours has one step, a source whose name says which result it is; it comes back when
the result is an input of another build.
"""

import hashlib

import msgspec

from boxship.base.errors import Unsupported
from boxship.front.docker.buildkit.pb.ops_pb2 import Definition, Op, SourceOp

OURS = "boxship-result://"


class Source(msgspec.Struct, frozen=True):
    """kind: result (rest is its id), url (of an archive, a file or a git repository), local (a directory's name).
    file: what a plain download is called; "" when an archive's files are meant, not the archive."""

    kind: str
    rest: str
    file: str = ""


def definition_of(result: str) -> Definition:
    """Return the graph of a result of ours."""
    op = Op(source=SourceOp(identifier=OURS + result)).SerializeToString()
    last = Op()
    last.inputs.add(digest=_digest(op), index=0)
    made = Definition()
    getattr(made, "def").extend([op, last.SerializeToString()])
    made.metadata[_digest(op)].SetInParent()  # clients take a graph without any for an empty one
    made.metadata[_digest(last.SerializeToString())].SetInParent()
    return made


def source_of(definition: Definition) -> Source:
    """Return what a graph stands for. Raises Unsupported for one that is more than a source, which only BuildKit's own
    clients for other frontends make."""
    ops = [Op.FromString(raw) for raw in getattr(definition, "def")]
    sources = [op.source for op in ops if op.WhichOneof("op") == "source"]
    others = [op for op in ops if op.WhichOneof("op") == "file"]
    plain = all(_unpacks(op) for op in others) and len(others) <= 1
    if len(sources) != 1 or not plain:
        raise Unsupported("graphs of build steps are not carried out; only Dockerfiles are built here")
    return _source(sources[0], unpacked=bool(others))


def _unpacks(op: Op) -> bool:
    return len(op.file.actions) == 1 and op.file.actions[0].copy.attempt_unpack


def _source(op: SourceOp, *, unpacked: bool) -> Source:
    kind, _, rest = op.identifier.partition("://")
    if op.identifier.startswith(OURS):
        return Source("result", rest)
    if kind == "git":
        return Source("url", _git(op))
    if kind in ("http", "https"):
        name = op.attrs.get("http.filename", "") or op.identifier.partition("?")[0].rstrip("/").rpartition("/")[2]
        return Source("url", op.identifier, "" if unpacked else name)
    if kind == "local":
        return Source("local", rest)
    raise Unsupported(f"the source {op.identifier!r} is not supported here")


def _git(op: SourceOp) -> str:
    """Return a repository's URL; its fragment is the branch and the directory."""
    full = op.attrs.get("git.fullurl", "") or "https://" + op.identifier.removeprefix("git://")
    _, hash, fragment = op.identifier.partition("#")
    return f"{full.partition('#')[0]}#{fragment}" if hash else full


def _digest(op: bytes) -> str:
    return "sha256:" + hashlib.sha256(op).hexdigest()
