"""`boxship registry serve`: settings, wiring and the process of the registry server."""
