"""Images pinned to the digest that their registry tells, through the daemon."""

from urllib.parse import quote

import msgspec

from boxship.front.cli.command import Session
from boxship.front.client.credentials import shown
from boxship.front.compose.model import Project, Service


def with_digests(session: Session, project: Project) -> Project:
    """Return the project with `name:tag@digest` for every image; each image is asked for once. Raises ApiError."""
    known: dict[str, str] = {}

    def pinned(service: Service) -> Service:
        image = service.image
        if not image or "@" in image:
            return service
        full = full_name(image)
        if full not in known:
            path = f"/distribution/{quote(full, safe='/:')}/json"
            told = session.client.call("GET", path, headers=shown(session.environ, full))
            known[full] = told["Descriptor"]["digest"]
        return msgspec.structs.replace(service, image=f"{full}@{known[full]}")

    services = {name: pinned(service) for name, service in project.services.items()}
    return msgspec.structs.replace(project, services=services)


def full_name(image: str) -> str:
    """Return `docker.io/library/nginx:latest` for `nginx`."""
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        image = f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"
