"""`boxship`: the servers with `boxship daemon` and `boxship registry serve`, the look at the machine with `boxship
system doctor`, the command line otherwise.

Imports only what is asked for."""

import os
import sys


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    argv = sys.argv[1:]
    if os.path.basename(sys.argv[0]) == "docker-compose":
        argv = ["compose", *argv]  # under the name that scripts of many years call
    if argv[:1] == ["daemon"]:
        from boxship.app import engined

        return engined.main(argv[1:])
    if argv[:2] == ["registry", "serve"]:
        from boxship.app.registry import serve

        return serve.main(argv[2:])
    if argv[:2] == ["system", "doctor"]:
        from boxship.app import doctor

        return doctor.main(argv[2:])
    return _command_line(argv)


def _command_line(argv: list[str]) -> int:
    """Most commands are over in the time that Python takes to collect and to end: leave both out."""
    import gc

    gc.disable()
    from boxship.front.cli.main import main as command_line

    code = command_line(argv)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # who read it has gone
            code = code or 1
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
