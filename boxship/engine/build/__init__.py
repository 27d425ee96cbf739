"""Images from Dockerfiles: parse, plan, solve. The doors (classic /build, BuildKit, the CLI) translate to `api`."""

from boxship.engine.build.service import Builder

__all__ = ["Builder"]
