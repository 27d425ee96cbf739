"""How builds fail, besides what is wrong in a Dockerfile."""

from boxship.base.errors import PlatformError
from boxship.engine.build.dockerfile.source import Line, excerpt


class BuildFailed(PlatformError):
    """A command of a RUN failed. command: as it was run, in one line.  exit_code: its own."""

    def __init__(self, command: str, exit_code: int, line: Line) -> None:
        self.command = command
        self.exit_code = exit_code
        self.line = line
        self.shown = excerpt(line.source, line.file, line.first, line.last)
        super().__init__(f'process "{command}" did not complete successfully: exit code: {exit_code}')
