"""Images from Dockerfiles: parse, plan, solve. The doors (classic /build, BuildKit, the CLI) translate to `api`.

The service is `service.Builder`; it is not imported here, so that the pure parts can be had alone.
"""
