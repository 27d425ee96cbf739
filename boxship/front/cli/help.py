"""Help texts: of boxship, of a noun and of a command."""

from boxship.front.cli.catalogue import CATALOGUE, NOUNS, find
from boxship.front.cli.command import Command
from boxship.front.cli.flags import Flag

GLOBAL_FLAGS = (
    Flag("config", "", "text", "Directory of config.json, contexts and logins (default ~/.docker)", "string"),
    Flag("context", "c", "text", "Context to use; `boxship context ls` lists them", "string"),
    Flag("host", "H", "list", "Daemon to talk to: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST", "list"),
    Flag("debug", "D", "switch", "Show where an unexpected error comes from", bare="true"),
    Flag("log-level", "l", "text", "Accepted for scripts written for docker; the client has no log", "string"),
    Flag("tls", "", "switch", "Use TLS; implied by --tlsverify", bare="true"),
    Flag("tlsverify", "", "switch", "Use TLS and check who the daemon is", bare="true"),
    Flag("tlscacert", "", "text", "Trust only certificates signed by this authority", "string"),
    Flag("tlscert", "", "text", "Our certificate for TLS", "string"),
    Flag("tlskey", "", "text", "Key of our certificate", "string"),
    Flag("version", "v", "switch", "Print version information and quit", bare="true"),
    Flag("help", "h", "switch", "Print usage", bare="true"),
)


COMPOSE = ("compose", "Applications of many containers (`boxship compose --help` lists what can be done)")


def general() -> str:
    """Return the help of `boxship` alone."""
    common = [(entry.also[0] if entry.also else entry.path, entry.summary) for entry in CATALOGUE if entry.common]
    rest = sorted((path, entry.summary) for entry in CATALOGUE if not entry.common
                  for path in (entry.path, *entry.also)[-1:] if " " not in path)  # fmt: skip
    nouns = [(noun, f"{text} (`boxship {noun}` lists what can be done)") for noun, text in NOUNS.items()]
    return "\n".join(
        [
            "Usage:  boxship [OPTIONS] COMMAND",
            "",
            "Build, ship and run containers. Speaks to a Boxship or Docker daemon.",
            "",
            "Common Commands:",
            rows(common),
            "",
            "Nouns:",
            rows([*nouns, COMPOSE, ("daemon", "Run the node daemon in the foreground")]),
            "",
            "Commands:",
            rows(rest),
            "",
            "Global Options:",
            rows([flag_row(flag) for flag in GLOBAL_FLAGS]),
            "",
            "Examples:",
            "  boxship run -it --rm busybox sh          a shell in a new container",
            "  boxship run -d -p 8080:80 --name web IMAGE   a server in the background",
            "  boxship -H unix:///run/docker.sock ps    ask another daemon",
            "",
            "Run 'boxship COMMAND --help' for more information on a command.",
        ]
    )


def of_noun(noun: str) -> str:
    below = [(entry.path.split(" ")[1], entry.summary) for entry in CATALOGUE if entry.path.startswith(f"{noun} ")]
    return (
        f"Usage:  boxship {noun} COMMAND\n\n{NOUNS[noun]}\n\nCommands:\n{rows(sorted(below))}\n\n"
        f"Run 'boxship {noun} COMMAND --help' for more information on a command."
    )


def of_command(path: str, summary: str, aliases: tuple[str, ...], command: Command) -> str:
    parts = [f"Usage:  boxship {path} {command.usage}".rstrip(), "", summary]
    if aliases:
        parts += ["", "Aliases:", "  " + ", ".join(f"boxship {alias}" for alias in aliases)]
    shown = sorted((flag for flag in command.flags if not flag.hidden), key=lambda flag: flag.name)
    if shown:
        parts += ["", "Options:", rows([flag_row(flag) for flag in shown])]
    if examples := examples_of(path, command):
        parts += ["", "Examples:", *(f"  {line}" for line in examples)]
    return "\n".join(parts)


def examples_of(path: str, command: Command) -> list[str]:
    """Return the lines of a command's examples, its own or those of the table."""
    from boxship.front.cli.examples import EXAMPLES

    entry, _, _ = find(path.split())
    return (command.examples or EXAMPLES.get(entry.path if entry is not None else path, "")).strip().splitlines()


def usage_hint(path: str, command: Command) -> str:
    return (
        f"\nUsage:  boxship {path} {command.usage}".rstrip() + f"\n\nRun 'boxship {path} --help' for more information"
    )


def flag_row(flag: Flag) -> tuple[str, str]:
    """Return how a flag is written, and what it is for."""
    short = f"-{flag.short}, " if flag.short else "    "
    value = f" {flag.value}" if flag.value else ""
    default = f" (default {flag.default})" if flag.default and flag.default != "false" else ""
    return f"{short}--{flag.name}{value}", flag.help + default


def rows(pairs: list[tuple[str, str]]) -> str:
    """Return two columns, indented."""
    width = max(len(left) for left, _ in pairs) + 2
    return "\n".join(f"  {left.ljust(width)}{right}".rstrip() for left, right in pairs)
