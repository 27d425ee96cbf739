"""What the last lines of a log say about the end, in the words of shells, C libraries and language runtimes. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Hint(NamedTuple):
    pattern: str
    cause: str
    text: str
    step: str


HINTS = (
    Hint(
        r"address already in use|eaddrinuse",
        "address-in-use",
        "a port it wants to listen on is taken inside of its network",
        "two programs in one network namespace cannot share a port: give one of them another",
    ),
    Hint(
        r"no space left on device|enospc|disk quota exceeded",
        "disk-full",
        "there was no room left to write",
        "look at `boxship system df`, at the size of its tmpfs, and at the disk",
    ),
    Hint(
        r"read-only file system|erofs",
        "read-only",
        "it wanted to write where it may only read",
        "give it a volume or --tmpfs at that place, or leave --read-only and :ro out",
    ),
    Hint(
        r"can't fork|cannot fork|fork: (retry|resource)|resource temporarily unavailable|pthread_create|eagain",
        "too-many-processes",
        "it could not make one more process or thread",
        "raise its limit: `boxship update --pids-limit N NAME`, or --ulimit nproc",
    ),
    Hint(
        r"too many open files|emfile",
        "too-many-files",
        "it had too many files and sockets open",
        "raise its limit: --ulimit nofile=65536",
    ),
    Hint(
        r"cannot allocate memory|out of memory|outofmemoryerror|memoryerror|bad_alloc|heap out of memory|enomem",
        "no-memory",
        "it got no more memory",
        "raise its limit: `boxship update --memory 1g --memory-swap 1g NAME`",
    ),
    Hint(
        r"file too large|efbig|file size limit exceeded",
        "file-too-large",
        "it wrote a file larger than it may",
        "raise its limit: --ulimit fsize",
    ),
    Hint(
        r"exec format error|syntax error: unexpected \"?\(|cannot execute binary",
        "wrong-platform",
        "a program is made for another kind of processor",
        "pull the image with --platform of this machine",
    ),
    Hint(
        r"bad address '[^']+'|could(n't| not) resolve|name or service not known|temporary failure in name resolution|"
        r"nodename nor servname|no such host|enotfound|unknown host",
        "no-such-name",
        "it could not find a host by its name",
        "names of containers work on networks you make: are both on one? `boxship network inspect` shows who is",
    ),
    Hint(
        r"connection refused|econnrefused",
        "refused",
        "what it wanted to talk to did not answer",
        "is the other one running, and does it listen on 0.0.0.0 rather than 127.0.0.1?",
    ),
    Hint(
        r"no route to host|network is unreachable|enetunreach|ehostunreach|network unreachable",
        "unreachable",
        "it had no way to the host it wanted to talk to",
        "does its network have a way out? `--internal` and `--network none` have none",
    ),
    Hint(
        r"timed out|etimedout|timeout",
        "timed-out",
        "what it waited for did not come in time",
        "is the other one running and reachable from here?",
    ),
    Hint(
        r"operation not permitted|eperm|must be root|are you root",
        "not-permitted",
        "it wanted to do what containers may not",
        "give it the capability it needs, --cap-add, or run it as root",
    ),
    Hint(
        r"permission denied|eacces",
        "denied",
        "it may not read or write some file",
        "look at the owner of that file and at its user: `boxship inspect -f '{{.Config.User}}' NAME`",
    ),
    Hint(
        r"bad system call",
        "forbidden-call",
        "it made a system call that seccomp forbids",
        "give it another profile: --security-opt seccomp=FILE",
    ),
    Hint(
        r"(command|executable file) not found|: not found|cannot find (the )?(module|package)|no module named|"
        r"modulenotfounderror|importerror|classnotfound|error while loading shared libraries",
        "missing-program",
        "something that it needs is not in the image",
        "install it in the Dockerfile",
    ),
    Hint(
        r"no such file or directory|enoent|filenotfounderror|can't open|cannot open|can't access",
        "missing-file",
        "a file that it needs is not there",
        "is it in the image, and does no mount lie over it? `boxship diff NAME` and `boxship inspect` show",
    ),
    Hint(
        r"panic:|traceback \(most recent|unhandled exception|uncaught|segmentation fault|assertion|core dumped|fatal",
        "program-error",
        "it ran into an error that it does not handle",
        "its last lines say where",
    ),
    Hint(
        r"usage:|unrecognized option|invalid option|unknown (option|flag)|illegal option|unexpected argument",
        "bad-arguments",
        "it does not understand its arguments",
        "correct the command: `boxship inspect -f '{{.Path}} {{.Args}}' NAME` shows it",
    ),
)


def hint(lines: Sequence[str]) -> tuple[Hint, str] | None:
    """Return what the newest line that says anything tells, and that line."""
    for line in reversed(lines):
        for known in HINTS:
            if re.search(known.pattern, line, re.IGNORECASE):
                return known, line.strip()
    return None
