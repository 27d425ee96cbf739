"""The stock docker buildx, aimed at the daemon under test."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FETCHED = f"{sys.prefix}/stock/root/usr/libexec/docker/cli-plugins"
PLACES = (FETCHED, "/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins")


def program() -> str:
    """Return docker-buildx 0.13, which `make setup-test` fetches. BOXSHIP_STOCK_BUILDX may name it, or it is beside
    BOXSHIP_STOCK_COMPOSE, or installed."""
    given = os.environ.get("BOXSHIP_STOCK_BUILDX")
    if given:
        return given
    beside = [str(Path(os.environ["BOXSHIP_STOCK_COMPOSE"]).parent)] if "BOXSHIP_STOCK_COMPOSE" in os.environ else []
    for place in (*beside, *PLACES):
        if (Path(place) / "docker-buildx").exists():
            return f"{place}/docker-buildx"
    pytest.skip("no Debian mirror is near to fetch docker buildx from; BOXSHIP_STOCK_BUILDX may name it")


@dataclass(frozen=True)
class Buildx:
    """`docker buildx WORDS` in one directory. environment: where the daemon is, and the client's configuration."""

    plugin: str
    root: Path
    environment: dict[str, str]

    def write(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def __call__(
        self, *words: str, check: bool = True, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        done = subprocess.run(
            [self.plugin, *words], cwd=self.root, env={**self.environment, **(env or {})}, input=stdin,
            capture_output=True, timeout=100,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr.decode()
        return done

    def build(self, dockerfile: str, *words: str, check: bool = True, **more: "dict[str, str]") -> str:
        """Build `dockerfile`'s text here; return what was shown."""
        self.write("Dockerfile", dockerfile)
        done = self("build", "--progress", "plain", *words, ".", check=check, **more)
        return done.stderr.decode() if check else f"{done.returncode}\n{done.stderr.decode()}"
