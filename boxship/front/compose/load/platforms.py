"""Which platform each service is built and run for. Pure."""

import msgspec

from boxship.base.errors import Invalid
from boxship.front.compose.model import Project, Service


def with_platforms(project: Project, *, single: bool = True) -> Project:
    """Return the project with DOCKER_DEFAULT_PLATFORM in services that are built and name no platform themselves.

    single: build for the one platform that will run, as `up` does; `build` alone may make several. Raises Invalid.
    """
    default = project.environment.get("DOCKER_DEFAULT_PLATFORM", "")
    services = {name: _service(service, default, single) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def _service(service: Service, default: str, single: bool) -> Service:
    build = service.build
    if build is None:
        return service
    platform, platforms = service.platform or default, build.platforms
    if platform and platforms and platform not in platforms:
        name = f'service "{service.name}"'
        if not service.platform:
            raise Invalid(f"{name} build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: {default}")
        raise Invalid(f"{name} build configuration does not support platform: {platform}")
    if platform and (single or not platforms):
        platforms = (platform,)
    elif single and len(platforms) > 1:
        platforms = ()  # the builder makes what this machine runs
    return msgspec.structs.replace(
        service, platform=platform, build=msgspec.structs.replace(build, platforms=platforms)
    )
