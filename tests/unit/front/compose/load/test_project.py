"""The whole way: which files, which name, what they extend and include, what is wrong and where."""

from typing import Any

import pytest

from boxship.base.errors import Invalid, NotFound, Unsupported
from boxship.front.compose.load import Options, load, load_tree
from boxship.front.compose.load.meaning import meaningless
from boxship.front.compose.load.normalize import project_name
from boxship.front.compose.load.platforms import with_platforms
from boxship.front.compose.load.profiles import select
from tests.unit.front.compose.load.paper import Paper, loaded, project

ONE = "services: {a: {image: x}}\n"


def service(image: str) -> str:
    return f"services: {{a: {{image: {image}}}}}\n"


def test_default_files_in_their_order() -> None:
    files = {"docker-compose.yml": service("last"), "compose.yml": service("second"), "compose.yaml": service("first")}
    found = loaded(files)
    assert found.project.services["a"].image == "first"
    assert found.warnings[1] == "Using /app/compose.yaml"
    assert project({"docker-compose.yaml": ONE}).compose_files == ("/app/docker-compose.yaml",)


def test_the_override_beside_it_counts() -> None:
    files = {"docker-compose.yml": service("x"), "docker-compose.override.yml": service("y")}
    assert project(files).services["a"].image == "y"
    assert project(files, files=("docker-compose.yml",)).services["a"].image == "x"


def test_files_are_looked_for_above() -> None:
    disk = Paper({"/app/compose.yaml": "services: {a: {image: x, volumes: [./d:/d]}}"}, cwd="/app/src/deep")
    found = load(Options(), {}, disk).project
    assert found.name == "app"
    assert found.services["a"].volumes[0].source == "/app/d"


def test_no_file_at_all() -> None:
    with pytest.raises(NotFound, match="no configuration file provided: not found"):
        project({})


def test_compose_file_names_several() -> None:
    files = {"a.yaml": service("x"), "b.yaml": service("y")}
    assert project(files, {"COMPOSE_FILE": "a.yaml:b.yaml"}).services["a"].image == "y"
    assert project(files, {"COMPOSE_FILE": "b.yaml,a.yaml", "COMPOSE_PATH_SEPARATOR": ","}).services["a"].image == "x"
    assert project({**files, ".env": "COMPOSE_FILE=b.yaml"}).services["a"].image == "y"


def test_standard_input() -> None:
    assert project({"-": ONE}, files=("-",)).compose_files == ("-",)


def test_empty_files() -> None:
    with pytest.raises(Invalid, match="empty compose file"):
        project("")


NAMES = {
    "flag": ({"name": "flag"}, {"COMPOSE_PROJECT_NAME": "variable"}, "name: file\n", "flag"),
    "variable": ({}, {"COMPOSE_PROJECT_NAME": "variable"}, "name: file\n", "variable"),
    "file": ({}, {}, "name: file\n", "file"),
    "file, with variables": ({}, {"X": "Y Z"}, "name: p-${X}-${Q:-q}\n", "p-yz-q"),
    "directory": ({"directory": "/srv/My App.2", "files": ("compose.yaml",)}, {}, "", "myapp2"),
    "where we are": ({}, {}, "", "app"),
}


@pytest.mark.parametrize(("options", "environ", "text", "wanted"), NAMES.values(), ids=NAMES)
def test_names(options: dict[str, Any], environ: dict[str, str], text: str, wanted: str) -> None:
    found = project(text + ONE, environ, **options)
    assert found.name == wanted
    assert found.networks["default"].name == f"{wanted}_default"
    assert found.environment["COMPOSE_PROJECT_NAME"] == wanted


def test_names_that_cannot_be() -> None:
    with pytest.raises(Invalid, match="project name must not be empty"):
        project("name: ___\n" + ONE)
    with pytest.raises(Invalid, match='invalid project name "No": must consist only of lowercase'):
        project(ONE, name="No")
    assert project_name("-_A b.c") == "abc"


