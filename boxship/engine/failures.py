"""Why a start failed: the error its user gets, and the exit code its container keeps. Pure; texts as dockerd's."""

from boxship.base.errors import Invalid, PlatformError, RuntimeFailed

NOT_FOUND, NOT_ALLOWED, UNKNOWN = 127, 126, 128
_MISSING = ("executable file not found", "no such file or directory")
_FORBIDDEN = ("permission denied", "is a directory")
_NO_DIRECTORY = "not a directory"
_HINT = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)


def explain(error: Exception) -> tuple[PlatformError, int]:
    """Return what to raise and the exit code: 127 no such program, 126 not executable, 128 anything else.

    The command line client derives its own exit code from words in the text."""
    text = str(error) or type(error).__name__
    if not isinstance(error, RuntimeFailed):
        return (error if isinstance(error, PlatformError) else PlatformError(text)), UNKNOWN
    small = text.lower()
    if _NO_DIRECTORY in small:
        return Invalid(text + _HINT), NOT_FOUND
    if any(words in small for words in _FORBIDDEN):
        return Invalid(text), NOT_ALLOWED
    if any(words in small for words in _MISSING):
        return Invalid(text), NOT_FOUND
    return error, UNKNOWN
