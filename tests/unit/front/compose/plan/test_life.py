"""down, stop, start, restart, kill, rm and rollback as printed plans."""

import pytest

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose import labels
from boxship.front.compose.model import Dependency, Deploy, Hook, Network, Port, Project, Provider, Service, Update
from boxship.front.compose.plan import life, rollback, steps
from boxship.front.compose.plan.life import Down, View
from boxship.front.compose.plan.steps import Plan, render
from boxship.front.compose.state import NetworkSeen, Observed, Seen

STARTED, HEALTHY = Dependency(condition="service_started"), Dependency(condition="service_healthy")


def service(name: str, **fields: object) -> Service:
    return Service(**{"name": name, "image": "img", **fields})  # type: ignore[arg-type]


WEB = service("web", depends_on={"db": HEALTHY})
PROJECT = Project(name="p", services={"web": WEB, "db": service("db")}, networks={"default": Network(name="p_default")})


def seen(of: str, number: int = 1, **fields: object) -> Seen:
    told = {"id": f"{of}{number}", "name": f"p-{of}-{number}", "service": of, "number": number, "state": "running"}
    return Seen(**{**told, **fields})  # type: ignore[arg-type]


def view(*containers: Seen, project: Project | None = PROJECT, **ground: object) -> View:
    return View(name="p", seen=Observed(containers=containers, **ground), project=project)  # type: ignore[arg-type]


OWN = {labels.PROJECT: "p"}
NETWORKS = {"p_default": NetworkSeen("n1", "p_default", OWN), "other": NetworkSeen("n2", "other", {})}
VOLUMES = {"p_data": {**OWN, labels.VOLUME: "data"}, "kept": {}}

BEFORE = Project(
    name="p", services={"web": service("web", pre_start=(Hook(command=("x",)), Hook(image="y", per_replica=True)))}
)
PROVIDED = Project(
    name="p",
    services={
        "web": service("web", depends_on={"cloud": STARTED}),
        "cloud": Service(name="cloud", provider=Provider(type="cloud")),
    },
)