def test_env_files() -> None:
    text = "services: {a: {image: '${TAG:-none}'}}"
    assert project({"compose.yaml": text, ".env": "TAG=env"}).services["a"].image == "env"
    assert project({"compose.yaml": text, ".env": "TAG=env"}, {"TAG": "shell"}).services["a"].image == "shell"
    files = {"compose.yaml": text, ".env": "TAG=env", "one": "TAG=one", "two": "TAG=${TAG}two"}
    assert project(files, env_files=("one", "two")).services["a"].image == "onetwo"
    assert project(files, {"COMPOSE_ENV_FILES": "one"}).services["a"].image == "one"
    assert project(files, {"COMPOSE_DISABLE_ENV_FILE": "1"}).services["a"].image == "none"
    with pytest.raises(NotFound, match="couldn't find env file: /app/none"):
        project(files, env_files=("none",))


def test_the_legacy_reading() -> None:
    files = {
        "compose.yaml": "services: {a: {image: x, env_file: own, environment: ['B=${TAG}']}}",
        ".env": 'TAG="q"',
        "own": "A='q'",
    }
    assert project(files).services["a"].environment == {"A": "q", "B": "q"}
    assert project(files, {"COMPOSE_DOTENV": "legacy"}).services["a"].environment == {"A": "'q'", "B": '"q"'}


def test_unset_variables_are_told_once() -> None:
    found = loaded("services: {a: {image: 'x$NO', command: '$NO'}}")
    assert found.warnings == ('The "NO" variable is not set. Defaulting to a blank string.',)


def test_environment_of_files_and_service() -> None:
    files = {
        "compose.yaml": """
services:
  a:
    image: x
    env_file: [one, {path: two, required: false}, {path: none, required: false}, {path: raw, format: raw}]
    environment: {OWN: own, SHELL_ONLY: , NOWHERE: }
""",
        "one": "OWN=file\nA=1\nB=${A}",
        "two": "A=2\nC=$B",
        "raw": "R=\"$A\"",
    }  # fmt: skip
    found = project(files, {"SHELL_ONLY": "shell"}).services["a"]
    assert found.environment == {
        "A": "2", "B": "1", "C": "1", "NOWHERE": None, "OWN": "own", "R": '"$A"', "SHELL_ONLY": "shell",
    }  # fmt: skip
    assert found.env_file == ()
    with pytest.raises(NotFound, match="env file /app/none not found"):
        project("services: {a: {image: x, env_file: none}}")
    with pytest.raises(Invalid, match='unsupported env_file format "odd"'):
        project({"compose.yaml": "services: {a: {image: x, env_file: [{path: f, format: odd}]}}", "f": ""})


def test_extends_over_files_and_directories() -> None:
    files = {
        "compose.yaml": "services: {web: {extends: {file: lib/base.yaml, service: web}, command: own}}",
        "lib/base.yaml": """
services:
  web: {extends: {file: deep/more.yaml, service: more}, volumes: ["./v:/v"], env_file: e}
""",
        "lib/deep/more.yaml": "services: {more: {image: x, command: other, volumes: ['./w:/w']}}",
        "lib/e": "E=1",
    }
    found = project(files).services["web"]
    assert [mount.source for mount in found.volumes] == ["/app/lib/deep/w", "/app/lib/v"]
    assert (found.command, found.image, found.environment) == (("own",), "x", {"E": "1"})


def test_extends_in_a_circle() -> None:
    with pytest.raises(Invalid, match=r"yaml:2: Circular reference:\n  a in .*\n  extends b .*\n  extends a "):
        project("services:\n  a: {extends: b}\n  b: {extends: a}\n")


def test_extends_what_is_not_there() -> None:
    with pytest.raises(Invalid, match=r'compose.yaml:1: cannot extend service "a" .* service "b" not found'):
        project("services: {a: {extends: b}}")
    with pytest.raises(NotFound, match=r"no such file /app/no\.yaml"):
        project("services: {a: {extends: {file: no.yaml, service: b}}}")


