"""Limits, devices and restart policies of a service. Pure. Source: docker compose, create.go."""

from collections.abc import Iterable
from typing import Any

from boxship.front.compose.model import Blkio, DeviceRequest, Resource, Service

Json = dict[str, Any]
_POLICIES = {"none": "no", "no": "no", "any": "always"}


def restart_policy(service: Service) -> Json:
    """`deploy.restart_policy` wins over `restart`."""
    if service.deploy is not None and service.deploy.restart_policy is not None:
        policy = service.deploy.restart_policy
        return _policy(policy.condition, policy.max_attempts or 0)
    name, _, attempts = service.restart.partition(":")
    return _policy(name, int(attempts) if attempts.isdecimal() else 0)


def _policy(name: str, attempts: int) -> Json:
    return {"Name": _POLICIES.get(name, name), "MaximumRetryCount": attempts}


def resources(service: Service) -> Json:
    """Return the part of HostConfig that limits what a container may use; deploy.resources win."""
    body: Json = {
        "CgroupParent": service.cgroup_parent,
        "Memory": service.mem_limit,
        "MemorySwap": service.memswap_limit,
        "MemoryReservation": service.mem_reservation,
        "CpuCount": service.cpu_count,
        "CpuPeriod": service.cpu_period,
        "CpuQuota": service.cpu_quota,
        "CpuRealtimePeriod": service.cpu_rt_period,
        "CpuRealtimeRuntime": service.cpu_rt_runtime,
        "CpuShares": service.cpu_shares,
        "NanoCpus": round(service.cpus * 1e9),
        "CpuPercent": int(service.cpu_percent * 100),
        "CpusetCpus": service.cpuset,
        "DeviceCgroupRules": list(service.device_cgroup_rules),
        "PidsLimit": service.pids_limit,
    }
    if service.mem_swappiness:
        body["MemorySwappiness"] = service.mem_swappiness
    if service.deploy is not None:
        body.update(_limits(service.deploy.resources.limits))
        reserved = service.deploy.resources.reservations
        if reserved is not None and reserved.memory:
            body["MemoryReservation"] = reserved.memory
    body = {key: value for key, value in body.items() if value}
    body["OomKillDisable"] = service.oom_kill_disable  # told even when false, as docker compose does
    return {**body, **_blkio(service.blkio_config), **_devices(service), **_ulimits(service)}


def _limits(limits: Resource | None) -> Json:
    if limits is None:
        return {}
    told = {"Memory": limits.memory, "NanoCpus": round(limits.cpus * 1e9), "PidsLimit": limits.pids}
    return {key: value for key, value in told.items() if value}


def _devices(service: Service) -> Json:
    plain = [device for device in service.devices if device.source.startswith("/") or "=" not in device.source]
    by_name = [device.source for device in service.devices if device not in plain]  # vendor.com/class=name
    requests = [_request(gpu, ("gpu",)) for gpu in service.gpus]
    if service.deploy is not None and service.deploy.resources.reservations is not None:
        requests += [_request(device) for device in service.deploy.resources.reservations.devices]
    if by_name:
        requests.append({"Driver": "cdi", "DeviceIDs": by_name})
    body: Json = {
        "Devices": [
            {
                "PathOnHost": device.source,
                "PathInContainer": device.target or device.source,
                "CgroupPermissions": device.permissions or "rwm",
            }
            for device in plain
        ],
        "DeviceRequests": requests,
    }
    return {key: value for key, value in body.items() if value}


def _request(device: DeviceRequest, more: Iterable[str] = ()) -> Json:
    told = {
        "Driver": device.driver,
        "Count": device.count,
        "DeviceIDs": list(device.device_ids),
        "Capabilities": [list(dict.fromkeys((*device.capabilities, *more)))],
        "Options": dict(device.options),
    }
    return {key: value for key, value in told.items() if value}


def _ulimits(service: Service) -> Json:
    limits = [
        {"Name": name, "Soft": limit.soft or limit.single, "Hard": limit.hard or limit.single}
        for name, limit in sorted(service.ulimits.items())
    ]
    return {"Ulimits": limits} if limits else {}


def _blkio(blkio: Blkio | None) -> Json:
    if blkio is None:
        return {}
    body: Json = {
        "BlkioWeight": blkio.weight,
        "BlkioWeightDevice": [{"Path": d.path, "Weight": d.weight} for d in blkio.weight_device],
    }
    for name, devices in (
        ("BlkioDeviceReadBps", blkio.device_read_bps),
        ("BlkioDeviceReadIOps", blkio.device_read_iops),
        ("BlkioDeviceWriteBps", blkio.device_write_bps),
        ("BlkioDeviceWriteIOps", blkio.device_write_iops),
    ):
        body[name] = [{"Path": d.path, "Rate": d.rate} for d in devices]
    return {key: value for key, value in body.items() if value}
