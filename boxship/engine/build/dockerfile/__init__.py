"""The Dockerfile language: text in, stages of instructions out. Pure."""

from boxship.engine.build.dockerfile.parse import parse
from boxship.engine.build.dockerfile.source import DockerfileError

__all__ = ["DockerfileError", "parse"]
