"""`completion`: scripts that complete commands, flags and names; they ask `boxship completion words …` for them."""

from boxship.base.errors import Invalid, PlatformError
from boxship.front.cli.catalogue import find, names_below
from boxship.front.cli.command import Command, Session
from boxship.front.cli.flags import Parsed

BASH = """_boxship() {
    local word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(compgen -W "$(boxship completion words "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$word"))
}
complete -o default -F _boxship boxship"""
ZSH = """#compdef boxship
_boxship() {
    local -a found
    found=(${(f)"$(boxship completion words ${words[2,CURRENT-1]} 2>/dev/null)"})
    compadd -a found || _files
}
compdef _boxship boxship"""
FISH = """complete -c boxship -a '(boxship completion words (commandline -opc)[2..-1] 2>/dev/null)'"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(session: Session, parsed: Parsed) -> None:
    shell, *typed = parsed.args
    if shell == "words":
        session.say("\n".join(words(session, typed)))
        return
    if shell not in SCRIPTS:
        raise Invalid(f"no completion for {shell!r}: want bash, zsh or fish")
    session.say(SCRIPTS[shell])


def words(session: Session, typed: list[str]) -> list[str]:
    """Return what may follow `typed`: commands, then flags of the command and names of its noun."""
    typed = [word for word in typed if not word.startswith("-")]
    if typed[:1] == ["compose"]:
        return _compose(typed[1:])
    entry, path, _ = find(typed)
    if entry is None:
        return names_below(typed[0] if typed else "")
    from boxship.front.cli.loading import load

    flags = [f"--{flag.name}" for flag in load(entry).flags if not flag.hidden]
    return [*flags, *_names(session, path)]


def _compose(typed: list[str]) -> list[str]:
    from boxship.front.cli.compose.catalogue import find as find_compose
    from boxship.front.cli.compose.catalogue import names
    from boxship.front.cli.loading import command_of

    entry = find_compose(typed[0]) if typed else None
    if entry is None:
        return names()
    command = command_of(f"compose.{entry.module}", entry.name)
    return [f"--{flag.name}" for flag in command.flags if not flag.hidden]


def _names(session: Session, path: str) -> list[str]:
    try:
        if path.startswith("image") or path in ("run", "create", "rmi", "tag", "save", "history", "container run"):
            found = session.client.get("/images/json")
            return [tag for entry in found for tag in entry.get("RepoTags") or []]
        if path.startswith("network"):
            return [str(entry["Name"]) for entry in session.client.get("/networks")]
        if path.startswith("volume"):
            return [str(entry["Name"]) for entry in session.client.get("/volumes")["Volumes"] or []]
        found = session.client.get("/containers/json", {"all": True})
        return [name.removeprefix("/") for entry in found for name in entry["Names"]]
    except PlatformError:
        return []  # no daemon, no names: the shell completes nothing


COMMANDS = {"completion": Command("bash|zsh|fish", completion, least=1, interspersed=False)}
