"""Protocols of the ground: what the engine may ask of a host, whoever answers."""
