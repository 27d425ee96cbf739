"""`boxship system doctor`: what host/ finds, judged by engine/, shown. Exit code 0 where containers can run, else 1."""

import json
import sys
from collections.abc import Sequence

from boxship.base.errors import Invalid, PlatformError
from boxship.base.fitness import Check
from boxship.engine import fitness
from boxship.front.cli import help as texts
from boxship.front.cli import tables
from boxship.front.cli.catalogue import find
from boxship.front.cli.command import HELP
from boxship.front.cli.doctor import COMMANDS
from boxship.front.cli.flags import Parsed, parse
from boxship.front.cli.loading import count
from boxship.front.cli.template import parse as parse_template
from boxship.front.cli.template import render as render_template
from boxship.host.fitness import probe

PATH = "system doctor"
USAGE_ERROR = 125


def main(argv: Sequence[str]) -> int:
    command = COMMANDS["doctor"]
    try:
        parsed = parse((*command.flags, HELP), argv)
        if parsed.on("help"):
            entry, _, _ = find(PATH.split())
            print(texts.of_command(PATH, entry.summary if entry else "", (), command))
            return 0
        count(PATH, command, parsed)
    except Invalid as error:
        print(f"{error}\n{texts.usage_hint(PATH, command)}", file=sys.stderr)
        return USAGE_ERROR
    try:
        return _told(parsed)
    except PlatformError as error:
        print(error, file=sys.stderr)
        return 1


def _told(parsed: Parsed) -> int:
    checks = fitness.diagnose(probe(parsed.text("data-root")))
    form = parsed.text("format")
    if form == "json":
        print(json.dumps([_object(check) for check in checks], ensure_ascii=False))
    elif form:
        template = parse_template(tables.unescape(form))
        print("\n".join(render_template(template, _object(check)) for check in checks))
    else:
        print(fitness.render(checks))
    return fitness.code(checks)


def _object(check: Check) -> dict[str, str]:
    return {"Name": check.name, "Level": check.level, "Found": check.found, "Mend": check.mend}
