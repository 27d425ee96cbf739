"""Containers of this node: requests become stored wishes, one worker per container fulfils them."""

from boxship.engine.containers.service import Containers
from boxship.engine.waiters import Waiter

__all__ = ["Containers", "Waiter"]
