"""`publish`: the application as an artifact of a registry, from where `-f oci://…` runs it; its images go first."""

import base64

from boxship.base.errors import Invalid
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import remote, scope
from boxship.front.cli.compose.digests import with_digests
from boxship.front.cli.compose.images import push_images
from boxship.front.cli.compose.project import disk, options
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.flags import Flag, Parsed, switch, text
from boxship.front.client import credentials
from boxship.front.compose import artifact, labels
from boxship.front.compose.load import Disk, load_tree

VERSIONS = ("", "1.0", "1.1")


def publish(session: Session, parsed: Parsed) -> None:
    if parsed.text("oci-version") not in VERSIONS:
        raise Invalid(f"--oci-version {parsed.text('oci-version')}: want 1.0 or 1.1")
    reference = parsed.args[0].removeprefix(remote.SCHEME)
    whole = load(session)
    tree = load_tree(options(session, interpolate=False, normalize=False), session.environ, disk(session))
    wish = artifact.Wish(
        variables=parsed.on("with-env"),
        local=parsed.on("yes"),
        directory=whole.working_dir,
    )
    found = artifact.layers(tree.tree, wish, Disk().read)
    if scope.above(session).on("dry-run"):
        for layer in found:
            session.say(f"push {layer.name} to {reference}: {layer.media_type}")
        return
    push_images(session, whole, ignore=True)
    if parsed.on("resolve-image-digests"):
        pinned = {name: service.image for name, service in with_digests(session, whole).services.items()}
        wish = wish._replace(digests=pinned)
        found = artifact.layers(tree.tree, wish, Disk().read)
    session.warn(f" {reference} publishing")
    told = _push(session, reference, found, old=parsed.text("oci-version") == "1.0")
    session.warn(f" {reference} published {told}")


def _push(session: Session, reference: str, found: list[artifact.Layer], *, old: bool) -> str:
    layers = [
        {
            "MediaType": layer.media_type,
            "Annotations": artifact.annotations(layer, labels.AGREES_WITH),
            "Content": base64.b64encode(layer.text.encode()).decode(),
        }
        for layer in found
    ]
    asked = {"Layers": layers, **({"ConfigType": artifact.CONFIG} if old else {"ArtifactType": artifact.TYPE})}
    headers = credentials.shown(session.environ, reference)
    told = session.client.call("POST", "/boxship/artifacts", {"name": reference}, asked, headers)
    return str(told["Digest"])


COMMANDS = {
    "publish": Command(
        "[OPTIONS] REPOSITORY[:TAG]",
        publish,
        (
            text("oci-version", "", "OCI version of the artifact: 1.0 or 1.1 (default)"),
            switch("resolve-image-digests", "", "Pin images to digests"),
            switch("with-env", "", "Publish variables and files of variables too"),
            Flag("yes", "y", "switch", "Publish although files beside the project do not travel with it", bare="true"),
        ),
        1,
        1,
        examples=(
            "boxship compose publish registry.example.com/team/app:1\n"
            "boxship compose -f oci://registry.example.com/team/app:1 up -d"
        ),
    )
}
