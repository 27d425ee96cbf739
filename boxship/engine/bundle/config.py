"""The whole OCI config.json of one container."""

from typing import Any

from boxship.engine.bundle import capabilities, cdi, devices, seccomp, security
from boxship.engine.bundle.limits import all_resources
from boxship.engine.bundle.mounts import init_mount, mounts, propagation
from boxship.engine.bundle.namespaces import extras, namespaces, owns_hostname, remapped
from boxship.engine.bundle.process import process
from boxship.model.runtime import Bundle, HostFacts, Surroundings
from boxship.model.status import Container

OCI_VERSION = "1.0.2"


def bundle(container: Container, host: HostFacts, around: Surroundings) -> Bundle:
    """Return config.json for `container` and what had to be clamped.

    Same arguments, same result. Raises Invalid for a wish that this host cannot fulfil.
    Source: OCI runtime-spec 1.0.2; what Docker adds to it.
    """
    spec = container.spec
    first, process_warnings = process(container, host, around)
    linux, linux_warnings = _linux(container, host, around)
    config: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "process": first,
        "root": {"path": around.rootfs, "readonly": spec.host.readonly_rootfs},
        "mounts": [
            *mounts(container, host, around),
            *(devices.binds(spec.host, around) if remapped(spec.host, around) else ()),
            *init_mount(container, host, around),
        ],
        "linux": linux,
    }
    if owns_hostname(spec.host) and "uts" not in around.namespaces:
        config["hostname"] = around.hostname or spec.hostname
        if spec.domainname and remapped(spec.host, around):  # the kernel setting is not theirs to write
            config["domainname"] = spec.domainname
    if spec.host.annotations:
        config["annotations"] = dict(spec.host.annotations)
    _inject(config, container, around)
    return Bundle(config=config, warnings=(*process_warnings, *linux_warnings))


def _linux(container: Container, host: HostFacts, around: Surroundings) -> tuple[dict[str, Any], tuple[str, ...]]:
    spec = container.spec.host
    limits, warnings = all_resources(spec, host, around)
    masked, read_only = security.system_paths(spec)
    caps = capabilities.granted(spec, host)
    linux: dict[str, Any] = {
        "cgroupsPath": around.cgroup,
        "namespaces": namespaces(spec, around, host),
        "resources": limits,
        "devices": [] if remapped(spec, around) else devices.nodes(spec, around),
        "maskedPaths": masked,
        "readonlyPaths": read_only,
        "rootfsPropagation": propagation(container.mounts),
        "seccomp": seccomp.choose(spec, around.seccomp, caps, host),
        **extras(container.spec.domainname, spec, around),
    }
    return {name: value for name, value in linux.items() if value not in ("", None)}, warnings


def _inject(config: dict[str, Any], container: Container, around: Surroundings) -> None:
    wanted = cdi.edits(container.spec.host, around.cdi)
    if wanted:
        given = {node.path: node for found in around.devices.values() for node in found}
        cdi.apply(config, wanted, given | {node.path: node for node in around.host_devices})
