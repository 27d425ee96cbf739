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
    from boxship.front.cli.main import main as command_line

    return command_line(argv)


if __name__ == "__main__":
    sys.exit(main())