def test_includes_have_their_own_directory_and_variables() -> None:
    files = {
        "compose.yaml": "include: [sub/compose.yaml]\nservices: {a: {image: x, depends_on: [b]}}",
        "sub/compose.yaml": "services: {b: {image: 'y:$TAG', volumes: ['./d:/d']}}\nnetworks: {n: }",
        "sub/.env": "TAG=sub",
    }
    found = project(files).services["b"]
    assert (found.image, found.volumes[0].source) == ("y:sub", "/app/sub/d")
    assert project(files, {"TAG": "shell"}).services["b"].image == "y:shell"


def test_includes_that_clash_or_go_round() -> None:
    with pytest.raises(Invalid, match=r"services\.a conflicts with imported resource"):
        project({"compose.yaml": "include: [b.yaml]\nservices: {a: {image: x}}", "b.yaml": service("y")})
    assert project({"compose.yaml": "include: [b.yaml]\nservices: {a: {image: y}}", "b.yaml": service("y")})
    with pytest.raises(Invalid, match="include cycle detected"):
        project({"compose.yaml": "include: [b.yaml]", "b.yaml": "include: [compose.yaml]"})
    with pytest.raises(Unsupported, match="files of other machines"):
        project("include: ['https://example.org/x.git']")


def test_profiles() -> None:
    text = "services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q], depends_on: [b]}}"
    assert list(project(text).services) == ["a"]
    assert list(project(text).disabled) == ["b", "c"]
    assert list(project(text, profiles=("p",)).services) == ["a", "b"]
    assert list(project(text, {"COMPOSE_PROFILES": "p, q"}).services) == ["a", "b", "c"]
    assert list(project(text, profiles=("*",)).services) == ["a", "b", "c"]
    assert list(project(text, services=("b",)).services) == ["b"]
    with pytest.raises(Invalid, match='service "c" depends on undefined service "b"'):
        project(text, profiles=("q",))


def test_services_asked_for_bring_what_they_need() -> None:
    text = """
services:
  a: {image: x, depends_on: [b], networks: [n], volumes: ["vol:/v"]}
  b: {image: x, depends_on: {c: {condition: service_started, required: false}}, secrets: [s]}
  c: {image: x, profiles: [never]}
  d: {image: x, networks: [m]}
networks: {n: , m: }
volumes: {vol: , w: }
secrets: {s: {file: f}, t: {file: g}}
"""
    whole = project(text)
    assert set(whole.networks) == {"default", "n", "m"}
    assert (set(whole.volumes), set(whole.secrets)) == ({"vol"}, {"s"})
    assert list(project(text, services=("a",)).services) == ["a", "b"]
    assert list(select(whole, ("a",), dependencies=False).services) == ["a"]
    assert select(whole, ("a",), dependencies=False).services["a"].depends_on == {}
    with pytest.raises(Invalid, match="no such service: z"):
        project(text, services=("z",))


