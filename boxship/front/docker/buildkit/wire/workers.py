"""What the builder says of itself. Pure."""

import msgspec

from boxship.front.docker.buildkit.pb.ops_pb2 import Platform
from boxship.front.docker.buildkit.pb.types_pb2 import BuildkitVersion, GCPolicy, WorkerRecord

# Whoever has images in a store of their own can export and cache as clients want it; they know it by this label.
SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"
GATEWAY = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"

FRONTEND_CAPS = (
    *(
        "solve.base",
        "solve.inlinereturn",
        "resolveimage",
        "resolveimage.resolvemode",
        "readfile",
        "return",
        "returnmap",
    ),
    *("readdir", "statfile", "importcaches", "proto.refarray", "frontend.inputs", "gateway.solve.metadata"),
    *("frontend.caps", "reference.output", "gateway.solve.evaluate", "gateway.evaluate", "gateway.warnings"),
)
LLB_CAPS = (
    *("source.image", "source.image.resolvemode", "source.local", "source.local.unique", "source.local.sessionid"),
    *("source.local.includepatterns", "source.local.followpaths", "source.local.excludepatterns"),
    *("source.local.sharedkeyhint", "source.local.differ", "source.git", "source.git.keepgitdir"),
    *("source.git.fullurl", "source.http", "source.http.checksum", "source.http.perm", "soruce.http.uidgid"),
    *("exec.meta.base", "exec.meta.cgroup.parent", "exec.meta.network", "exec.meta.security", "exec.meta.ulimit"),
    *("exec.meta.setsdefaultpath", "exec.mount.bind", "exec.mount.cache", "exec.mount.cache.sharing"),
    *("exec.mount.selector", "exec.mount.tmpfs", "exec.mount.tmpfs.size", "exec.mount.secret", "exec.mount.ssh"),
    *(
        "exporter.image.attestations",
        "exec.secretenv",
        "file.base",
        "file.rm.wildcard",
        "file.copy.includeexcludepatterns",
        "constraints",
        "platform",
    ),
    *("meta.ignorecache", "meta.description", "meta.exportcache", "exporter.sourcedateepoch", "exporter.multiple"),
)


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """platform: (os, architecture, variant) of this machine.  gateway: address of the host for steps, "" for none."""

    id: str
    version: str
    platform: tuple[str, str, str]
    gateway: str = ""


def version(about: Worker) -> BuildkitVersion:
    return BuildkitVersion(package="boxship", version=about.version)


def worker(about: Worker) -> WorkerRecord:
    os, architecture, variant = about.platform
    labels = {SNAPSHOTTER: "overlayfs", "org.mobyproject.buildkit.worker.executor": "boxship"}
    if about.gateway:
        labels[GATEWAY] = about.gateway
    return WorkerRecord(
        id=about.id,
        labels=labels,
        platforms=[Platform(os=os, architecture=architecture, variant=variant)],
        gc_policy=[GCPolicy(all=True)],
        buildkit_version=version(about),
    )
