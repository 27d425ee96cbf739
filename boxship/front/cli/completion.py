"""`completion`: scripts for shells. They ask `boxship completion words …` what may follow; it knows commands, flags,
values of flags, and the names and ids that the daemon has."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from boxship.base.errors import Invalid, PlatformError
from boxship.front.cli.catalogue import NOUNS, find, names_below
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Flag, Parsed

# COMP_WORDBREAKS parts words at colons: what stands in front of the last one is taken off again
BASH = r"""_boxship() {
    local line="${COMP_LINE:0:COMP_POINT}" word
    local -a typed
    read -ra typed <<< "$line"
    case "$line" in *[[:space:]]) word="" ;; *) word="${typed[-1]}"; unset 'typed[-1]' ;; esac
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(boxship completion words "${typed[@]:1}" 2>/dev/null)" -- "$word"))
    case "$word" in *:*) COMPREPLY=("${COMPREPLY[@]#"${word%:*}:"}") ;; esac
}
complete -o default -F _boxship boxship"""
ZSH = r"""#compdef boxship
_boxship() {
    local -a found
    found=(${(f)"$(boxship completion words ${words[2,CURRENT-1]} 2>/dev/null)"})
    (( $#found )) && compadd -a found || _files
}
if [ "$funcstack[1]" = "_boxship" ]; then _boxship; else compdef _boxship boxship; fi"""
FISH = r"""function __boxship_words
    set -l typed (commandline -opc)
    boxship completion described $typed[2..-1] 2>/dev/null
end
complete -c boxship -a '(__boxship_words)'"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

Names = Callable[[Session], Iterable[str]]
Words = list[tuple[str, str]]  # what may be typed, and a line about it


def completion(session: Session, parsed: Parsed) -> None:
    shell, *typed = parsed.args
    if shell in ("words", "described"):
        for word, about in words(session, typed):
            session.say(f"{word}\t{about}" if about and shell == "described" else word)
        return
    if shell not in SCRIPTS:
        raise Invalid(f"no completion for {shell!r}: want bash, zsh or fish")
    session.say(SCRIPTS[shell])


def words(session: Session, typed: Sequence[str]) -> Words:
    """Return what may follow `typed`; nothing after a flag whose value nobody can guess."""
    from boxship.front.cli import help as texts

    session, rest, waiting = _behind_global_flags(session, list(typed))
    if waiting is not None:
        return _values(session, waiting)
    if rest[:1] == ["compose"]:
        return _compose(rest[1:])
    entry, path, behind = find(rest)
    if entry is None:
        below = rest[0] if rest and rest[0] in NOUNS else ""
        if rest and not below:
            return []
        flags = [] if below else [(f"--{flag.name}", flag.help) for flag in texts.GLOBAL_FLAGS]
        return [*((name, _summary(f"{below} {name}".strip())) for name in names_below(below)), *flags]
    from boxship.front.cli.loading import load

    command = load(entry)
    waiting, given = _scan(command.flags, behind)
    if waiting is not None:
        return _values(session, waiting)
    if given and not command.interspersed:
        return []
    flags = [(f"--{flag.name}", flag.help) for flag in command.flags if not flag.hidden]
    return [*((name, "") for name in _arguments(session, path if " " in path else entry.path, given)), *flags]


def _summary(path: str) -> str:
    entry, found, _ = find(path.split())
    return entry.summary if entry is not None and found == path else NOUNS.get(path, "")


def _behind_global_flags(session: Session, typed: list[str]) -> tuple[Session, list[str], Flag | None]:
    """Return a session with the daemon that the flags in front name, the words behind them, and a flag that waits."""
    from boxship.front.cli import help as texts
    from boxship.front.cli.endpoint import client, environment
    from boxship.front.cli.flags import parse

    try:
        given = parse(texts.GLOBAL_FLAGS, typed, interspersed=False)
    except Invalid:
        waiting, _ = _scan(texts.GLOBAL_FLAGS, typed)
        return session, [], waiting
    environ = environment(given, session.environ)
    return Session(lambda: client(given, environ), environ), list(given.args), None


def _scan(flags: Iterable[Flag], typed: Sequence[str]) -> tuple[Flag | None, list[str]]:
    """Return the flag whose value comes next, if one waits for it, and the arguments so far."""
    known = {f"--{flag.name}": flag for flag in flags} | {f"-{flag.short}": flag for flag in flags if flag.short}
    waiting: Flag | None = None
    given: list[str] = []
    for word in typed:
        if waiting is not None:
            waiting = None
        elif word.startswith("-") and word != "-":
            flag = known.get(word) or (known.get(f"-{word[-1]}") if not word.startswith("--") else None)
            waiting = flag if flag is not None and flag.bare is None else None
        else:
            given.append(word)
    return waiting, given


def _compose(typed: list[str]) -> Words:
    from boxship.front.cli.compose.catalogue import CATALOGUE as COMMANDS_OF_COMPOSE
    from boxship.front.cli.compose.catalogue import find as find_compose
    from boxship.front.cli.compose.main import FLAGS
    from boxship.front.cli.loading import command_of

    waiting, given = _scan(FLAGS, typed)
    if waiting is not None:
        return []
    entry = find_compose(given[0]) if given else None
    if entry is None:
        return [(one.name, one.summary) for one in COMMANDS_OF_COMPOSE if not one.hidden]
    command = command_of(f"compose.{entry.module}", entry.name)
    return [(f"--{flag.name}", flag.help) for flag in command.flags if not flag.hidden]


def _get(session: Session, path: str, query: dict[str, Any] | None = None) -> Any:
    try:
        return session.client.get(path, query)
    except (PlatformError, ConnectionError):
        return None  # no daemon, no names: the shell completes nothing


def _containers(*states: str) -> Names:
    """Names and short ids of containers; of all, or of those in some states."""

    def names(session: Session) -> list[str]:
        query = {"all": True, "filters": {"status": list(states)} if states else None}
        found = _get(session, "/containers/json", query) or []
        return [word for entry in found for word in (*(n.removeprefix("/") for n in entry["Names"]), entry["Id"][:12])]

    return names


def _images(session: Session) -> list[str]:
    found = _get(session, "/images/json") or []
    tags = [tag for entry in found for tag in entry.get("RepoTags") or () if tag != "<none>:<none>"]
    return [*tags, *(entry["Id"].removeprefix("sha256:")[:12] for entry in found)]


def _networks(session: Session) -> list[str]:
    return [str(entry["Name"]) for entry in _get(session, "/networks") or []]


def _volumes(session: Session) -> list[str]:
    return [str(entry["Name"]) for entry in (_get(session, "/volumes") or {}).get("Volumes") or ()]


def _contexts(session: Session) -> list[str]:
    from boxship.front.client.contexts import DEFAULT, ContextStore

    return [DEFAULT, *(context.name for context in ContextStore(session.environ).all())]


_ALL, _LIVE = _containers(), _containers("running", "paused")
_ARGUMENTS: dict[str, tuple[Names, ...]] = {
    "container attach": (_LIVE,), "container exec": (_LIVE,), "container kill": (_LIVE,), "container stop": (_LIVE,),
    "container pause": (_containers("running"),), "container unpause": (_containers("paused"),),
    "container start": (_containers("created", "exited"),), "container top": (_LIVE,), "container port": (_LIVE,),
    "container run": (_images,), "container create": (_images,), "network connect": (_networks, _ALL),
    "network disconnect": (_networks, _ALL), "inspect": (_ALL, _images, _networks, _volumes),
}  # fmt: skip
_OF_NOUN: dict[str, tuple[Names, ...]] = {
    "container": (_ALL,), "image": (_images,), "network": (_networks,), "volume": (_volumes,), "context": (_contexts,),
}  # fmt: skip
_NAMELESS = {"ls", "prune", "create", "load", "import", "build", "pull"}


def _arguments(session: Session, path: str, given: Sequence[str]) -> list[str]:
    """Return the names that a command takes as its next argument; those that stand there already are left out."""
    entry, _, _ = find(path.split())
    own = entry.path if entry is not None else path
    kinds = _ARGUMENTS.get(own)
    if own in ("network connect", "network disconnect"):
        kinds = (_ARGUMENTS[own][min(len(given), 1)],)
    if kinds is None:
        noun, _, verb = own.partition(" ")
        kinds = () if verb in _NAMELESS else _OF_NOUN.get(noun, ())
    return [name for kind in kinds for name in kind(session) if name not in given]


_CHOICES: dict[str, tuple[str, ...]] = {
    "pull": ("always", "missing", "never"), "restart": ("no", "on-failure", "always", "unless-stopped"),
    "log-level": ("debug", "info", "warn", "error", "fatal"), "cgroupns": ("host", "private"),
    "signal": ("HUP", "INT", "KILL", "QUIT", "TERM", "USR1", "USR2"),
    "type": ("container", "image", "network", "volume"),
    "log-driver": ("json-file", "local", "none", "journald", "syslog"), "attach": ("stdin", "stdout", "stderr"),
    "format": ("json", "table"), "progress": ("auto", "plain", "tty", "quiet"),
}  # fmt: skip
_NAMES_OF_FLAG: dict[str, Names] = {
    "network": _networks, "volumes-from": _ALL, "link": _ALL, "publish-from": _LIVE, "context": _contexts,
    "from": _contexts, "volume": _volumes,
}  # fmt: skip


def _values(session: Session, flag: Flag) -> Words:
    names = _NAMES_OF_FLAG.get(flag.name)
    return [(word, "") for word in (names(session) if names else _CHOICES.get(flag.name, ()))]


COMMANDS = {"completion": Command("bash|zsh|fish", completion, least=1, interspersed=False)}
