"""`events`."""

import json
import time
from typing import Any

from boxship.front.cli.command import Command, Session
from boxship.front.cli.compose import scope
from boxship.front.cli.container.look import moment
from boxship.front.cli.flags import Parsed, switch, text
from boxship.front.compose import labels


def events(session: Session, parsed: Parsed) -> int:
    name = scope.view(session).name
    filters = {"type": ["container"], "label": [f"{labels.PROJECT}={name}", f"{labels.ONE_OFF}=False"]}
    query = {"filters": filters, "since": moment(parsed.text("since")), "until": moment(parsed.text("until"))}
    try:
        for line in session.client.stream("GET", "/events", query).lines():
            _show(session, json.loads(line), parsed)
    except KeyboardInterrupt:
        return 130
    return 0


def _show(session: Session, event: dict[str, Any], parsed: Parsed) -> None:
    told = event["Actor"]["Attributes"]
    service = told.get(labels.SERVICE, "")
    if parsed.args and service not in parsed.args:
        return
    own = {key: value for key, value in sorted(told.items()) if not key.startswith("com.docker.compose.")}
    if parsed.on("json"):
        line = {
            "action": event["Action"],
            "attributes": own,
            "id": event["Actor"]["ID"],
            "service": service,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(event["time"]))
            + f".{event['timeNano'] % 1_000_000_000:09d}",
            "type": "container",
        }
        session.say(json.dumps(line, separators=(",", ":")))
    else:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
        shown = ", ".join(f"{key}={value}" for key, value in own.items())
        fraction = f"{event['timeNano'] % 1_000_000_000 // 1000:06d}"
        session.say(f"{when}.{fraction} container {event['Action']} {event['Actor']['ID']} ({shown})")
    session.out.flush()


COMMANDS = {
    "events": Command(
        "[OPTIONS] [SERVICE...]",
        events,
        (
            switch("json", "", "One JSON object per line"),
            text("since", "", "What came after a time too"),
            text("until", "", "End at a time"),
        ),
    )
}