PLANS: dict[str, tuple[Plan, str]] = {
    "start runs steps before the first start": (
        life.start(view(seen("web", 1, state="created"), seen("web", 2, state="created"), project=BEFORE), ()),
        "run pre_start 1 for web: before the first start\n"
        "run pre_start 2 for p-web-1: before the first start (after run pre_start 1 for web)\n"
        "start p-web-1: it is created (after run pre_start 2 for p-web-1)\n"
        "run pre_start 2 for p-web-2: before the first start (after run pre_start 1 for web)\n"
        "start p-web-2: it is created (after run pre_start 2 for p-web-2)",
    ),
    "start does not run them again": (
        life.start(view(seen("web", state="exited"), project=BEFORE), ()),
        "start p-web-1: it is exited",
    ),
    "down takes away what a step has left": (
        life.down(
            view(seen("web", name="odd", state="exited", one_off=True, hook="pre_start"), project=BEFORE), Down()
        ),
        "remove odd: the project goes down",
    ),
    "down tells providers, after those that depend on them": (
        life.down(view(seen("web"), project=PROVIDED), Down()),
        "stop p-web-1: the project goes down\n"
        "remove p-web-1: the project goes down (after stop p-web-1)\n"
        "tell the provider of cloud: down: the project goes down (after remove p-web-1)",
    ),
    "stop tells providers": (
        life.stop(view(seen("web"), project=PROVIDED), ()),
        "stop p-web-1: asked to stop\ntell the provider of cloud: stop: asked to stop (after stop p-web-1)",
    ),
    "down goes backwards": (
        life.down(view(seen("web"), seen("db"), networks=NETWORKS), Down()),
        "stop p-web-1: the project goes down\n"
        "remove p-web-1: the project goes down (after stop p-web-1)\n"
        "stop p-db-1: the project goes down (after remove p-web-1)\n"
        "remove p-db-1: the project goes down (after stop p-db-1)\n"
        "remove network p_default: the project goes down (after remove p-web-1, remove p-db-1)",
    ),
    "down by labels alone": (
        life.down(
            view(seen("web", labels={labels.DEPENDS_ON: "db:service_started:false"}), seen("db"), project=None), Down()
        ),
        "stop p-web-1: the project goes down\n"
        "remove p-web-1: the project goes down (after stop p-web-1)\n"
        "stop p-db-1: the project goes down (after remove p-web-1)\n"
        "remove p-db-1: the project goes down (after stop p-db-1)",
    ),
    "down of one service leaves the ground": (
        life.down(view(seen("web"), seen("db"), networks=NETWORKS), Down(services=("web",))),
        "stop p-web-1: the project goes down\nremove p-web-1: the project goes down (after stop p-web-1)",
    ),
    "down with volumes and images": (
        life.down(view(networks=NETWORKS, volumes=VOLUMES), Down(volumes=True, images="all")),
        "remove network p_default: the project goes down\nremove volume p_data: asked for\n"
        "remove image img: asked for all",
    ),
    "orphans stay": (life.down(view(seen("gone"), seen("web", one_off=True)), Down()), ""),
    "orphans go": (
        life.down(view(seen("gone", state="exited")), Down(remove_orphans=True)),
        "remove p-gone-1: the project goes down",
    ),
    "external ones stay": (
        life.down(
            view(
                networks=NETWORKS,
                project=Project(name="p", networks={"default": Network(name="p_default", external=True)}),
            ),
            Down(),
        ),
        "",
    ),
    "stop": (
        life.stop(view(seen("web"), seen("db"), seen("db", 2, state="exited")), ()),
        "stop p-web-1: asked to stop\nstop p-db-1: asked to stop (after stop p-web-1)",
    ),
    "stop one": (life.stop(view(seen("web"), seen("db")), ("db",)), "stop p-db-1: asked to stop"),
    "start waits as the files say": (
        life.start(view(seen("web", state="exited"), seen("db", state="created")), ()),
        "start p-db-1: it is created\nwait for db healthy: somebody depends on it (after start p-db-1)\n"
        "start p-web-1: it is exited (after wait for db healthy)",
    ),
    "start waits as the labels say": (
        life.start(
            view(
                seen("web", state="exited", labels={labels.DEPENDS_ON: "db:service_healthy:false"}),
                seen("db"),
                project=None,
            ),
            (),
        ),
        "wait for db healthy: somebody depends on it\nstart p-web-1: it is exited (after wait for db healthy)",
    ),
    "start of what runs": (life.start(view(seen("web"), seen("db")), ()), ""),
    "restart in order": (
        life.restart(view(seen("web"), seen("db")), ()),
        "restart p-db-1: asked to restart\nrestart p-web-1: asked to restart (after restart p-db-1)",
    ),
    "restart one": (life.restart(view(seen("web"), seen("db")), ("db",)), "restart p-db-1: asked to restart"),
    "kill": (
        life.kill(view(seen("web"), seen("db", state="exited")), (), "SIGINT"),
        "kill p-web-1: asked to kill",
    ),
    "pause": (life.pause(view(seen("web"), seen("db", state="paused")), ()), "pause p-web-1: asked to pause"),
    "unpause": (life.unpause(view(seen("web"), seen("db", state="paused")), ()), "unpause p-db-1: asked to unpause"),
    "rm": (
        life.remove(view(seen("web"), seen("db", state="exited"), seen("db", 9, state="exited", one_off=True)), ()),
        "remove p-db-1: asked to remove\nremove p-db-9: asked to remove",
    ),
    "rm with stop": (
        life.remove(view(seen("web")), (), stop_first=True),
        "stop p-web-1: asked to remove\nremove p-web-1: asked to remove (after stop p-web-1)",
    ),
}


@pytest.mark.parametrize(("plan", "text"), PLANS.values(), ids=PLANS)
def test_plans(plan: Plan, text: str) -> None:
    assert render(plan) == text


def test_a_stranger_is_refused() -> None:
    with pytest.raises(Invalid, match="no such service: nobody"):
        life.stop(view(seen("web")), ("nobody",))


