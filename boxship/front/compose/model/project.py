"""A whole application as all its files together describe it. Pure."""

from boxship.front.compose.model.base import Extended
from boxship.front.compose.model.network import Network
from boxship.front.compose.model.service import Service
from boxship.front.compose.model.storage import FileObject, Volume


class LanguageModel(Extended, frozen=True, kw_only=True):
    """A model that a runner outside serves to services. context_size: tokens."""

    name: str = ""
    model: str = ""
    context_size: int = 0
    runtime_flags: tuple[str, ...] = ()


class Project(Extended, frozen=True, kw_only=True):
    """The application in canonical form: long forms, absolute paths, names with the project's prefix.

    services:          those that are enabled by profiles and by the services asked for.
    networks, volumes: those that an enabled service uses; the key is what the file calls them, `.name` what the engine
                       does.
    working_dir:       project directory, absolute. compose_files: absolute, in the order read ("-" for standard input).
    environment:       variables that the files were read with. disabled: services that no active profile enables.
    profiles:          those that are active.
    """

    name: str = ""
    services: dict[str, Service] = {}
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    secrets: dict[str, FileObject] = {}
    configs: dict[str, FileObject] = {}
    models: dict[str, LanguageModel] = {}
    working_dir: str = ""
    compose_files: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    disabled: dict[str, Service] = {}
    profiles: tuple[str, ...] = ()

    @property
    def everything(self) -> dict[str, Service]:
        """All services, enabled or not."""
        return {**self.disabled, **self.services}

    def image_of(self, service: Service) -> str:
        """Return the image a service's containers run: `image`, else the one that `build` makes."""
        return service.image or f"{self.name}-{service.name}"
