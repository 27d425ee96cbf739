"""`import boxship` against a real daemon. `BOXSHIP_TEST_HOST` aims it at another that speaks the same API."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import boxship


@pytest_asyncio.fixture
async def engine(stock_host: str, images: str) -> AsyncIterator[boxship.Engine]:
    async with boxship.connect(stock_host) as found:
        yield found


IMAGE = "busybox:latest"
FOREVER = ["sleep", "1000"]


async def test_output_of_a_command(engine: boxship.Engine) -> None:
    told = await engine.containers.output(
        IMAGE, ["sh", "-c", "echo out; echo err >&2; echo $WORD"], environment={"WORD": "hi"}
    )
    assert (told.code, told.text, told.stderr) == (0, "out\nhi", b"err\n")
    assert not await engine.containers.list(all=True, filters={"label": ["none"]})


async def test_failure_tells_code_and_words(engine: boxship.Engine) -> None:
    with pytest.raises(boxship.CommandFailed, match="ended with code 3: no luck") as caught:
        await engine.containers.output(IMAGE, ["sh", "-c", "echo no luck >&2; exit 3"])
    assert caught.value.output.code == 3


async def test_missing_image_is_the_daemons_sentence(engine: boxship.Engine) -> None:
    with pytest.raises(boxship.ApiError, match=r"(?i)no such image: nothing/like-that") as caught:
        await engine.containers.run("nothing/like-that:1")
    assert caught.value.code == 404


async def test_what_cannot_start_is_not_left(engine: boxship.Engine) -> None:
    with pytest.raises(boxship.ApiError):
        await engine.containers.run(IMAGE, ["/no/such/program"], labels={"mine": "broken"})
    assert await engine.containers.list(all=True, filters={"label": ["mine=broken"]}) == []


async def test_life_of_a_container(engine: boxship.Engine) -> None:
    async with await engine.containers.run(IMAGE, FOREVER, labels={"mine": "life"}) as web:
        assert (await web.inspect()).state.running
        assert [c.id for c in await engine.containers.list(filters={"label": ["mine=life"]})] == [web.id]
        await web.pause()
        assert (await web.inspect()).state.status == "paused"
        await web.unpause()
        await web.kill("TERM")
        await web.kill("KILL")
        assert await web.wait() == 137
        await web.start()
        await web.stop(grace=0)
        assert (await web.inspect()).state.status == "exited"
    assert await engine.containers.list(all=True, filters={"label": ["mine=life"]}) == []


async def test_exec_with_input_output_and_code(engine: boxship.Engine) -> None:
    async with await engine.containers.run(IMAGE, FOREVER) as box:
        big = b"x" * 300_000
        told = await box.exec(["cat"], stdin=big)
        assert told.stdout == big
        told = await box.exec(
            ["sh", "-c", "echo $A; pwd; id -u; exit 4"], environment={"A": "b"}, working_dir="/tmp", user="33"
        )
        assert (told.code, told.text) == (4, "b\n/tmp\n33")
        with pytest.raises(boxship.CommandFailed):
            await box.exec(["false"], check=True)


async def test_a_terminal(engine: boxship.Engine) -> None:
    async with await engine.containers.run(IMAGE, FOREVER) as box:
        async with await box.interact(["sh"]) as shell:
            await shell.write(b"tty; exit\n")
            told = b"".join([chunk async for chunk in shell.raw()])
    assert b"/dev/pts/" in told


async def test_attach_speaks_with_the_main_process(engine: boxship.Engine) -> None:
    box = await engine.containers.create(IMAGE, ["sh", "-c", "read a; echo got $a; echo bad >&2"], stdin_open=True)
    async with box, await box.attach() as session:
        await box.start()
        await session.write(b"it\n")
        told = [frame async for frame in session.frames()]
    assert sorted(told) == [(1, b"got it\n"), (2, b"bad\n")]


async def test_follow_ends_with_the_container(engine: boxship.Engine) -> None:
    async with await engine.containers.run(IMAGE, ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"]) as box:
        told = b"".join([data async for _, data in box.follow()])
    assert told == b"1\n2\n3\n"


async def test_files_in_and_out(engine: boxship.Engine) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("note")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    async with await engine.containers.create(IMAGE, FOREVER) as box:
        await box.put("/tmp", packed.getvalue())
        with tarfile.open(fileobj=io.BytesIO(await box.get("/tmp/note"))) as tar:
            found = tar.extractfile("note")
            assert found is not None
            assert found.read() == b"hello"


async def _page(host: str, port: int) -> bytes:
    for _ in range(3000):  # until the server listens
        try:
            reader, writer = await asyncio.open_connection(host, port)
            break
        except OSError:
            await asyncio.sleep(0.02)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_published_port_and_address(engine: boxship.Engine) -> None:
    command = ["sh", "-c", "echo page > /var/www/index.html; exec httpd -f -p 80 -h /var/www"]
    async with await engine.containers.run(IMAGE, command, ports={"80": ("127.0.0.1", 0)}) as web:
        host, port = await web.port("80")
        assert host == "127.0.0.1"
        assert (await web.address()).count(".") == 3
        assert (await _page(host, port)).endswith(b"page\n")
        with pytest.raises(boxship.NotFound, match="81/tcp"):
            await web.port("81")


async def test_networks_and_names(engine: boxship.Engine) -> None:
    async with await engine.networks.create("api-net", labels={"a": "b"}) as net:
        assert (await net.inspect()).labels == {"a": "b"}
        async with await engine.containers.run(IMAGE, FOREVER, network=net.name, aliases=["db"]):
            told = await engine.containers.output(IMAGE, ["ping", "-c", "1", "db"], network=net.name)
            assert "1 packets received" in told.text
        async with await engine.containers.run(IMAGE, FOREVER) as other:
            await net.connect(other)
            assert await net.members() == [other.id]
            await net.disconnect(other)
            assert await net.members() == []
    assert "api-net" not in [found.name for found in await engine.networks.list()]


async def test_volumes_keep_what_is_written(engine: boxship.Engine) -> None:
    async with await engine.volumes.create("api-volume") as volume:
        await engine.containers.output(IMAGE, ["sh", "-c", "echo kept > /v/f"], volumes=["api-volume:/v"])
        assert (await engine.containers.output(IMAGE, ["cat", "/v/f"], volumes=["api-volume:/v"])).text == "kept"
        assert (await volume.inspect()).driver == "local"
    assert "api-volume" not in [found.name for found in await engine.volumes.list()]


async def test_build_tag_save_load_remove(engine: boxship.Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nARG WORD\nCOPY note /\nRUN echo $WORD >> /note\n")
    (tmp_path / "note").write_text("copied\n")
    id = await engine.images.build(tmp_path, tag="api/built:1", arguments={"WORD": "run"})
    assert (await engine.images.inspect("api/built:1")).id == id
    assert (await engine.containers.output("api/built:1", ["cat", "/note"])).text == "copied\nrun"
    await engine.images.tag("api/built:1", "api/built:2")
    archive = b"".join([part async for part in engine.images.save("api/built:2")])
    await engine.images.remove("api/built:1")
    await engine.images.remove("api/built:2")
    await engine.images.load(archive)
    assert (await engine.images.inspect("api/built:2")).id == id
    await engine.images.remove("api/built:2")
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN exit 7\n")
    with pytest.raises(boxship.PlatformError, match=r"returned a non-zero code: 7"):
        await engine.images.build(tmp_path)


async def test_events(engine: boxship.Engine) -> None:
    seen = []
    listening = asyncio.Event()

    async def listen() -> None:
        stream = engine.events(filters={"type": ["container"], "event": ["start", "die"], "image": [IMAGE]})
        waiting = asyncio.ensure_future(anext(stream))
        listening.set()
        seen.append((await waiting).action)
        seen.append((await anext(stream)).action)
        await stream.aclose()

    task = asyncio.create_task(listen())
    await listening.wait()
    while not task.done():  # the daemon may not listen for us yet when the first has ended
        await engine.containers.output(IMAGE, ["true"])
    await task
    assert set(seen) <= {"start", "die"}
    assert len(seen) == 2


COMPOSE = f"""
services:
  web:
    image: {IMAGE}
    command: httpd -f -p 80 -h /var/www
    ports: ["127.0.0.1::80"]
    depends_on: [db]
  db:
    image: {IMAGE}
    command: sleep 1000
    volumes: [store:/data]
volumes:
  store:
"""


async def test_compose(engine: boxship.Engine, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(COMPOSE)
    async with engine.compose(file, name="apiproject") as project:
        web = await project.container("web")
        assert (await web.exec(["ping", "-c", "1", "db"])).code == 0
        assert (await web.port("80"))[1] > 0
        assert sorted(await project.containers()) == ["apiproject-db-1", "apiproject-web-1"]
        await project.up()
        assert (await project.container("web")).id == web.id
        with pytest.raises(boxship.NotFound, match="service cache"):
            await project.container("cache")
    filters = {"label": ["com.docker.compose.project=apiproject"]}
    assert await engine.containers.list(all=True, filters=filters) == []
    assert not [v for v in await engine.volumes.list() if v.name.startswith("apiproject")]


async def test_no_daemon(tmp_path: Path) -> None:
    async with boxship.connect(f"unix://{tmp_path}/none.sock") as engine:
        with pytest.raises(boxship.Unavailable, match=r"none\.sock"):
            await engine.ping()


async def test_not_opened() -> None:
    with pytest.raises(boxship.Unavailable, match="async with"):
        await boxship.connect("unix:///none").ping()
