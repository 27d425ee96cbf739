#!/usr/bin/env python3
"""Write tests/compose_files/golden anew: what the stock docker compose says each file means, and its hashes.

    scripts/compose-golden.py "$(scripts/compose-oracle.sh /tmp/oracle)"

Files in ours/ use what that release does not know; their outputs are our own and are to be read before they are kept.
"""

import shutil
import subprocess
import sys
from pathlib import Path

FILES = Path(__file__).resolve().parent.parent / "tests" / "compose_files"
PLACE = Path("/tmp/compose-golden")  # hashes depend on absolute paths: the tests pretend to be here, too
VARIABLES = {"PATH": "/usr/bin:/bin", "HOME": "/home/u", "TAG": "1.2", "EMPTY": "", "TZ": "UTC"}


def main(program: str) -> None:
    golden = FILES / "golden"
    shutil.rmtree(golden, ignore_errors=True)
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(FILES, PLACE)
    (golden / "ours").mkdir(parents=True)
    ours = [sys.executable, "-m", "boxship", "compose"]
    try:
        for file in sorted([*PLACE.glob("*.yaml"), *PLACE.glob("ours/*.yaml")]):
            command = ours if file.parent.name == "ours" else [program]
            (golden / file.relative_to(PLACE)).with_suffix(".out").write_text(output(command, file))
    finally:
        shutil.rmtree(PLACE)


def output(command: list[str], file: Path) -> str:
    over = file.with_suffix(".over.yml")
    files = ["-f", str(file), *(["-f", str(over)] if over.exists() else [])]
    shown = said([*command, *files, "config"], file)
    hashes = said([*command, *files, "config", "--hash", "*"], file)
    return shown + "".join(f"# {line}\n" for line in sorted(hashes.splitlines()))


def said(command: list[str], file: Path) -> str:
    done = subprocess.run(command, env=VARIABLES, cwd=file.parent, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{file.name}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
