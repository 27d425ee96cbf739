"""RUN: a command in a container of its own, over the layers there are; what it has written becomes one more."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from boxship.base.errors import NotFound, RuntimeFailed
from boxship.base.ids import new_id
from boxship.engine.build import foreign, keys, remote
from boxship.engine.build.api import CONTEXT, Owner
from boxship.engine.build.cachemounts import CacheMounts
from boxship.engine.build.dockerfile.source import failed
from boxship.engine.build.dockerfile.values import Mount, Run
from boxship.engine.build.errors import BuildFailed
from boxship.engine.build.graph import Origin
from boxship.engine.build.progress import Telling
from boxship.engine.build.runmounts import parse_mount
from boxship.engine.build.scope import PROXIES, Scope
from boxship.engine.build.state import State
from boxship.engine.build.work import Work
from boxship.engine.build.workspace import PASSING
from boxship.host.api.files import Placing, Selection
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.status import Container, MountPoint

HOSTNAME = "buildkitsandbox"  # the same everywhere, and what programs know as a build's
SSH = "/run/buildkit/ssh_agent.{}"
SCRIPT = "/dev/pipes/"


class Running:
    """One RUN. origins: where its mounts come from, in their order.  stages: states of those that are stages or
    images."""

    def __init__(
        self, work: Work, state: State, scope: Scope, step: Run, caches: CacheMounts, stages: Sequence[State | None]
    ) -> None:
        self._work = work
        self._parts = work.parts
        self._state = state
        self._scope = scope
        self._step = step
        self._caches = caches
        self._stages = stages
        self._env = state.env

    async def run(self, origins: Sequence[Origin], telling: Telling, *, fresh: bool) -> State:
        mounts = [self._mount(text) for text in self._step.mounts]
        self._work.mounts.update(mount.id for mount in mounts if mount.kind == "cache")
        argv, script = self._command()
        args = self._arguments()
        key = keys.key(
            "run",
            files=keys.files(self._state.layers),
            argv=argv,
            script=script,
            env=[*self._state.config.env, *(f"{n}={v}" for n, v in args.items())],
            user=self._state.config.user,
            workdir=self._state.config.working_dir,
            network=self._step.network,
            security=self._step.security,
            mounts=[await self._told(m, o, s) for m, o, s in zip(mounts, origins, self._stages, strict=True)],
            epoch=self._state.created,
            **({"hostname": hostname} if (hostname := self._work.builtin("SANDBOX_HOSTNAME")) else {}),
        )
        declared = "|" + " ".join([str(len(args)), *(f"{n}={v}" for n, v in args.items())]) + " " if args else ""
        shown = self._step.line.text.partition(" ")[2] if script else " ".join(argv)

        async def make() -> str:
            return await self._make(argv, script, args, mounts, origins, telling)

        diff_id = await self._work.layer(key, f"RUN {shown}", telling, make, fresh=fresh)
        return self._state.layered(key, diff_id, f"RUN {declared}{shown}")

    # ---- what is to run

    def _mount(self, text: str) -> Mount:
        line = self._step.line
        found = parse_mount(line, self._scope.text(line, text, self._env), self._state.config.working_dir)
        space = self._work.builtin("CACHE_MOUNT_NS")
        return replace(found, id=f"{space}/{found.id}") if space and found.kind == "cache" else found

    def _command(self) -> tuple[tuple[str, ...], str]:
        """Return the command line, and the text of a script that is its first word's file; "" for none."""
        step, shell = self._step, self._state.shell
        if step.words is not None:
            return step.words, ""
        if not step.heredocs:
            return (*shell, step.shell), ""
        if len(step.heredocs) == 1 and step.shell.strip().startswith("<<") and len(step.shell.split()) == 1:
            text = step.heredocs[0].text
            if text.startswith("#!"):
                return (f"{SCRIPT}{step.heredocs[0].name}",), text
            return (*shell, text), ""
        bodies = "".join(f"\n{heredoc.text}{heredoc.name}" for heredoc in step.heredocs)
        return (*shell, f"{step.shell}{bodies}\n"), ""

    def _arguments(self) -> dict[str, str]:
        """Declared arguments that the environment does not hide; proxies do not count for the cache."""
        env = self._env
        hidden = {name for name in PROXIES if name not in self._scope.declared}
        return {name: value for name, value in self._scope.args.items() if name not in env and name not in hidden}

    def _environment(self, args: Mapping[str, str]) -> tuple[str, ...]:
        env = {**args, **self._env}
        for name, value in self._scope.given.items():
            if name in PROXIES and value is not None:
                env.setdefault(name, value)
        epoch = self._state.created // 1_000_000_000
        if epoch:  # makes compilers write what is the same everywhere
            env.setdefault("SOURCE_DATE_EPOCH", str(epoch))
        return tuple(f"{name}={value}" for name, value in env.items())

    async def _told(self, mount: Mount, origin: Origin, stage: State | None) -> list[object]:
        """Return what the cache key has to know of a mount: never a secret, never what a cache holds."""
        content = ""
        if mount.kind == "bind":
            root, owned, ignore = await self._origin(origin, stage)
            what = Selection(sources=(mount.source or "/",), ignore=ignore)
            try:
                content = await self._parts.trees.fingerprint(root, what, owned=owned)
            except NotFound as e:
                raise failed(self._step.line, f"failed to compute cache key: {e}", part=mount.source) from e
        return [mount.kind, mount.target, mount.id, mount.env, mount.read_only, mount.size, content]

    async def _origin(self, origin: Origin, stage: State | None) -> tuple[Path, bool, tuple[str, ...]]:
        if origin.kind in ("main", "context"):
            name = CONTEXT if origin.kind == "main" else origin.name
            tree = await self._work.files(name)
            return tree.root, tree.owned, await self._work.ignored(name)
        return self._work.view(stage.layers if stage is not None else ()), True, ()

    # ---- running it

    async def _make(
        self,
        argv: tuple[str, ...],
        script: str,
        args: Mapping[str, str],
        mounts: Sequence[Mount],
        origins: Sequence[Origin],
        telling: Telling,
    ) -> str:
        async with AsyncExitStack() as stack:
            points, extra = await self._provide(mounts, origins, script, stack)
            env = (*self._environment(args), *extra)
            container = self._container(argv, env, points)
            self._work.running.add(container.id)
            stack.callback(self._work.running.discard, container.id)
            stack.callback(self._parts.roots.discard, container)
            telling.runs(container.id)
            root = self._parts.roots.mount(container, PASSING)
            foreign.check(self._parts, self._state, self._step.line, root, argv, env)
            stubs = self._stubs(root, points)
            code = await self._run(container, telling)
            for stub in stubs:
                self._parts.trees.remove_stub(root, stub)
            self._parts.roots.unmount(container)
            if code:
                raise BuildFailed(self._shown(argv), code, self._step.line)
            upper = self._parts.roots.upper(container)
            return await self._work.take(upper, self._state.created // 1_000_000_000)

    def _shown(self, argv: tuple[str, ...]) -> str:
        return " ".join(argv)

    async def _run(self, container: Container, telling: Telling) -> int:
        networks = self._parts.networks
        mode = container.spec.host.network_mode
        try:
            if mode.startswith("container:"):
                attached = networks.join(container, self._parts.find(mode.partition(":")[2]))
            else:
                attached = await networks.attach(container)
            launch = await self._parts.launcher.prepare(container, attached.netns_path)
            running = self._parts.once.run(launch)
            try:
                async for stream, text in running.output():
                    telling.wrote(stream, text)
                return await running.wait()
            except BaseException:
                await asyncio.shield(running.kill())
                raise
        except RuntimeFailed as e:
            raise failed(self._step.line, str(e)) from e
        finally:
            if not mode.startswith("container:"):
                await asyncio.shield(networks.detach(container))

    def _container(self, argv: tuple[str, ...], env: tuple[str, ...], points: tuple[MountPoint, ...]) -> Container:
        """A record that nobody stores: what the launch of a container needs to know."""
        id, config = new_id(), self._state.config
        host = self._host()
        spec = ContainerSpec(
            image=self._state.image_id,
            hostname=self._work.builtin("SANDBOX_HOSTNAME") or HOSTNAME,
            user=config.user,
            env=env,
            cmd=argv,
            working_dir=config.working_dir,
            host=host,
        )
        group = id
        if host.network_mode.startswith("container:"):
            group = self._parts.find(host.network_mode.partition(":")[2]).group
        return Container(
            id=id,
            name=f"build-{id[:12]}",
            created=self._parts.clock.now(),
            image_id=self._state.image_id,
            group=group,
            spec=spec,
            mounts=points,
            path=argv[0],
            args=argv[1:],
            layers=tuple(self._work.lowers(self._state.layers)),
            runtime=host.runtime,
        )

    def _host(self) -> HostSpec:
        spec, options, step = self._work.spec, self._parts.options, self._step
        mode = spec.network if spec.network not in ("", "default") else "bridge"
        if step.network in ("none", "host"):
            mode = step.network
            if mode == "host" and spec.network != "host" and "network.host" not in spec.entitlements:
                raise failed(step.line, "network.host is not allowed: build with --allow network.host", part="host")
        insecure = step.security == "insecure"
        if insecure and "security.insecure" not in spec.entitlements:
            message = "security.insecure is not allowed: build with --allow security.insecure"
            raise failed(step.line, message, part="insecure")
        swap = spec.host.memory * 2 if spec.host.memory > 0 and not spec.host.memory_swap else spec.host.memory_swap
        return msgspec.structs.replace(
            spec.host,
            network_mode=mode,
            runtime=spec.host.runtime or options.default_runtime,
            shm_size=spec.host.shm_size or options.shm_size,
            memory_swap=swap,
            ipc_mode="private",
            userns_mode="host",  # what it writes becomes a layer: no ids to map
            init=False,
            privileged=insecure or spec.host.privileged,
        )

    def _stubs(self, root: Path, points: Sequence[MountPoint]) -> list[str]:
        """Return what the runtime is going to make only to mount something there, deepest first."""
        made: set[str] = set()
        for point in points:
            parts = point.destination.strip("/").split("/")
            for end in range(len(parts), 0, -1):
                path = "/" + "/".join(parts[:end])
                try:
                    self._parts.trees.entry(root, path, follow=True)
                    break
                except NotFound:
                    made.add(path)
        return sorted(made, key=lambda path: path.count("/"), reverse=True)

    # ---- mounts

    async def _provide(
        self, mounts: Sequence[Mount], origins: Sequence[Origin], script: str, stack: AsyncExitStack
    ) -> tuple[tuple[MountPoint, ...], tuple[str, ...]]:
        """Return the mount points, and variables that come with them."""
        points: list[MountPoint] = []
        env: list[str] = []
        agents = 0
        for mount, origin, stage in zip(mounts, origins, self._stages, strict=True):
            match mount.kind:
                case "bind":
                    points.append(await self._bind(mount, origin, stage))
                case "cache":
                    points.append(await self._cache(mount, origin, stage, stack))
                case "tmpfs":
                    size = (f"size={mount.size}",) if mount.size else ()
                    points.append(MountPoint(type="tmpfs", destination=mount.target, options=size))
                case "secret":
                    await self._secret(mount, points, env, stack)
                case _:
                    agents += await self._agent(mount, agents, points, env, stack)
        if script:
            points.append(self._script(script))
        return tuple(points), tuple(env)

    async def _bind(self, mount: Mount, origin: Origin, stage: State | None) -> MountPoint:
        root, _, ignore = await self._origin(origin, stage)
        if ignore:
            root = await self._filtered(root, ignore)
        source = self._inside(root, mount.source)
        if not mount.read_only:
            source = self._work.space.scratch_over(source) if source.is_dir() else self._copied(source)
        return MountPoint(type="bind", destination=mount.target, source=str(source), rw=not mount.read_only)

    def _copied(self, source: Path) -> Path:
        target = self._work.space.directory("file") / source.name
        target.write_bytes(source.read_bytes())
        target.chmod(source.stat().st_mode & 0o7777)
        return target

    async def _filtered(self, root: Path, ignore: tuple[str, ...]) -> Path:
        target = self._work.space.directory("context")
        what = Selection(sources=("/",), ignore=ignore)
        await self._parts.trees.place(root, what, target, Placing(target="/", owner=(0, 0)))
        return target

    def _inside(self, root: Path, path: str) -> Path:
        try:
            return root / self._parts.trees.resolve(root, path or "/").lstrip("/")
        except NotFound as e:
            raise failed(self._step.line, f"mount source {path}: not found", part=path) from e

    async def _cache(self, mount: Mount, origin: Origin, stage: State | None, stack: AsyncExitStack) -> MountPoint:
        home, new = await stack.enter_async_context(self._caches.use(mount.id, mount.sharing))
        if new:
            if await self._imported(mount.id, home):
                pass
            elif mount.origin:
                root, _, _ = await self._origin(origin, stage)
                await self._parts.trees.copy(root, mount.source or "/", home)
            home.chmod(mount.mode if mount.mode is not None else 0o755)
            os.chown(home, mount.uid or 0, mount.gid or 0)
        return MountPoint(type="bind", destination=mount.target, source=str(home), rw=not mount.read_only)

    async def _imported(self, id: str, home: Path) -> bool:
        """Fill a new cache mount with what a cache elsewhere has of it; tell whether one had."""
        file = self._work.space.directory("mount") / "blob"
        if not await self._work.offers.mount_file(id, file):
            return False
        await self._parts.trees.unpack_stream(remote.archive_pieces(file), home)
        file.unlink()
        return True

    async def _secret(self, mount: Mount, points: list[MountPoint], env: list[str], stack: AsyncExitStack) -> None:
        secret = await self._work.sources.secret(mount.id)
        if secret is None:
            if mount.required:
                raise failed(self._step.line, f"secret {mount.id}: not found", part=mount.id)
            return
        if mount.env:
            env.append(f"{mount.env}={secret.decode(errors='surrogateescape')}")
        if mount.target or not mount.env:
            file = self._memory(stack) / "secret"
            file.write_bytes(secret)
            uid, gid, mode = _owner(mount, self._work.spec.secrets.get(mount.id, Owner()))
            os.chown(file, uid, gid)
            file.chmod(mode)
            target = mount.target or f"/run/secrets/{mount.id}"
            points.append(MountPoint(type="bind", destination=target, source=str(file), rw=False))

    def _memory(self, stack: AsyncExitStack) -> Path:
        """Return a directory that never reaches a disk."""
        home = self._parts.options.exec_root / "secrets" / new_id()[:12]
        home.mkdir(mode=0o700, parents=True)
        stack.callback(home.rmdir)
        self._parts.mounts.tmpfs(str(home), size=4 << 20, mode=0o700)
        stack.callback(self._parts.mounts.unmount, str(home))
        return home

    async def _agent(
        self, mount: Mount, number: int, points: list[MountPoint], env: list[str], stack: AsyncExitStack
    ) -> int:
        path = await stack.enter_async_context(self._work.sources.agent(mount.id))
        if path is None:
            if mount.required:
                raise failed(self._step.line, f"no SSH key {mount.id!r} forwarded from the client", part=mount.id)
            return 0
        os.chown(path, mount.uid or 0, mount.gid or 0)
        path.chmod(mount.mode if mount.mode is not None else 0o600)
        target = mount.target or SSH.format(number)
        points.append(MountPoint(type="bind", destination=target, source=str(path)))
        if not number:
            env.append(f"SSH_AUTH_SOCK={target}")
        return 1

    def _script(self, text: str) -> MountPoint:
        file = self._work.space.directory("script") / "script"
        file.write_text(text)
        file.chmod(0o755)
        target = f"{SCRIPT}{self._step.heredocs[0].name}"
        return MountPoint(type="bind", destination=target, source=str(file), rw=False)


def _owner(mount: Mount, given: Owner) -> tuple[int, int, int]:
    """Return user, group and mode of a secret's file: what the step says, else what came with the secret."""
    uid, gid, mode = (
        own if own is not None else other
        for own, other in ((mount.uid, given.uid), (mount.gid, given.gid), (mount.mode, given.mode))
    )
    return uid or 0, gid or 0, 0o400 if mode is None else mode
