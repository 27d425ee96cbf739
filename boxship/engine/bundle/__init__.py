"""From a container spec to an OCI runtime bundle. Pure: reads nothing, writes nothing."""

from boxship.engine.bundle.config import bundle
from boxship.engine.bundle.limits import resources
from boxship.engine.bundle.process import clamped, exec_process

__all__ = ["bundle", "clamped", "exec_process", "resources"]
