"""Copies of volumes: snapshots on this host, backups as OCI artifacts in files and registries."""

from boxship.engine.backups.service import Backups

__all__ = ["Backups"]