def test_nothing_to_take_away_is_told() -> None:
    assert life.down(view(), Down()).warnings == ('Warning: No resource found to remove for project "p".',)


def test_dependents_that_ask_for_it_restart_too() -> None:
    web = service("web", depends_on={"db": Dependency(condition="service_started", restart=True)})
    project = Project(name="p", services={"web": web, "db": service("db")})
    both = view(seen("web"), seen("db"), project=project)
    assert "restart p-web-1: what it depends on restarts (after restart p-db-1)" in render(life.restart(both, ("db",)))
    assert "web" not in render(life.restart(both, ("db",), dependents=False))


def test_hooks_stand_before_the_stop_and_after_the_start() -> None:
    hook = (Hook(command=("x",)),)
    project = Project(name="p", services={"a": service("a", pre_stop=hook, post_start=hook)})
    text = render(life.restart(view(seen("a"), project=project), ()))
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "run pre_stop in p-a-1", "restart p-a-1", "run post_start in p-a-1",
    ]  # fmt: skip


def test_what_a_dependent_without_containers_needs_still_comes_last() -> None:
    chain = Project(
        name="p",
        services={
            "a": service("a", depends_on={"b": STARTED}),
            "b": service("b", depends_on={"c": STARTED}),
            "c": service("c"),
        },
    )
    text = render(life.stop(view(seen("a"), seen("c"), project=chain), ()))
    assert text == "stop p-a-1: asked to stop\nstop p-c-1: asked to stop (after stop p-a-1)"


START_FIRST = Deploy(update_config=Update(order="start-first"))
ROLLED = {labels.PREVIOUS: "x"}


def test_back_to_what_ran_before() -> None:
    project = Project(name="p", services={"web": service("web")})
    plan = rollback.back(project, ["web"], Observed(containers=(seen("web", labels=ROLLED), seen("web", 2))))
    assert render(plan) == (
        "revive the one before p-web-1: asked to roll back\n"
        "stop p-web-1: asked to roll back (after revive the one before p-web-1)\n"
        "remove p-web-1: asked to roll back (after stop p-web-1)\n"
        "rename web1_p-web-1 to p-web-1: the other has gone (after remove p-web-1)\n"
        "start p-web-1: it ran before (after rename web1_p-web-1 to p-web-1)"
    )


def test_back_without_a_gap() -> None:
    ports = (Port(target=80, published="8080"),)
    project = Project(name="p", services={"web": service("web", deploy=START_FIRST, ports=ports)})
    plan = rollback.back(project, ["web"], Observed(containers=(seen("web", labels=ROLLED),)))
    assert [step.key for step in plan.steps] == [
        "revive the one before p-web-1",
        "start web1_p-web-1",
        "wait for web1_p-web-1 steady",
        "move ports of p-web-1 to web1_p-web-1",
        "stop p-web-1",
        "remove p-web-1",
        "rename web1_p-web-1 to p-web-1",
    ]
    revived = plan.steps[0].action
    assert isinstance(revived, steps.Revive)
    assert not revived.published


def test_nothing_to_go_back_to() -> None:
    with pytest.raises(NotFound, match="nothing to roll back"):
        rollback.back(PROJECT, ["web"], Observed(containers=(seen("web"),)))


def test_a_failed_update_is_taken_back() -> None:
    project = Project(name="p", services={"web": service("web", deploy=START_FIRST)})
    old = seen("web", created=100)
    half = seen("web", id="new", name="web1_p-web-1", replaces="web1", created=201, state="exited")
    done = seen("web", 2, id="new2", replaces="gone", created=201)
    before = seen("web", 3, id="new3", replaces="gone too", created=150)
    text = render(rollback.undo(project, "web", Observed(containers=(old, half, done, before)), 200.5))
    assert text.startswith("remove web1_p-web-1: its update failed\nrevive the one before p-web-2: its update failed")
    assert "p-web-3" not in text
    assert "stop p-web-1" not in text


def test_volumes_of_the_project_without_files() -> None:
    text = render(life.down(view(project=None, volumes=VOLUMES), Down(volumes=True)))
    assert text == "remove volume p_data: asked for"
