"""Where volumes live. One Protocol (api.py), one file per driver."""
