"""The builder of one node."""

from boxship.base.errors import Unsupported
from boxship.engine.build.api import BuildResult, BuildSpec, Sources, Tell


class Builder:
    """One per daemon."""

    async def build(self, spec: BuildSpec, sources: Sources, tell: Tell) -> BuildResult:
        """Build, and put the result where `spec.outputs` say. Cancelling leaves nothing.

        Raises Invalid with file, line and caret for what is wrong in the Dockerfile, BuildFailed for a command that
        failed, NotFound for a base image that is nowhere."""
        raise Unsupported("building images is not supported by this release of Boxship")
