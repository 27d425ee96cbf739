"""Commands that a service wants run in its containers at points of their life."""

from boxship.base.errors import PlatformError
from boxship.front.client.api import ApiError, Client, segment
from boxship.front.compose.model import Hook, Service
from boxship.front.compose.plan.steps import Hooks
from boxship.front.compose.progress import Board


class HookFailed(PlatformError):
    """A hook ended with another code than 0."""


def run(client: Client, service: Service, id: str, action: Hooks, board: Board) -> None:
    """Run all hooks of a kind, one after the other. Raises HookFailed; before a stop it only warns."""
    for hook in service.post_start if action.when == "post_start" else service.pre_stop:
        try:
            _one(client, service, id, hook)
        except (HookFailed, ApiError) as error:
            if action.when == "post_start":
                raise
            board.tell(action.about, "Warning", "warned", str(error))


def _one(client: Client, service: Service, id: str, hook: Hook) -> None:
    body = {
        "Cmd": list(hook.command or ()),
        "User": hook.user,
        "Privileged": hook.privileged,
        "WorkingDir": hook.working_dir,
        "Env": [key if value is None else f"{key}={value}" for key, value in sorted(hook.environment.items())],
        "AttachStdout": True,
        "AttachStderr": True,
    }
    made = client.post(f"/containers/{segment(id)}/exec", body=body)["Id"]
    connection, _reply = client.hijack(f"/exec/{made}/start", body={"Detach": False, "Tty": True})
    output = b""
    with connection:
        while piece := connection.reader.some():
            output = (output + piece)[-2000:]
    code = client.get(f"/exec/{made}/json")["ExitCode"]
    if code:
        said = output.decode(errors="replace").strip()
        raise HookFailed(f"{service.name} hook exited with status {code}{f': {said}' if said else ''}")
