"""Instructions of a Dockerfile as values. Texts hold their variables still, unless it says otherwise. Pure."""

from dataclasses import dataclass, field

from boxship.engine.build.dockerfile.source import Heredoc, Line
from boxship.model.container import HealthSpec

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class From(Base):
    image: str
    name: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(Base):
    """pairs: names and defaults; None has no default."""

    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(Base):
    pairs: Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Base):
    pairs: Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One `--mount`. kind: bind, cache, tmpfs, secret, ssh.  origin: `from`.  env: variable that gets a secret."""

    kind: str
    target: str = ""
    source: str = ""
    origin: str = ""
    id: str = ""
    env: str = ""
    read_only: bool = False
    required: bool = False
    sharing: str = "shared"
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Base):
    """words: of the exec form; None is the shell form, and `shell` its text."""

    shell: str = ""
    words: tuple[str, ...] | None = None
    heredocs: tuple[Heredoc, ...] = ()
    mounts: tuple[str, ...] = ()
    network: str = ""
    security: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Base):
    """CMD and ENTRYPOINT. words: of the exec form, () is none at all; None is the shell form."""

    shell: str = ""
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Base):
    """sources: paths; files given in the Dockerfile itself are `heredocs`."""

    sources: tuple[str, ...]
    target: str
    heredocs: tuple[Heredoc, ...] = ()
    origin: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Copy):
    """unpack: None takes apart archives of the context and leaves those of URLs."""

    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(Base):
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Base):
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Base):
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(Base):
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSignal(Base):
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(Base):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck(Base):
    """shell: the command is a line for a shell, which `SHELL` may still name."""

    health: HealthSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBuild(Base):
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(Base):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Include(Base):
    """Our own: instructions of another file, in this one's place."""

    path: str


Instruction = (
    From
    | Arg
    | Env
    | Label
    | Run
    | Cmd
    | Entrypoint
    | Add
    | Copy
    | Workdir
    | User
    | Volume
    | Expose
    | StopSignal
    | Shell
    | Healthcheck
    | OnBuild
    | Maintainer
    | Include
)


@dataclass(frozen=True, slots=True)
class Stage:
    """index: from 0.  name: as given, "" for none."""

    index: int
    base: From
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def label(self) -> str:
        return self.base.name or f"stage-{self.index}"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """args: the ARG instructions above the first FROM.  empties: numbers of empty lines within instructions.
    comments: those right above an instruction, by its first line."""

    args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    directives: dict[str, str]
    escape: str = "\\"
    empties: tuple[int, ...] = ()
    comments: dict[int, str] = field(default_factory=dict)
