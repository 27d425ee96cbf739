"""Families of Docker's commands that do not exist here yet: one sentence for each, and what to do instead."""

ABSENT = {
    "checkpoint": "checkpoints of containers are not supported yet. `boxship commit` keeps a container's files.",
    "config": "configs belong to clusters, which are not supported yet. `boxship compose` has configs on one machine.",
    "node": "clusters are not supported yet: this is the only node. `boxship info` describes it.",
    "plugin": "Docker's managed plugins are not supported. Volume plugins with a socket in /run/docker/plugins work.",
    "secret": "secrets belong to clusters, which are not supported yet. `boxship compose` has secrets on one machine.",
    "service": "services belong to clusters, which are not supported yet. `boxship compose up --scale` runs copies.",
    "stack": "stacks belong to clusters, which are not supported yet. `boxship compose up` runs the same file here.",
    "swarm": "clusters are not supported yet. `boxship compose up` runs applications on this machine.",
    "trust": "Docker content trust is not supported. Pull NAME@sha256:… to get exactly the image you mean.",
    "volume update": "volumes of clusters are not supported yet, and no other kind can be updated.",
}  # fmt: skip


def absent(words: list[str]) -> str:
    """Return the sentence that refuses `words`, "" where they name nothing of these families."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in ABSENT:
            return f"boxship {name}: {ABSENT[name]}"
    return ""
