"""Logs of containers: read back, rotated and shipped, each driver with its options."""

from boxship.engine.logs.cri import Line
from boxship.engine.logs.ends import Ends
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.rotator import Rotator
from boxship.engine.logs.service import Logs
from boxship.engine.logs.shipping import Shipping

__all__ = ["Ends", "Line", "LogQuery", "Logs", "Rotator", "Shipping"]
