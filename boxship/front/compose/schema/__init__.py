"""The shape of a compose file as data, and the check of a tree against it. Pure."""
