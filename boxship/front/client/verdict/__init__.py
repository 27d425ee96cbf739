"""Why a container is in its state: a decider over what the daemon tells of it. Pure."""
