"""Boxship: a container platform. See docs/architecture.md for the floors of the house."""

__version__ = "0.1.0"
