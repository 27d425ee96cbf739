"""Images from and to OCI registries."""

from boxship.engine.images.registry.service import Registries

__all__ = ["Registries"]
