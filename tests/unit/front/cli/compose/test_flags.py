"""Every command and flag of the stock docker compose 2.26 is known here, by the same letters."""

import os
import re
import subprocess

import pytest

from boxship.front.cli.compose import main
from boxship.front.cli.compose.catalogue import CATALOGUE
from boxship.front.cli.flags import Flag
from boxship.front.cli.loading import command_of

# command -> flags, "name" or "name/letter"; as `docker compose COMMAND --help` of release 2.26.1 lists them.
STOCK = {
    "": "ansi compatibility env-file file/f parallel profile progress project-directory project-name/p",
    "attach": "detach-keys index no-stdin sig-proxy",
    "build": "build-arg builder memory/m no-cache pull push quiet/q ssh with-dependencies",
    "config": (
        "format hash images no-consistency no-interpolate no-normalize no-path-resolution output/o profiles "
        "quiet/q resolve-image-digests services variables volumes"
    ),
    "cp": "archive/a follow-link/L index",
    "create": "build force-recreate no-build no-recreate pull quiet-pull remove-orphans scale",
    "down": "remove-orphans rmi timeout/t volumes/v",
    "events": "json",
    "exec": "detach/d env/e index no-TTY/T privileged user/u workdir/w",
    "images": "format quiet/q",
    "kill": "remove-orphans signal/s",
    "logs": "follow/f index no-color no-log-prefix since tail/n timestamps/t until",
    "ls": "all/a filter format quiet/q",
    "pause": "",
    "port": "index protocol",
    "ps": "all/a filter format no-trunc orphans quiet/q services status",
    "pull": "ignore-buildable ignore-pull-failures include-deps policy quiet/q",
    "push": "ignore-push-failures include-deps quiet/q",
    "restart": "no-deps timeout/t",
    "rm": "force/f stop/s volumes/v",
    "run": (
        "build cap-add cap-drop detach/d entrypoint env/e interactive/i label/l name no-TTY/T no-deps "
        "publish/p quiet-pull remove-orphans rm service-ports/P use-aliases user/u volume/v workdir/w"
    ),
    "scale": "no-deps",
    "start": "",
    "stats": "all/a format no-stream no-trunc",
    "stop": "timeout/t",
    "top": "",
    "unpause": "",
    "up": (
        "abort-on-container-exit always-recreate-deps attach attach-dependencies attach-dependencies build "
        "detach/d exit-code-from abort-on-container-exit force-recreate no-attach no-build no-color no-deps "
        "no-log-prefix no-recreate force-recreate no-start pull quiet-pull remove-orphans "
        "renew-anon-volumes/V scale timeout/t timestamps wait wait-timeout watch/w"
    ),
    "version": "format/f short",
    "wait": "down-project",
    "watch": "no-up quiet",
}
# What newer releases have, and Boxship too.
NEWER = {
    "build": "check provenance sbom",
    "config": "environment lock-image-digests models networks no-env-resolution variables",
    "events": "since until",
    "publish": "oci-version resolve-image-digests with-env yes/y",
    "run": "env-from-file pull quiet/q quiet-build",
    "start": "wait wait-timeout",
    "up": "abort-on-container-failure quiet-build yes/y",
    "watch": "prune",
    "volumes": "format quiet/q",
    "export": "index output/o",
    "commit": "author/a change/c index message/m pause/p",
}


def known(flags: tuple[Flag, ...]) -> dict[str, str]:
    return {flag.name: flag.short for flag in flags}


def listed(text: str) -> dict[str, str]:
    return {name: short for name, _, short in (word.partition("/") for word in text.split())}


def flags_of(command: str) -> dict[str, str]:
    if not command:
        return known(main.FLAGS)
    entry = next(entry for entry in CATALOGUE if command == entry.name or command in entry.also)
    return known(command_of(f"compose.{entry.module}", entry.name).flags)


@pytest.mark.parametrize(("command", "flags"), [*STOCK.items(), *NEWER.items()])
def test_every_flag_is_known(command: str, flags: str) -> None:
    ours = flags_of(command)
    wanted = listed(flags)
    assert {name: ours.get(name) for name in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("command", STOCK)
def test_the_table_is_what_the_stock_compose_says(command: str) -> None:
    program = os.environ.get("BOXSHIP_STOCK_COMPOSE")
    if not program:
        pytest.skip("BOXSHIP_STOCK_COMPOSE does not name the stock program")
    words = [program, *command.split(), "--help"]
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    found = re.findall(r"^ +(?:-(\w), )?--([\w-]+)", told.stdout + told.stderr, re.M)
    assert {name: short for short, name in found if name != "dry-run"} == listed(STOCK[command])
