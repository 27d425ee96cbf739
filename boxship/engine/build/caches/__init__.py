"""Caches that travel: results of steps and what cache mounts hold, in registries, directories and images."""
