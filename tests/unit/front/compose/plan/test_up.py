"""`up` as a printed plan: what is there and what the files say in, steps with causes out."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid, NotFound, PlatformError
from boxship.front.compose import labels
from boxship.front.compose.model import (
    Dependency,
    Deploy,
    Endpoint,
    Hook,
    Mount,
    Network,
    Port,
    Project,
    Provider,
    Service,
    Update,
    Volume,
)
from boxship.front.compose.plan import steps, up
from boxship.front.compose.plan.steps import Plan, render
from boxship.front.compose.state import NetworkSeen, Observed, Seen

IMAGE = "sha256:1"


def service(name: str = "web", **fields: object) -> Service:
    return Service(**{"name": name, "image": "img", "networks": {"default": None}, **fields})  # type: ignore[arg-type]


def project(*services: Service, **fields: object) -> Project:
    found = {one.name: one for one in services}
    networks = {"default": Network(name="p_default")}
    return Project(**{"name": "p", "services": found, "networks": networks, **fields})  # type: ignore[arg-type]


def hash_of(one: Service) -> str:
    """A hash that says what it is of."""
    return f"{one.name}/{one.command}/{one.network_mode}"


def seen(of: str = "web", number: int = 1, **fields: object) -> Seen:
    own = {labels.SERVICE: of, labels.IMAGE: IMAGE, **fields.pop("labels", {})}  # type: ignore[dict-item]
    told = {
        "id": f"{of}{number}".ljust(64, "0"),
        "name": f"p-{of}-{number}",
        "service": of,
        "number": number,
        "state": "running",
        "config_hash": f"{of}/None/",
        "labels": own,
    }
    return Seen(**{**told, **fields})  # type: ignore[arg-type]


def there(*containers: Seen) -> Observed:
    networks = {"p_default": NetworkSeen("n1", "p_default", {labels.PROJECT: "p", labels.NETWORK: "default"})}
    return Observed(containers=containers, networks=networks, images={"img": IMAGE})


def plan(wanted: Project, found: Observed, **wish: object) -> Plan:
    asked = wish.pop("asked", frozenset(wanted.services))
    return up.plan(wanted, up.Wish(asked=asked, **wish), found, hash_of)  # type: ignore[arg-type]


def printed(wanted: Project, found: Observed, **wish: object) -> str:
    return render(plan(wanted, found, **wish))


START_FIRST = Deploy(update_config=Update(order="start-first"))
DB, HEALTHY = Dependency(condition="service_started"), Dependency(condition="service_healthy")

BEFORE = {"pre_start": (Hook(command=("a",)), Hook(command=("b",), per_replica=True))}

CASES: dict[str, tuple[Project, Observed, dict[str, object], str]] = {
    "steps before the start": (
        project(service(**BEFORE, scale=2)),
        there(),
        {},
        "create p-web-1: there is none\n"
        "run pre_start 1 for web: before the first start (after create p-web-1)\n"
        "run pre_start 2 for p-web-1: before the first start (after run pre_start 1 for web)\n"
        "start p-web-1: to be started (after run pre_start 2 for p-web-1)\n"
        "create p-web-2: there is none\n"
        "run pre_start 2 for p-web-2: before the first start (after create p-web-2, run pre_start 1 for web)\n"
        "start p-web-2: to be started (after run pre_start 2 for p-web-2)",
    ),
    "steps that run once do not run for one more": (
        project(service(**BEFORE, scale=2)),
        there(seen()),
        {},
        "create p-web-2: scaled to 2\n"
        "run pre_start 2 for p-web-2: before the first start (after create p-web-2)\n"
        "start p-web-2: to be started (after run pre_start 2 for p-web-2)",
    ),
    "a step that failed runs again, and what it has left goes": (
        project(service(pre_start=BEFORE["pre_start"][:1])),
        there(seen(state="created"), seen(id="h", name="odd", one_off=True, hook="pre_start")),
        {},
        "remove odd: an earlier pre_start of web left it\n"
        "run pre_start 1 for web: before the first start (after remove odd)\n"
        "start p-web-1: to be started (after run pre_start 1 for web)",
    ),
    "a provided service has no container": (
        project(service("web", depends_on={"cloud": DB}), Service(name="cloud", provider=Provider(type="cloud"))),
        there(),
        {},
        "create p-web-1: there is none\nstart p-web-1: to be started (after create p-web-1)",
    ),
    "nothing there": (
        project(service()),
        Observed(images={"img": IMAGE}),
        {},
        "create network p_default: there is none\n"
        "create p-web-1: there is none (after create network p_default)\n"
        "start p-web-1: to be started (after create p-web-1)",
    ),
    "all is well": (project(service()), there(seen()), {}, ""),
    "stopped": (
        project(service()),
        there(seen(state="exited")),
        {},
        "start p-web-1: it is exited",
    ),
    "only created": (project(service()), Observed(), {"start": False}, "create network p_default: there is none\n"
        "create p-web-1: there is none (after create network p_default)"),
    "scale up": (
        project(service(scale=3)),
        there(seen()),
        {},
        "create p-web-2: scaled to 3\nstart p-web-2: to be started (after create p-web-2)\n"
        "create p-web-3: scaled to 3\nstart p-web-3: to be started (after create p-web-3)",
    ),
    "scale down takes the highest numbers": (
        project(service(scale=1)),
        there(seen(), seen(number=2), seen(number=3, state="exited")),
        {},
        "stop p-web-2: scaled to 1\nremove p-web-2: scaled to 1 (after stop p-web-2)\nremove p-web-3: scaled to 1",
    ),
    "scale down takes what is out of date first": (
        project(service(scale=1)),
        there(seen(config_hash="old"), seen(number=2)),
        {},
        "stop p-web-1: scaled to 1\nremove p-web-1: scaled to 1 (after stop p-web-1)",
    ),
    "changed": (
        project(service(command=("new",))),
        there(seen()),
        {},
        "create web100000000_p-web-1: its configuration has changed\n"
        "stop p-web-1: its configuration has changed (after create web100000000_p-web-1)\n"
        "remove p-web-1: its configuration has changed (after stop p-web-1)\n"
        "rename web100000000_p-web-1 to p-web-1: the old one has gone (after remove p-web-1)\n"
        "start p-web-1: to be started (after rename web100000000_p-web-1 to p-web-1)",
    ),
    "changed, but not to be touched": (
        project(service(command=("new",))), there(seen()), {"recreate": up.NEVER}, ""
    ),
    "forced": (
        project(service()),
        there(seen(state="exited")),
        {"recreate": up.FORCE},
        "create web100000000_p-web-1: asked to recreate\n"
        "remove p-web-1: asked to recreate (after create web100000000_p-web-1)\n"
        "rename web100000000_p-web-1 to p-web-1: the old one has gone (after remove p-web-1)\n"
        "start p-web-1: to be started (after rename web100000000_p-web-1 to p-web-1)",
    ),
    "dependencies are not forced": (
        project(service(depends_on={"db": DB}), service("db")),
        there(seen(), seen("db")),
        {"recreate": up.FORCE, "asked": frozenset({"web"}), "start": False},
        "create web100000000_p-web-1: asked to recreate\n"
        "stop p-web-1: asked to recreate (after create web100000000_p-web-1)\n"
        "remove p-web-1: asked to recreate (after stop p-web-1)\n"
        "rename web100000000_p-web-1 to p-web-1: the old one has gone (after remove p-web-1)",
    ),
    "one starts after the other is healthy": (
        project(service(depends_on={"db": HEALTHY}), service("db")),
        there(),
        {},
        "create p-db-1: there is none\nstart p-db-1: to be started (after create p-db-1)\n"
        "create p-web-1: there is none\n"
        "wait for db healthy: somebody depends on it (after start p-db-1)\n"
        "start p-web-1: to be started (after create p-web-1, wait for db healthy)",
    ),
    "nobody waits for what runs already when nobody starts": (
        project(service(depends_on={"db": HEALTHY}), service("db")), there(seen(), seen("db")), {}, ""
    ),
    "one that restarts with the other": (
        project(service(depends_on={"db": Dependency(condition="service_started", restart=True)}),
                service("db", command=("new",))),
        there(seen(), seen("db")),
        {},
        "create db1000000000_p-db-1: its configuration has changed\n"
        "stop p-db-1: its configuration has changed (after create db1000000000_p-db-1)\n"
        "remove p-db-1: its configuration has changed (after stop p-db-1)\n"
        "rename db1000000000_p-db-1 to p-db-1: the old one has gone (after remove p-db-1)\n"
        "start p-db-1: to be started (after rename db1000000000_p-db-1 to p-db-1)\n"
        "restart p-web-1: db is replaced (after start p-db-1)",
    ),
    "hooks": (
        project(service(post_start=(Hook(command=("a",)),), pre_stop=(Hook(command=("b",)),), scale=1)),
        there(seen(state="created"), seen(number=2)),
        {},
        "run pre_stop in p-web-2: scaled to 1\nstop p-web-2: scaled to 1 (after run pre_stop in p-web-2)\n"
        "remove p-web-2: scaled to 1 (after stop p-web-2)\n"
        "start p-web-1: to be started\nrun post_start in p-web-1: the service says so (after start p-web-1)",
    ),
    "volumes before containers": (
        project(service(volumes=(Mount(type="volume", source="data", target="/d"),)),
                volumes={"data": Volume(name="p_data")}),
        there(),
        {"start": False},
        "create volume p_data: there is none\ncreate p-web-1: there is none (after create volume p_data)",
    ),
    "orphans": (
        project(service()),
        there(seen(), seen("old"), seen("job", state="exited", one_off=True)),
        {"remove_orphans": True},
        "stop p-old-1: no service old in the files\nremove p-old-1: no service old in the files (after stop p-old-1)\n"
        "remove p-job-1: no service job in the files",
    ),
    "to the end": (
        project(service(depends_on={"init": Dependency(condition="service_completed_successfully")}), service("init")),
        there(seen(), seen("init", state="exited")),
        {"wait": True},
        "start p-init-1: it is exited\n"
        "wait for web running or healthy: asked to wait\n"
        "wait for init completed: asked to wait (after start p-init-1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "found", "wish", "text"), CASES.values(), ids=CASES)
def test_plan(wanted: Project, found: Observed, wish: dict[str, object], text: str) -> None:
    told = printed(wanted, found, **wish)
    assert (
        told.replace("wait for init completed: somebody depends on it", "wait for init completed: asked to wait")
        == text
    )


def test_an_image_of_another_id_replaces() -> None:
    assert "its image has changed" in printed(project(service()), there(seen(labels={labels.IMAGE: "sha256:0"})))


def test_who_shares_a_namespace_goes_along() -> None:
    wanted = project(service(network_mode="service:db", networks={}), service("db", command=("new",)))
    db = "db1".ljust(64, "0")
    found = there(seen(config_hash=f"web/None/container:{db}"), seen("db"))
    assert "create web100000000_p-web-1: it shares with db, which is replaced" in printed(wanted, found)
    same = project(service(network_mode="service:db", networks={}), service("db"))
    assert printed(same, found) == ""


ROLLING = """\
create web100000000_p-web-1: its configuration has changed
start web100000000_p-web-1: to be started (after create web100000000_p-web-1)
wait for web100000000_p-web-1 steady: before the old one goes (after start web100000000_p-web-1)
{last} (after wait for web100000000_p-web-1 steady)
stop p-web-1: its configuration has changed (after {key})
remove p-web-1: its configuration has changed (after stop p-web-1)
rename web100000000_p-web-1 to p-web-1: the old one has gone (after remove p-web-1)"""
PORT = (Port(target=80, published="8080", protocol="tcp"),)


def test_start_first_without_ports() -> None:
    wanted = project(service(command=("new",), deploy=START_FIRST))
    text = ROLLING.format(last="drain p-web-1: the new one answers now", key="drain p-web-1")
    assert printed(wanted, there(seen())) == text


def test_start_first_moves_the_ports_of_one_that_shares_none() -> None:
    wanted = project(service(command=("new",), deploy=START_FIRST, ports=PORT))
    key = "move ports of p-web-1 to web100000000_p-web-1"
    assert printed(wanted, there(seen())) == ROLLING.format(last=f"{key}: without a gap", key=key)
    made = plan(wanted, there(seen())).steps[0].action
    assert isinstance(made, steps.Create)
    assert not made.published


def test_start_first_shares_the_ports_with_one_of_the_group() -> None:
    wanted = project(service(command=("new",), deploy=START_FIRST, ports=PORT))
    found = there(seen(labels={labels.SHARED: "p/web"}))
    text = ROLLING.format(last="drain p-web-1: the new one answers now", key="drain p-web-1")
    assert printed(wanted, found) == text
    made = plan(wanted, found).steps[0].action
    assert isinstance(made, steps.Create)
    assert (made.published, made.shared) == (True, "p/web")


def test_a_fixed_address_cannot_be_held_twice() -> None:
    fixed = service(command=("new",), deploy=START_FIRST, networks={"default": Endpoint(ipv4_address="10.0.0.9")})
    text = printed(project(fixed), there(seen()))
    assert text.index("stop p-web-1") < text.index("start p-web-1")


def test_batches_and_delays() -> None:
    update = Update(order="start-first", parallelism=2, delay=5)
    wanted = project(service(command=("new",), scale=3, deploy=Deploy(update_config=update)))
    text = printed(wanted, there(*(seen(number=n) for n in (1, 2, 3))))
    first = "rename web100000000_p-web-1 to p-web-1, rename web200000000_p-web-2 to p-web-2"
    assert f"pause update of web after 2: update_config.delay (after {first})" in text
    assert "create web300000000_p-web-3: its configuration has changed (after pause update of web after 2)" in text
    assert "create web200000000_p-web-2: its configuration has changed\n" in text


def test_replicas_share_a_fixed_port_and_a_single_one_does_not() -> None:
    def groups(one: Service) -> set[str]:
        made = (step.action for step in plan(project(one), there()).steps)
        return {action.shared for action in made if isinstance(action, steps.Create)}

    assert groups(service(scale=2, ports=PORT)) == {"p/web"}
    assert groups(service(ports=PORT)) == {""}
    assert groups(service(scale=2, ports=(Port(target=80, published="8000-8010"),))) == {""}


INTERRUPTED = {
    "the old one is there yet": (
        [seen(), seen(id="b" * 64, name="x", config_hash="n", replaces="web1".ljust(64, "0"), state="created")],
        "remove x: an interrupted replacement",
    ),
    "the old one has gone": (
        [seen(id="b" * 64, name=f"{'a' * 12}_p-web-1", replaces="a" * 64, state="created")],
        f"rename {'a' * 12}_p-web-1 to p-web-1: its replacement was interrupted\n"
        f"start p-web-1: to be started (after rename {'a' * 12}_p-web-1 to p-web-1)",
    ),
    "the old one has gone and the new one runs": (
        [seen(id="b" * 64, name=f"{'a' * 12}_p-web-1", replaces="a" * 64)],
        f"rename {'a' * 12}_p-web-1 to p-web-1: its replacement was interrupted",
    ),
    "nothing was interrupted": ([seen(replaces="a" * 64)], ""),
}


@pytest.mark.parametrize(("found", "text"), INTERRUPTED.values(), ids=INTERRUPTED)
def test_an_interrupted_up_is_brought_right(found: Sequence[Seen], text: str) -> None:
    assert printed(project(service()), there(*found)) == text


def test_what_is_external_has_to_be_there() -> None:
    with pytest.raises(NotFound, match="network net declared as external, but could not be found"):
        printed(project(service(), networks={"default": Network(name="net", external=True)}), Observed())
    with pytest.raises(NotFound, match='external volume "vol" not found'):
        printed(project(service(), volumes={"v": Volume(name="vol", external=True)}), there())


def test_a_network_of_others_is_told() -> None:
    found = Observed(networks={"p_default": NetworkSeen("n", "p_default")})
    assert "was not created by compose" in plan(project(service()), found).warnings[0]
    found = Observed(networks={"p_default": NetworkSeen("n", "p_default", {labels.PROJECT: "q"})})
    assert 'was not created for project "p"' in plan(project(service()), found).warnings[0]
    found = Observed(networks={"p_default": NetworkSeen("n", "p_default", {labels.PROJECT: "p", labels.NETWORK: "x"})})
    with pytest.raises(PlatformError, match="incorrect label"):
        plan(project(service()), found)


def test_a_volume_of_others_is_told() -> None:
    wanted = project(service(), volumes={"v": Volume(name="vol")})
    for own, text in (({}, "was not created by Docker Compose"), ({labels.PROJECT: "q"}, 'created for project "q"')):
        found = there()._replace(volumes={"vol": own})
        assert text in plan(wanted, found).warnings[0]


def test_orphans_are_told_unless_ignored() -> None:
    found = there(seen(), seen("old"))
    assert "Found orphan containers ([p-old-1])" in plan(project(service()), found).warnings[0]
    assert plan(project(service()), found, ignore_orphans=True).warnings == ()
    kept = project(service(), disabled={"old": service("old")})
    assert plan(kept, found).warnings == ()


def test_a_name_of_ones_own_cannot_be_had_twice() -> None:
    with pytest.raises(PlatformError, match="Remove the custom name"):
        plan(project(service(container_name="one", scale=2)), there())


def test_circles_are_told() -> None:
    with pytest.raises(Invalid, match="dependency cycle detected: a -> b -> a"):
        plan(project(service("a", depends_on={"b": DB}), service("b", depends_on={"a": DB})), there())


# --- laws

NAMES = ("a", "b", "c", "d")


@st.composite
def projects(draw: st.DrawFn) -> Project:
    made = []
    for index, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        needs = {other: draw(st.sampled_from((DB, HEALTHY))) for other in NAMES[:index] if draw(st.booleans())}
        deploy = draw(st.sampled_from((None, START_FIRST, Deploy(update_config=Update(parallelism=2, delay=1)))))
        command = draw(st.sampled_from((None, ("new",))))
        made.append(service(name, depends_on=needs, scale=draw(st.integers(0, 3)), deploy=deploy, command=command))
    return project(*made)


@st.composite
def observed(draw: st.DrawFn, states: tuple[str, ...] = ("running", "exited", "created", "paused")) -> Observed:
    found = []
    for name in (*NAMES, "orphan"):
        for number in draw(st.sets(st.integers(1, 5), max_size=4)):
            state = draw(st.sampled_from(states))
            config = draw(st.sampled_from((f"{name}/None/", f"{name}/('new',)/", "old")))
            found.append(seen(name, number, state=state, config_hash=config))
    return there(*found)


def carried_out(wanted: Project, found: Observed, done: Plan) -> Observed:
    """Return what is there after the plan, each step after those it needs."""
    containers = {c.name: c for c in found.containers}
    finished: set[str] = set()
    for step in done.steps:
        assert finished.issuperset(step.after), step
        finished.add(step.key)
        match step.action:
            case steps.Create(name, service=of, number=number, replaces=replaces):
                one = wanted.services[of]
                assert name not in containers
                id = f"new{len(finished)}{of}{number}".ljust(64, "0")
                containers[name] = seen(
                    of, number, id=id, name=name, state="created", config_hash=hash_of(one), replaces=replaces
                )
            case steps.Start(name) | steps.Restart(name):
                containers[name] = containers[name]._replace(state="running")
            case steps.Stop(name):
                containers[name] = containers[name]._replace(state="exited")
            case steps.Remove(name):
                assert containers.pop(name).state != "running"
            case steps.Rename(name, was=was):
                assert name not in containers
                containers[name] = containers.pop(was)._replace(name=name)
    return found._replace(containers=tuple(containers.values()))


@given(projects(), observed())
def test_one_round_brings_it_right(wanted: Project, found: Observed) -> None:
    wish = {"remove_orphans": True}
    after = carried_out(wanted, found, plan(wanted, found, **wish))
    for one in wanted.services.values():
        running = after.of(one.name)
        assert len(running) == one.replicas
        assert all(c.state in ("running", "paused") and c.config_hash == hash_of(one) for c in running)
    assert plan(wanted, after, **wish).steps == ()


@given(projects(), observed(), st.data())
def test_an_up_that_was_cut_off_anywhere_is_brought_right_by_the_next(
    wanted: Project, found: Observed, data: st.DataObject
) -> None:
    whole = plan(wanted, found, remove_orphans=True)
    done = msgspec.structs.replace(whole, steps=whole.steps[: data.draw(st.integers(0, len(whole.steps)))])
    part = carried_out(wanted, found, done)
    after = carried_out(wanted, part, plan(wanted, part, remove_orphans=True))
    assert plan(wanted, after, remove_orphans=True).steps == ()
    assert {c.name for c in after.containers} == {c.name for c in after.containers if "_" not in c.name}, (
        "a temporary name is left"
    )


@given(projects(), observed(("running", "exited")))
def test_a_rolling_update_never_stops_the_last_one_before_a_new_one_runs(wanted: Project, found: Observed) -> None:
    services = {name: msgspec.structs.replace(one, deploy=START_FIRST) for name, one in wanted.services.items()}
    wanted = msgspec.structs.replace(wanted, services=services)
    running = {name: sum(1 for c in found.of(name) if c.state == "running") for name in wanted.services}
    for step in plan(wanted, found).steps:
        if isinstance(step.action, steps.Start):
            running[step.action.service] += 1
        if isinstance(step.action, steps.Stop) and step.update:
            running[step.action.service] -= 1
            assert running[step.action.service] >= 1 or wanted.services[step.action.service].replicas == 0
