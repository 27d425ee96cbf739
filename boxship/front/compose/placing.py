"""Configs and secrets that are no plain files, put into a container that does not run yet."""

from boxship.front.client.api import Client, segment
from boxship.front.compose import files
from boxship.front.compose.model import Project, Service


def place(client: Client, project: Project, service: Service, id: str) -> None:
    """Put what `files` tells of into a container. Raises Invalid, NotFound, ApiError."""
    files.check(project, service)
    found = list(files.placed(project, service))
    if found:
        query = {"path": "/", "copyUIDGID": any(file.uid or file.gid for file in found)}
        headers = {"Content-Type": "application/x-tar"}
        reply = client.stream(
            "PUT", f"/containers/{segment(id)}/archive", query, body=files.archive(found), headers=headers
        )
        reply.body()