FAULTS = {
    "an unknown key": (
        "services:\n  web:\n    image: x\n    enviroment: [A=1]\n",
        "4: services.web Additional property enviroment is not allowed (did you mean environment?)",
    ),
    "an unknown key at the top": (
        "servces: {}\n",
        "1: (root) Additional property servces is not allowed (did you mean services?)",
    ),
    "a list instead of a text": (
        "services:\n  web:\n    image: [x]\n",
        "3: services.web.image must be a string",
    ),
    "deep in a list": (
        "services:\n  web:\n    image: x\n    ports:\n      - 80:80\n      - targt: 5\n",
        "6: services.web.ports.1 Additional property targt is not allowed (did you mean target?)",
    ),
    "one of several words": (
        "services: {a: {image: x, depends_on: {b: {condition: service_healty}}}}",
        '1: services.a.depends_on.b.condition must be one of the following: "service_started", '
        '"service_healthy", "service_completed_successfully" (did you mean service_healthy?)',
    ),
    "what is missing": (
        "services:\n  a:\n    image: x\n    volumes:\n      - target: /x\n",
        "5: services.a.volumes.0 type is required",
    ),
    "the same twice": (
        "services:\n  a:\n    image: x\n    group_add:\n      - a\n      - a\n",
        "6: services.a.group_add array items[0,1] must be unique",
    ),
    "too much": (
        "services: {a: {image: x, oom_score_adj: 5000}}",
        "1: services.a.oom_score_adj must be less than or equal to 1000",
    ),
    "a bad port": (
        "services:\n  a:\n    image: x\n    ports: ['1:x']\n",
        "4: invalid containerPort: x",
    ),
    "a bad size": (
        "services:\n  a:\n    image: x\n    mem_limit: much\n",
        "4: services.a.mem_limit: invalid size: 'much' (want a number and a unit, as in 512m or 2g)",
    ),
    "a bad variable": (
        "services:\n  a:\n    image: ${\n",
        "3: invalid interpolation format for services.a.image.\nYou may need to escape any $ with another $.\n${",
    ),
    "no image": (
        "services:\n  a: {command: x}\n",
        '2: service "a" has neither an image nor a build context specified: invalid compose project',
    ),
    "no such network": (
        "services:\n  a:\n    image: x\n    networks:\n      - n\n",
        '5: service "a" refers to undefined network n',
    ),
    "no such volume": (
        "services:\n  a:\n    image: x\n    volumes:\n      - vv:/v\n",
        '5: service "a" refers to undefined volume vv',
    ),
    "no such secret": (
        "services:\n  a:\n    image: x\n    secrets: [s]\n",
        '4: service "a" refers to undefined secret s',
    ),
    "no such config": (
        "services:\n  a:\n    image: x\n    configs: [s]\n",
        '4: service "a" refers to undefined config s',
    ),
    "no such service": (
        "services:\n  a:\n    image: x\n    depends_on: [b]\n",
        '4: service "a" depends on undefined service "b"',
    ),
    "a service like it": (
        "services:\n  web:\n    image: x\n    depends_on: [dbb]\n  db: {image: x}\n  wb: {image: x}\n",
        '4: service "web" depends on undefined service "dbb" (did you mean db?)',
    ),
    "a volume like it": (
        "services:\n  a:\n    image: x\n    volumes: ['dta:/v']\nvolumes: {data: {}}\n",
        '4: service "a" refers to undefined volume dta (did you mean data?)',
    ),
    "no such service to share with": (
        "services: {a: {image: x, network_mode: 'service:b'}}",
        "1: service \"b\" not found for network_mode 'service:b'",
    ),
    "a circle": (
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n",
        "3: dependency cycle detected: a -> b -> a",
    ),
    "two limits": (
        "services:\n  a: {image: x, cpus: 1, deploy: {resources: {limits: {cpus: 2}}}}\n",
        "2: services.a: can't set distinct values on 'cpus' and 'deploy.resources.limits.cpus'",
    ),
    "one name for many": (
        "services:\n  a: {image: x, scale: 2, container_name: cc}\n",
        "2: services.a: can't set container_name and scale as container name must be unique",
    ),
    "a secret from nowhere": (
        "services: {}\nsecrets:\n  s: {name: x}\n",
        "3: secrets.s: one of file|environment must be set",
    ),
    "a config from two places": (
        "services: {}\nconfigs:\n  c:\n    file: f\n    content: c\n",
        "5: configs.c: file|environment|content attributes are mutually exclusive",
    ),
    "an external volume with a driver": (
        "services: {}\nvolumes:\n  v:\n    external: true\n    driver: d\n",
        '5: volumes.v: conflicting parameters "external" and "driver" specified',
    ),
    "an odd health check": (
        "services:\n  a:\n    image: x\n    healthcheck: {test: [RUN, x]}\n",
        '4: healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"',
    ),
    "no mapping": (
        "- a\n",
        "1: Top-level object must be a mapping",
    ),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        project(text)
    assert str(caught.value) == f"/app/compose.yaml:{said}"


def test_faults_name_the_file_that_has_them() -> None:
    files = {"a.yaml": service("x"), "b.yaml": "services:\n  a:\n    imag: y\n"}
    with pytest.raises(Invalid, match=r"^/app/b\.yaml:3: "):
        project(files, files=("a.yaml", "b.yaml"))
    with pytest.raises(Invalid, match=r"^/app/b\.yaml:3: "):
        project({"a.yaml": "include: [b.yaml]", "b.yaml": files["b.yaml"]}, files=("a.yaml",))


def test_version_one() -> None:
    found = project("web: {build: ., links: [db], volumes: ['data:/d']}\ndb: {image: x}\n")
    assert found.services["web"].network_mode == "bridge"
    assert found.services["web"].depends_on.keys() == {"db"}
    assert found.volumes["data"].name == "data"


def test_version_is_told_to_be_obsolete() -> None:
    assert (
        loaded("version: '3.8'\n" + ONE).warnings[0].endswith("the attribute `version` is obsolete, it will be ignored")
    )


def test_resets_and_overrides() -> None:
    base = "services: {a: {image: x, ports: ['80:80'], environment: {A: 1, B: 2}, labels: [l=1]}}"
    over = "services: {a: {ports: !reset [], environment: {A: !reset null}, labels: !override [m=2]}}"
    found = project({"a.yaml": base, "b.yaml": over}, files=("a.yaml", "b.yaml")).services["a"]
    assert (found.ports, found.labels) == ((), {"m": "2"})
    assert found.environment == {"B": "2"}


def test_watched_paths_are_without_links() -> None:
    class Linked(Paper):
        def real(self, path: str) -> str:
            return path.replace("/link/", "/real/")

    text = "services: {a: {image: x, develop: {watch: [{path: ./link/src, action: rebuild}]}}}"
    develop = load(Options(), {}, Linked({"compose.yaml": text})).project.services["a"].develop
    assert develop is not None
    assert develop.watch[0].path == "/app/real/src"


def test_trees_keep_their_variables() -> None:
    disk = Paper(
        {"compose.yaml": "services: {a: {image: '${X:-y}', environment: [A]}}\nsecrets: {s: {environment: A}}"}
    )
    found = load_tree(Options(interpolate=False), {"A": "secret"}, disk)
    assert found.tree["services"]["a"]["image"] == "${X:-y}"
    assert "hidden" not in str(found.tree)


def test_platforms() -> None:
    text = "services: {a: {build: {context: ., platforms: [linux/amd64, linux/arm64]}}, b: {image: x}}"
    found = with_platforms(project(text, {"DOCKER_DEFAULT_PLATFORM": "linux/arm64"}))
    assert found.services["a"].platform == "linux/arm64"
    assert found.services["a"].build is not None
    assert found.services["a"].build.platforms == ("linux/arm64",)
    assert found.services["b"].platform == ""
    with pytest.raises(Invalid, match="does not support value set by DOCKER_DEFAULT_PLATFORM"):
        with_platforms(project(text, {"DOCKER_DEFAULT_PLATFORM": "linux/s390x"}))


def test_what_means_nothing_is_said() -> None:
    text = """
services:
  a: {image: x, deploy: {placement: {constraints: [a==b]}, endpoint_mode: vip}}
  b: {image: x, deploy: {placement: {max_replicas_per_node: 1}}, isolation: hyperv}
  c: {image: x, deploy: {replicas: 2, update_config: {order: start-first}}}
"""
    assert meaningless(project(text)) == (
        "`isolation` has no effect here (b): it is for Windows containers",
        "`deploy.endpoint_mode` has no effect here (a): it is for services of a swarm",
        "`deploy.placement` has no effect here (a, b): there is one host to choose from",
    )
    assert meaningless(project(ONE)) == ()
