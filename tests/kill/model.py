"""What may be true of a container after requests of which some were answered and some cut off. Pure."""

import enum
from dataclasses import dataclass, field, replace


class Phase(enum.StrEnum):
    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    EXITED = "exited"


@dataclass(frozen=True)
class Truth:
    """One possible state. code: exit code, None where it cannot be told beforehand. name: present name."""

    phase: Phase
    name: str
    code: int | None = None
    memory: int = 0


@dataclass(frozen=True)
class Op:
    """One request. `after` maps a possible state to the state once it is carried out; None: it is refused there."""

    verb: str
    argument: str = ""

    def after(self, t: Truth) -> Truth | None:
        live = t.phase in (Phase.RUNNING, Phase.PAUSED)
        match self.verb:
            case "start" if t.phase in (Phase.CREATED, Phase.EXITED):
                return replace(t, phase=Phase.RUNNING, code=0)
            case "restart" if t.phase is not Phase.ABSENT:
                return replace(t, phase=Phase.RUNNING, code=0)
            case "stop" | "kill" if live:
                return replace(t, phase=Phase.EXITED, code=137)
            case "pause" if t.phase is Phase.RUNNING:
                return replace(t, phase=Phase.PAUSED)
            case "unpause" if t.phase is Phase.PAUSED:
                return replace(t, phase=Phase.RUNNING)
            case "rename" if t.phase is not Phase.ABSENT:
                return replace(t, name=self.argument)
            case "update" if t.phase is not Phase.ABSENT:
                return replace(t, memory=int(self.argument))
            case "remove" if t.phase is not Phase.ABSENT:
                return replace(t, phase=Phase.ABSENT)
        return None


@dataclass
class Subject:
    """One container of the workload and all the states it may be in."""

    id: str
    possible: set[Truth]
    pid: int = 0  # of the last definite run; 0 is not known
    story: list[str] = field(default_factory=list)

    def answered(self, op: Op) -> None:
        """The daemon said yes: only what follows from it is possible now."""
        self.story.append(f"{op.verb} {op.argument} ok")
        self.possible = {after for t in self.possible if (after := op.after(t))}
        assert self.possible, f"{self.id}: yes to an impossible request: {self.story}"

    def refused(self, op: Op) -> None:
        """The daemon said no: the states in which it had to say yes are ruled out."""
        self.story.append(f"{op.verb} {op.argument} refused")
        self.possible = {t for t in self.possible if op.after(t) is None}
        assert self.possible, f"{self.id}: no to a possible request: {self.story}"

    def cut_off(self, op: Op) -> None:
        """Nobody answered: it may have been carried out."""
        self.story.append(f"{op.verb} {op.argument} cut off")
        self.possible |= {after for t in self.possible if (after := op.after(t))}
        if op.verb == "restart":  # it may have got as far as the stop only
            self.possible |= {replace(t, phase=Phase.EXITED, code=137) for t in self.possible}
        self.pid = 0

    def seen(self, truth: Truth) -> None:
        """What the daemon shows must be one of the possible states; from now on it is the only one."""
        fits = {t for t in self.possible if _fits(t, truth)}
        assert fits, f"{self.id}: {truth} is none of {self.possible}: {self.story}"
        self.possible = {truth}
        self.story.append(f"seen {truth.phase}")


def _fits(possible: Truth, truth: Truth) -> bool:
    if possible.phase is not truth.phase:
        return False
    if truth.phase is Phase.ABSENT:
        return True
    codes = possible.code is None or truth.phase is not Phase.EXITED or possible.code == truth.code
    return codes and possible.name == truth.name and possible.memory == truth.memory
