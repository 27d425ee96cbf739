"""`boxship compose build`: the keys of a build section, by our own builder."""

import pytest

from tests.e2e.test_compose import Project
from tests.e2e.test_compose import compose as compose

pytestmark = [pytest.mark.e2e, pytest.mark.root]
FILE = """
services:
  base:
    image: built-base
    build:
      context: .
      dockerfile_inline: |
        FROM busybox
        ARG FLAVOUR
        RUN echo $$FLAVOUR > /flavour
      args: {FLAVOUR: "${FLAVOUR:-plain}"}
  web:
    image: built-web
    command: cat /all
    build:
      context: web
      dockerfile: ../Web.Dockerfile
      target: last
      additional_contexts: {base: "service:base", more: ./more}
      secrets: [token, {source: file, target: other}]
      labels: {role: front}
      tags: [built-web:second]
      extra_hosts: ["somewhere:10.1.2.3"]
      cache_to: ["type=local,dest=cache"]
secrets: {token: {environment: TOKEN}, file: {file: ./secret}}
"""
DOCKERFILE = """FROM base AS first
COPY --from=more text /more
COPY own /own
FROM first AS last
RUN --mount=type=secret,id=token --mount=type=secret,id=other \\
    cat /flavour /more /own /run/secrets/token /run/secrets/other > /all; grep -o 10.1.2.3 /etc/hosts >> /all
FROM last AS never
RUN false
"""


def test_all_keys_of_a_build(compose: Project) -> None:
    compose.write(FILE)
    for name, text in (
        ("Web.Dockerfile", DOCKERFILE),
        ("secret", "s3\n"),
        ("web/own", "own\n"),
        ("more/text", "more\n"),
    ):
        (compose.folder / name).parent.mkdir(exist_ok=True)
        (compose.folder / name).write_text(text)
    try:
        told = compose("build", "--build-arg", "FLAVOUR=sweet", env={"TOKEN": "t0\n"})
        assert "RUN --mount=type=secret,id=token" in told.stderr
        shown = compose("run", "--rm", "-T", "--no-deps", "web", env={"TOKEN": "t0"}).stdout
        assert shown == "sweet\nmore\nown\nt0\ns3\n10.1.2.3\n"
        told = compose.docker.out("image", "inspect", "built-web:second", "--format", "{{json .Config.Labels}}")
        assert '"role":"front"' in told
        assert f'"com.docker.compose.project":"{compose.folder.name}"' in told
        assert (compose.folder / "cache" / "index.json").is_file()
        refused = compose("build", "--builder", "other", check=False)
        assert "there is one builder" in refused.stderr
        compose.write(FILE.replace("target: last", "target: never"))
        failed = compose("build", "web", env={"TOKEN": "t"}, check=False)
        assert failed.returncode == 1
        assert "target web: failed to solve" in failed.stderr
        assert "RUN false" in failed.stderr
        compose.write(FILE.replace("target: last", "privileged: true"))
        assert "services.web.build.privileged is not supported" in compose("build", check=False).stderr
    finally:
        compose.docker("rmi", "-f", "built-base", "built-web", "built-web:second", check=False)
