"""`publish`: the application's files to a registry."""

from boxship.base.errors import Unsupported
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose.project import project as load
from boxship.front.cli.flags import Parsed, switch, text


def publish(session: Session, parsed: Parsed) -> None:
    """Check the files, then say what there is instead: registries of ours hold images only."""
    load(session)
    raise Unsupported("publish needs a registry that takes compose artifacts; `boxship compose push` publishes images")


COMMANDS = {
    "publish": Command(
        "[OPTIONS] REPOSITORY[:TAG]",
        publish,
        (
            text("oci-version", "", "OCI specification version of the artifact"),
            switch("resolve-image-digests", "", "Pin images to digests"),
            switch("with-env", "", "Include variables"),
        ),
        1,
        1,
    )
}
