"""nginx and PostgreSQL as Debian ships them: behind names, published ports, volumes; copied, killed, put back."""

import subprocess
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests import programs
from tests.daemons import PROGRAM
from tests.e2e.conftest import Docker
from tests.programs import Account

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.slow]
PATIENCE = 60.0  # seconds
NGINX, POSTGRES = "nginx:debian", "postgres:debian"
HOME = "/var/lib/postgresql"


def imported(host: str, raw: bytes, name: str, path: str) -> str:
    words = ["docker", "-H", host, "import", "--change", f"ENV PATH={path}", "-", name]
    done = subprocess.run(words, input=raw, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return name


@pytest.fixture(scope="module")
def nginx(stock_host: str, images: str) -> str:
    with programs.unpacked(["nginx"]) as root:
        return imported(stock_host, programs.rootfs(root, ["usr/sbin/nginx"]), NGINX, "/usr/sbin:/bin")


@pytest.fixture(scope="module")
def postgres(stock_host: str, images: str) -> str:
    server = programs.newest(r"postgresql-\d+")
    version = server.rpartition("-")[2]
    packages = [server, f"postgresql-client-{version}", "libpq5"]
    with programs.unpacked(packages) as root:
        folder = f"usr/lib/postgresql/{version}"
        wanted = [f"{folder}/bin/{name}" for name in ("initdb", "postgres", "psql")]
        trees = [f"{folder}/lib/{name}" for name in ("dict_snowball.so", "plpgsql.so")]
        trees += [f"usr/share/postgresql/{version}", "usr/share/postgresql-common"]
        trees = [tree for tree in trees if (root / tree).exists()]
        raw = programs.rootfs(root, wanted, trees, [Account("postgres", 70, HOME)])
    return imported(stock_host, raw, POSTGRES, f"/{folder}/bin:/bin")


@pytest.fixture
def network(docker: Docker) -> Iterator[str]:
    name = docker.name("net")
    docker("network", "create", name)
    yield name
    if left := docker.out("ps", "-aq", "--filter", f"network={name}").split():
        docker("rm", "-f", "-v", *left)
    docker("network", "rm", name)


def boxship(docker: Docker, *words: str) -> str:
    done = subprocess.run([str(PROGRAM), "-H", docker.host, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(condition: object) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.1)


CONFIG = """
user root; worker_processes 1; error_log stderr; pid /tmp/nginx.pid; daemon off;
events {{ worker_connections 128; }}
http {{
  access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
  uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; resolver 127.0.0.11 valid=1s;
  server {{ listen 80; {server} }}
}}
"""


def serve(docker: Docker, network: str, server: str, *options: str) -> str:
    name = docker.name("ngx")
    text = CONFIG.format(server=server)
    words = ("run", "-d", "--name", name, "--network", network, "-e", f"CONF={text}", *options, NGINX)
    docker(*words, "sh", "-c", 'mkdir -p /var/log/nginx; echo "$CONF" > /tmp/c; exec nginx -c /tmp/c -e stderr')
    return name


def fetch(port: str, path: str = "/") -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return str(answer.read().decode())
    except OSError as error:
        return str(error)


def test_nginx_behind_nginx(docker: Docker, nginx: str, network: str) -> None:
    """A proxy finds two equal names, new ones too, and serves a volume that it got while it ran."""
    workers = [serve(docker, network, f"return 200 w{n};", "--network-alias", "web") for n in (1, 2)]
    front = serve(
        docker, network, "set $to web; location / { proxy_pass http://$to; } location /files/ { alias /site/; }",
        "-p", "80",
    )  # fmt: skip
    port = docker.out("port", front, "80").split(":")[1].split()[0]
    until(lambda: fetch(port) in ("w1", "w2"))
    seen: set[str] = set()
    until(lambda: seen.add(fetch(port)) or {"w1", "w2"} <= seen)
    docker("rm", "-f", workers[0])
    until(lambda: {fetch(port) for _ in range(5)} == {"w2"})
    volume = docker.name("site")
    docker("run", "--rm", "-v", f"{volume}:/site", NGINX, "sh", "-c", "echo page > /site/a; chmod -R a+rX /site")
    assert "404" in fetch(port, "/files/a")
    boxship(docker, "container", "edit", "--volume-add", f"{volume}:/site:ro", front)
    until(lambda: fetch(port, "/files/a") == "page\n")
    boxship(docker, "container", "edit", "--mount-rm", "/site", front)
    docker("volume", "rm", volume)


START = (
    f"[ -s {HOME}/d/PG_VERSION ] || initdb -A trust -D {HOME}/d --locale=C >/dev/null && "
    f"grep -q 0.0.0.0 {HOME}/d/pg_hba.conf || echo 'host all all 0.0.0.0/0 trust' >> {HOME}/d/pg_hba.conf; "
    f"exec postgres -D {HOME}/d -k /tmp -h '*' -c timezone=GMT -c log_timezone=GMT"
)


def test_postgres_is_killed_copied_and_put_back(docker: Docker, postgres: str, network: str) -> None:
    volume, db = docker.name("pg"), docker.name("db")

    def sql(text: str) -> str:
        words = ("run", "--rm", "--network", network, POSTGRES, "psql", "-h", db, "-U", "postgres", "-tAc", text)
        return docker(*words, check=False).stdout.strip()

    docker(
        "run", "-d", "--name", db, "--network", network, "-u", "postgres", "-v", f"{volume}:{HOME}",
        "--shm-size", "64m", "--stop-signal", "INT", POSTGRES, "sh", "-c", START,
    )  # fmt: skip
    until(lambda: sql("select 1") == "1")
    assert sql("create table t as select generate_series(1, 1000) as n; select sum(n) from t") == "SELECT 1000\n500500"
    copy = boxship(docker, "volume", "snapshot", volume)
    docker("kill", db)
    docker("start", db)
    until(lambda: sql("select sum(n) from t") == "500500")
    assert sql("drop table t") == "DROP TABLE"
    docker("stop", db)
    boxship(docker, "volume", "restore", "-f", volume, copy)
    docker("start", db)
    until(lambda: sql("select sum(n) from t") == "500500")
    docker("rm", "-f", db)
    docker("volume", "rm", volume, copy)
