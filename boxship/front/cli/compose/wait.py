"""`wait`."""

import json
import threading

from boxship.base.errors import NotFound
from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.flags import Parsed, switch
from boxship.front.client.api import Client, segment
from boxship.front.compose.plan import life
from boxship.front.compose.state import Seen


def wait(session: Session, parsed: Parsed) -> int:
    """Print each exit code as it comes; ours is that of the first. `--down-project` takes the project down then."""
    seen = scope.view(session, ground=parsed.on("down-project"))
    chosen = seen.containers(parsed.args)
    if not chosen:
        raise NotFound(f'no containers for project "{seen.name}"')
    codes: list[int] = []

    def one(c: Seen) -> None:
        reply = Client(session.client.address).stream("POST", f"/containers/{segment(c.id)}/wait")
        code = int(json.loads(reply.body())["StatusCode"])
        codes.append(code)
        session.say(f'container "{c.name}" exited with status code {code}')

    threads = [threading.Thread(target=one, args=(c,), daemon=True) for c in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        if parsed.on("down-project"):
            scope.carry(session, seen, life.down(seen, life.Down()))
            break
    return codes[0] if codes else 1


COMMANDS = {
    "wait": Command(
        "SERVICE [SERVICE...] [OPTIONS]",
        wait,
        (switch("down-project", "", "Take the project down when the first container has stopped"),),
        1,
    )
}
