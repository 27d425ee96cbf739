"""What exit codes mean. Source: signal(7), the shell's conventions, Docker's "Exit status"."""

_SIGNALS = {
    1: ("SIGHUP", "its terminal went away"),
    2: ("SIGINT", "somebody pressed ctrl-c"),
    3: ("SIGQUIT", "somebody asked for a core dump"),
    4: ("SIGILL", "it ran an instruction that this processor does not have"),
    5: ("SIGTRAP", "it ran into a breakpoint"),
    6: ("SIGABRT", "it gave up by itself: an assertion or the C library found something wrong"),
    7: ("SIGBUS", "it touched memory that is not there, often a file that was cut short or a full /dev/shm"),
    8: ("SIGFPE", "it divided by zero"),
    9: ("SIGKILL", "somebody or something killed it"),
    10: ("SIGUSR1", "nobody had told it what to do with that signal"),
    11: ("SIGSEGV", "it touched memory that is not its own"),
    12: ("SIGUSR2", "nobody had told it what to do with that signal"),
    13: ("SIGPIPE", "who read its output went away"),
    14: ("SIGALRM", "its timer rang"),
    15: ("SIGTERM", "it was asked to end"),
    24: ("SIGXCPU", "it used up its CPU time (ulimit cpu)"),
    25: ("SIGXFSZ", "it wrote a file larger than it may (ulimit fsize)"),
    31: ("SIGSYS", "it made a system call that seccomp forbids"),
}
CRASHES = frozenset((4, 5, 6, 7, 8, 11, 24, 25, 31))
_CODES = {
    0: "it ended without an error",
    1: "it ended with an error of its own",
    2: "it ended with an error of its own, often wrong arguments",
    125: "it could not be run",
    126: "a command was found but cannot be executed",
    127: "a command was not found",
    128: "it could not be started",
    255: "it ended with an error of its own, or the machine went down under it",
}


def signal_of(code: int) -> int:
    """Return the signal behind an exit code over 128, 0 if there is none."""
    return code - 128 if 128 < code < 128 + 65 else 0


def name_of(number: int) -> str:
    return _SIGNALS[number][0] if number in _SIGNALS else f"signal {number}"


def meaning(code: int) -> str:
    """Return what an exit code tells, in a few words."""
    number = signal_of(code)
    if number in _SIGNALS:
        return f"{_SIGNALS[number][0]}: {_SIGNALS[number][1]}"
    return _CODES.get(code, f"signal {number}" if number and code < 193 else "an error of the program's own")
