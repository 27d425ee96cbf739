"""What we do to the packet filter ourselves is not taken for what others did, also within a process namespace."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.root

SCRIPT = """
import asyncio, secrets
from boxship.engine.networks import rules
from boxship.host.firewall import Nftables

async def main() -> None:
    made, table = Nftables(), f"boxship_t{secrets.token_hex(3)}"
    seen = []

    async def watch() -> None:
        async for _ in made.disturbed(table):
            seen.append(len(seen))

    await made.run(rules.whole(table, {}))
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.1)
    try:
        wanted = {"bridges": frozenset(['"bt-a"'])}
        for _ in range(5):
            await made.change(table, rules.change({}, wanted))
            await made.run(rules.whole(table, {}))
        await asyncio.sleep(0.2)
        own = len(seen)
        other = await asyncio.create_subprocess_exec("nft", "add", "element", "inet", table, "bridges", '{ "bt-x" }')
        assert await other.wait() == 0
        async with asyncio.timeout(30):
            while len(seen) == own:
                await asyncio.sleep(0.02)
        print(own, len(seen) > own)
    finally:
        watching.cancel()
        await made.run(rules.remove(table))
        await made.aclose()

asyncio.run(main())
"""
SPACES = {"the host's": [], "one of its own": ["unshare", "--pid", "--fork", "--mount-proc"]}


@pytest.mark.parametrize("enter", SPACES.values(), ids=SPACES)
def test_our_own_changes_disturb_nobody(enter: list[str]) -> None:
    done = subprocess.run([*enter, sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=90)
    assert (done.stdout, done.stderr) == ("0 True\n", "")
