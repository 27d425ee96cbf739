"""The canonical project as text: YAML and JSON as docker compose prints them, and the hashes of services. Pure."""
