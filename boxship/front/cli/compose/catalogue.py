"""All compose commands by name, without importing one of them."""

from typing import NamedTuple


class Entry(NamedTuple):
    """module: below boxship.front.cli.compose. also: other names. hidden: not in the list of commands."""

    name: str
    module: str
    summary: str
    also: tuple[str, ...] = ()
    hidden: bool = False


CATALOGUE: tuple[Entry, ...] = (
    Entry("attach", "attach", "Attach to a service's running container"),
    Entry("backup", "backup", "Write a project's volumes to an archive"),
    Entry("build", "images", "Build or rebuild services"),
    Entry("commit", "export", "Make an image from a service container's changes"),
    Entry("config", "config", "Parse, resolve and render the files in canonical form", ("convert",)),
    Entry("cp", "copy", "Copy files between a service container and here"),
    Entry("create", "up", "Create containers for services"),
    Entry("down", "down", "Stop and remove containers and networks"),
    Entry("events", "events", "Show what happens to containers, live"),
    Entry("exec", "exec", "Execute a command in a running container"),
    Entry("export", "export", "Write a service container's files as a tar archive"),
    Entry("images", "images", "List images used by the created containers"),
    Entry("kill", "life", "Send a signal to service containers"),
    Entry("logs", "logs", "Show what containers print"),
    Entry("ls", "ls", "List running compose projects"),
    Entry("pause", "life", "Freeze services"),
    Entry("port", "port", "Print the public port for a port binding"),
    Entry("ps", "ps", "List containers"),
    Entry("publish", "publish", "Publish the application to a registry"),
    Entry("pull", "images", "Pull service images"),
    Entry("push", "images", "Push service images"),
    Entry("restart", "life", "Restart service containers"),
    Entry("restore", "backup", "Bring back a project's volumes from an archive"),
    Entry("rm", "life", "Remove stopped service containers"),
    Entry("rollback", "rollback", "Return services to what ran before the last update"),
    Entry("run", "run", "Run a one-off command on a service"),
    Entry("scale", "up", "Scale services"),
    Entry("start", "life", "Start services"),
    Entry("stats", "stats", "Show what containers use, live"),
    Entry("stop", "life", "Stop services"),
    Entry("top", "top", "List the running processes"),
    Entry("unpause", "life", "Let services go on"),
    Entry("up", "up", "Create and start containers"),
    Entry("version", "config", "Show version information"),
    Entry("volumes", "volumes", "List volumes"),
    Entry("wait", "wait", "Wait until containers of services stop"),
    Entry("watch", "watch", "Rebuild or refresh containers when files change"),
    Entry("why", "why", "Tell why a service does not run"),
)


def find(name: str) -> Entry | None:
    return next((entry for entry in CATALOGUE if name == entry.name or name in entry.also), None)


def names() -> list[str]:
    return [name for entry in CATALOGUE for name in (entry.name, *entry.also)]
