"""What a file asks for that this engine cannot give, and without which a container would be wrong: refused. Pure."""

from boxship.base.errors import Unsupported
from boxship.front.compose.model import Project


def refuse(project: Project) -> None:
    """Raises Unsupported for what a container would have to have to be right."""
    for name, service in project.services.items():
        for key, asked in (
            ("provider", service.provider is not None),
            ("pre_start", bool(service.pre_start)),
            ("use_api_socket", service.use_api_socket),
        ):
            if asked:
                raise Unsupported(f"services.{name}.{key} is not supported")
