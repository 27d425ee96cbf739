"""All commands by name, without importing one of them: which file, which name in it, and a line of help."""

from typing import NamedTuple


class Entry(NamedTuple):
    """path: "container ls". module: below boxship.front.cli. name: key of its COMMANDS. also: other paths."""

    path: str
    module: str
    name: str
    summary: str
    also: tuple[str, ...] = ()
    common: bool = False


CATALOGUE: tuple[Entry, ...] = (
    Entry("container run", "container.create", "run", "Create and run a new container from an image", ("run",), True),
    Entry("container exec", "container.session", "exec", "Execute a command in a running container", ("exec",), True),
    Entry("container ls", "container.look", "ls", "List containers", ("ps", "container ps", "container list"), True),
    Entry("build", "build.build", "build", "Build an image from a Dockerfile", ("image build", "builder build"), True),
    Entry("image ls", "image", "ls", "List images", ("images", "image list"), True),
    Entry("image pull", "image", "pull", "Download an image from a registry", ("pull",), True),
    Entry("system version", "version", "version", "Show version information", ("version",), True),
    Entry("system info", "system", "info", "Show what the daemon and its machine can do", ("info",), True),
    Entry("container attach", "container.session", "attach", "Attach to a running container", ("attach",)),
    Entry("container commit", "container.files", "commit", "Make an image from a container's changes", ("commit",)),
    Entry("container cp", "container.files", "cp", "Copy files between a container and here", ("cp",)),
    Entry("container create", "container.create", "create", "Create a new container", ("create",)),
    Entry("container diff", "container.look", "diff", "List what a container changed in its files", ("diff",)),
    Entry("container edit", "container.life", "edit", "Change the published ports of running containers"),
    Entry("container export", "container.files", "export", "Write a container's files as a tar archive", ("export",)),
    Entry("container inspect", "container.look", "inspect", "Show all there is to know of containers"),
    Entry("container kill", "container.life", "kill", "Send a signal to running containers", ("kill",)),
    Entry("container logs", "container.look", "logs", "Show what a container printed", ("logs",)),
    Entry("container pause", "container.life", "pause", "Freeze all processes of containers", ("pause",)),
    Entry("container port", "container.look", "port", "List a container's published ports", ("port",)),
    Entry("container prune", "container.life", "prune", "Remove all stopped containers"),
    Entry("container rename", "container.life", "rename", "Rename a container", ("rename",)),
    Entry("container restart", "container.life", "restart", "Restart containers", ("restart",)),
    Entry("container rm", "container.life", "rm", "Remove containers", ("rm", "container remove")),
    Entry("container start", "container.session", "start", "Start stopped containers", ("start",)),
    Entry("container stats", "container.stats", "stats", "Show what containers use, live", ("stats",)),
    Entry("container stop", "container.life", "stop", "Stop running containers", ("stop",)),
    Entry("container top", "container.look", "top", "List a container's processes", ("top",)),
    Entry("container unpause", "container.life", "unpause", "Let paused containers go on", ("unpause",)),
    Entry("container update", "container.life", "update", "Change the limits of containers", ("update",)),
    Entry("container wait", "container.life", "wait", "Wait until containers stop, print exit codes", ("wait",)),
    Entry("builder du", "build.cache", "du", "Show what the cache of builds takes"),
    Entry("builder prune", "build.cache", "prune", "Remove the cache of builds"),
    Entry("container why", "container.why", "why", "Tell why a container is in its state", ("why",), True),
    Entry("image history", "image", "history", "Show how an image was made", ("history",)),
    Entry("image import", "image", "import", "Make an image from a tar archive of files", ("import",)),
    Entry("image inspect", "image", "inspect", "Show all there is to know of images"),
    Entry("image load", "image", "load", "Load images from an archive that `save` wrote", ("load",)),
    Entry("image prune", "image", "prune", "Remove images that nothing uses"),
    Entry("image push", "login", "push", "Send an image to a registry", ("push",)),
    Entry("image rm", "image", "rm", "Remove images", ("rmi", "image remove")),
    Entry("image save", "image", "save", "Write images to an archive", ("save",)),
    Entry("image tag", "image", "tag", "Give an image one more name", ("tag",)),
    Entry("manifest annotate", "manifest", "annotate", "Say what an image of a list of platforms is for"),
    Entry("manifest create", "manifest", "create", "Begin a list of images for several platforms"),
    Entry("manifest inspect", "manifest", "inspect", "Show the manifest of an image, or a list of them"),
    Entry("manifest push", "manifest", "push", "Send a list to its registry"),
    Entry("manifest rm", "manifest", "rm", "Remove lists that were put together here"),
    Entry("network connect", "network", "connect", "Connect a container to a network"),
    Entry("network create", "network", "create", "Create a network"),
    Entry("network disconnect", "network", "disconnect", "Disconnect a container from a network"),
    Entry("network inspect", "network", "inspect", "Show all there is to know of networks"),
    Entry("network ls", "network", "ls", "List networks", ("network list",)),
    Entry("network prune", "network", "prune", "Remove networks that nothing uses"),
    Entry("network rm", "network", "rm", "Remove networks", ("network remove",)),
    Entry("volume backup", "volume", "backup", "Save volumes in a file or a registry"),
    Entry("volume create", "volume", "create", "Create a volume"),
    Entry("volume inspect", "volume", "inspect", "Show all there is to know of volumes"),
    Entry("volume ls", "volume", "ls", "List volumes", ("volume list",)),
    Entry("volume prune", "volume", "prune", "Remove volumes that nothing uses"),
    Entry("volume restore", "volume", "restore", "Replace what a volume holds by a snapshot or backup"),
    Entry("volume rm", "volume", "rm", "Remove volumes", ("volume remove",)),
    Entry("volume snapshot", "volume", "snapshot", "Copy a volume as it is now"),
    Entry("context create", "context", "create", "Give a daemon a name"),
    Entry("context export", "context", "export", "Write a context to an archive"),
    Entry("context import", "context", "import", "Make a context from an archive"),
    Entry("context inspect", "context", "inspect", "Show all there is to know of contexts"),
    Entry("context ls", "context", "ls", "List contexts", ("context list",)),
    Entry("context rm", "context", "rm", "Remove contexts", ("context remove",)),
    Entry("context show", "context", "show", "Print the name of the context in use"),
    Entry("context update", "context", "update", "Change a context"),
    Entry("context use", "context", "use", "Choose the context that later commands use"),
    Entry("system check", "system", "check", "Compare what the kernel holds with what the daemon knows"),
    Entry("system dial-stdio", "dial", "dial-stdio", "Make our input and output a connection to the daemon"),
    Entry(
        "system doctor", "doctor", "doctor", "Say what this machine has and lacks for containers, and how to mend it"
    ),
    Entry("system df", "disk", "df", "Show how much disk is used"),
    Entry("system events", "system", "events", "Show what happens, live", ("events",)),
    Entry("system prune", "system", "prune", "Remove all that nothing uses"),
    Entry("registry gc", "registry", "gc", "Let a registry remove what nothing needs any more"),
    Entry(
        "registry ls", "registry", "ls", "List the repositories of a registry, or the tags of one", ("registry list",)
    ),
    Entry("registry passwd", "registry", "passwd", "Set a user's password in the file of a registry"),
    Entry("registry rm", "registry", "rm", "Remove tags or manifests from a registry", ("registry remove",)),
    Entry("login", "login", "login", "Log in to a registry"),
    Entry("logout", "login", "logout", "Forget the login of a registry"),
    Entry("inspect", "inspect", "inspect", "Show all there is to know of containers, images, networks, volumes"),
    Entry("search", "search", "search", "Search a registry for images"),
    Entry("ui", "ui", "ui", "Watch and steer containers in a dashboard on the terminal"),
    Entry("completion", "completion", "completion", "Write a completion script for bash, zsh or fish"),
)

NOUNS = {
    "builder": "Builds and their cache",
    "container": "Containers",
    "image": "Images",
    "context": "Names for daemons",
    "manifest": "Images for several platforms under one name",
    "network": "Networks",
    "volume": "Volumes",
    "registry": "Registries; `boxship registry serve` runs one",
    "system": "The daemon itself",
}


def find(words: list[str]) -> tuple[Entry | None, str, list[str]]:
    """Return the entry that `words` begin with, the path as typed, and the words behind it; None if there is none."""
    table = _paths()
    for length in (2, 1):
        path = " ".join(words[:length])
        if len(words) >= length and path in table:
            return table[path], path, words[length:]
    return None, "", words


def _paths() -> dict[str, Entry]:
    return {path: entry for entry in CATALOGUE for path in (entry.path, *entry.also)}


def names_below(noun: str) -> list[str]:
    """Return what may follow `noun`; with "" all first words."""
    if noun:
        return [path.split(" ")[1] for path in _paths() if path.startswith(f"{noun} ")]
    return sorted({path for path in _paths() if " " not in path} | NOUNS.keys() | {"compose", "daemon"})
