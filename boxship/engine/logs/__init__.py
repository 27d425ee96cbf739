"""Logs of containers: read back, rotated and shipped, each driver with its options."""

from boxship.engine.logs.cri import Line
from boxship.engine.logs.query import LogQuery
from boxship.engine.logs.service import Logs

__all__ = ["Line", "LogQuery", "Logs"]
