"""Flags of `run` and `create` to the body of POST /containers/create. Reads the files that flags name."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from boxship.base.errors import Invalid
from boxship.base.units import parse_duration, parse_size
from boxship.front.cli.container import mounts, networks, ports
from boxship.front.cli.flags import Parsed

Body = dict[str, Any]


def body(parsed: Parsed, environ: Mapping[str, str]) -> Body:
    """Return the request for IMAGE [COMMAND] [ARG...] in `parsed.args`. Raises Invalid naming the flag."""
    image, *command = parsed.args
    attach = attached(parsed)
    published = ports.publish(parsed.many("publish"))
    config: Body = {
        "Image": image,
        "Cmd": command or None,
        "Hostname": parsed.text("hostname"),
        "Domainname": parsed.text("domainname"),
        "User": parsed.text("user"),
        "WorkingDir": parsed.text("workdir"),
        "Tty": parsed.on("tty"),
        "OpenStdin": parsed.on("interactive"),
        "StdinOnce": parsed.on("interactive") and "stdin" in attach,
        "AttachStdin": "stdin" in attach,
        "AttachStdout": "stdout" in attach,
        "AttachStderr": "stderr" in attach,
        "Env": _env(parsed, environ),
        "Labels": labels(parsed),
        "Volumes": {spec: {} for spec in parsed.many("volume") if ":" not in spec},
        "ExposedPorts": {**ports.expose(parsed.many("expose")), **{port: {} for port in published}},
        "StopSignal": parsed.text("stop-signal"),
        "Entrypoint": [parsed.text("entrypoint")] if parsed.text("entrypoint") else _cleared(parsed, "entrypoint"),
        "Healthcheck": _health(parsed),
    }
    if parsed.given("stop-timeout"):
        config["StopTimeout"] = parsed.number("stop-timeout")
    config["HostConfig"] = host(parsed)
    config["NetworkingConfig"] = {"EndpointsConfig": networks.endpoints(parsed)}
    return config


def refuse_trust(parsed: Parsed) -> None:
    """Signatures that nobody checks must not seem checked. Raises Invalid."""
    if not parsed.on("disable-content-trust"):
        raise Invalid("Docker content trust is not supported here; use NAME@sha256:… to get exactly the image you mean")


def _cleared(parsed: Parsed, flag: str) -> list[str] | None:
    """`--entrypoint ""` takes the image's entry point away."""
    return [""] if parsed.given(flag) else None


def attached(parsed: Parsed) -> set[str]:
    """Return which of stdin, stdout and stderr the command is connected with."""
    words = {word.lower() for word in parsed.many("attach")}
    if words - {"stdin", "stdout", "stderr"}:
        raise Invalid("valid streams are STDIN, STDOUT and STDERR")
    detached = parsed.knows("detach") and parsed.on("detach")
    if not words and not detached:
        words = {"stdout", "stderr"} | ({"stdin"} if parsed.on("interactive") else set())
    return words


def _env(parsed: Parsed, environ: Mapping[str, str]) -> list[str]:
    words = [line for path in parsed.many("env-file") for line in lines_of(path)]
    words += parsed.many("env")
    if any(word.startswith("=") for word in words):
        raise Invalid("invalid environment variable: =…: a name must stand before the =")
    return [word if "=" in word else f"{word}={environ[word]}" for word in words if "=" in word or word in environ]


def lines_of(path: str) -> list[str]:
    """Return the lines of a file of variables or labels; values stay as they are, quotes too."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.lstrip().rstrip("\r\n") for line in file]
    except OSError as e:
        raise Invalid(f"open {path}: {e.strerror}") from e
    return [line for line in lines if line and not line.startswith("#")]


def labels(parsed: Parsed) -> dict[str, str]:
    words = [line for path in parsed.many("label-file") for line in lines_of(path)]
    return pairs([*words, *parsed.many("label")])


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Return `key=value` words as a dictionary; a key alone has an empty value."""
    return dict(word.partition("=")[::2] for word in words)


def _health(parsed: Parsed) -> Body | None:
    if parsed.on("no-healthcheck"):
        return {"Test": ["NONE"]}
    check: Body = {}
    if parsed.text("health-cmd"):
        check["Test"] = ["CMD-SHELL", parsed.text("health-cmd")]
    for flag, name in (("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod"),
                       ("start-interval", "StartInterval")):  # fmt: skip
        if parsed.given(f"health-{flag}"):
            check[name] = parse_duration(parsed.text(f"health-{flag}"))
    if parsed.given("health-retries"):
        check["Retries"] = parsed.number("health-retries")
    return check or None


_TEXTS = {
    "CgroupParent": "cgroup-parent", "CgroupnsMode": "cgroupns", "CpusetCpus": "cpuset-cpus",
    "CpusetMems": "cpuset-mems", "IpcMode": "ipc", "PidMode": "pid", "Runtime": "runtime", "UsernsMode": "userns",
    "UTSMode": "uts", "VolumeDriver": "volume-driver", "ContainerIDFile": "cidfile", "Isolation": "isolation",
}  # fmt: skip
_NUMBERS = {
    "BlkioWeight": "blkio-weight", "CpuPeriod": "cpu-period", "CpuQuota": "cpu-quota", "OomScoreAdj": "oom-score-adj",
    "CpuCount": "cpu-count", "CpuPercent": "cpu-percent", "IOMaximumIOps": "io-maxiops",
    "CpuRealtimePeriod": "cpu-rt-period", "CpuRealtimeRuntime": "cpu-rt-runtime", "CpuShares": "cpu-shares",
}  # fmt: skip
_LISTS = {
    "CapAdd": "cap-add", "CapDrop": "cap-drop", "DeviceCgroupRules": "device-cgroup-rule", "Dns": "dns",
    "DnsSearch": "dns-search", "ExtraHosts": "add-host", "GroupAdd": "group-add", "Links": "link",
    "VolumesFrom": "volumes-from",
}  # fmt: skip
_SIZES = {
    "Memory": "memory", "MemoryReservation": "memory-reservation", "KernelMemory": "kernel-memory",
    "ShmSize": "shm-size", "IOMaximumBandwidth": "io-maxbandwidth",
}  # fmt: skip
_SWITCHES = {
    "Privileged": "privileged", "PublishAllPorts": "publish-all", "ReadonlyRootfs": "read-only", "AutoRemove": "rm",
}  # fmt: skip


def host(parsed: Parsed) -> Body:
    """Return HostConfig."""
    found: Body = {name: parsed.text(flag) for name, flag in _TEXTS.items()}
    found |= {name: parsed.number(flag) for name, flag in _NUMBERS.items()}
    found |= {name: list(parsed.many(flag)) or None for name, flag in _LISTS.items()}
    found |= {name: _size(parsed, flag) for name, flag in _SIZES.items()}
    found |= {name: parsed.on(flag) for name, flag in _SWITCHES.items()}
    found |= _limits(parsed) | _disks(parsed) | _devices(parsed)
    found |= {
        "NetworkMode": networks.mode(parsed),
        "PortBindings": ports.publish(parsed.many("publish")),
        "RestartPolicy": restart_policy(parsed.text("restart")),
        "LogConfig": {"Type": parsed.text("log-driver"), "Config": pairs(parsed.many("log-opt"))},
        "Binds": [mounts.bind(spec) for spec in parsed.many("volume") if ":" in spec] or None,
        "Mounts": [mounts.mount(spec) for spec in parsed.many("mount")] or None,
        "Tmpfs": dict(spec.partition(":")[::2] for spec in parsed.many("tmpfs")),
        "DnsOptions": [*parsed.many("dns-option"), *parsed.many("dns-opt")],
        "Sysctls": pairs(parsed.many("sysctl")),
        "StorageOpt": pairs(parsed.many("storage-opt")) or None,
        "Annotations": pairs(parsed.many("annotation")) or None,
        "SecurityOpt": [_security(word) for word in parsed.many("security-opt")] or None,
        "Init": parsed.on("init") if parsed.given("init") else None,
    }
    return found


def _size(parsed: Parsed, flag: str) -> int:
    return parse_size(parsed.text(flag)) if parsed.text(flag) else 0


def _limits(parsed: Parsed) -> Body:
    swap = parsed.text("memory-swap")
    swappiness = parsed.number("memory-swappiness")
    return {
        "NanoCpus": nano_cpus(parsed.text("cpus")),
        "MemorySwap": -1 if swap == "-1" else parse_size(swap) if swap else 0,
        "MemorySwappiness": None if swappiness == -1 else swappiness,
        "OomKillDisable": parsed.on("oom-kill-disable"),
        "PidsLimit": parsed.number("pids-limit") if parsed.given("pids-limit") else None,
        "Ulimits": [_ulimit(word) for word in parsed.many("ulimit")],
    }


def nano_cpus(text: str) -> int:
    """Return billionths of a CPU for `--cpus 1.5`. Raises Invalid."""
    try:
        return round(float(text) * 1e9) if text else 0
    except ValueError:
        raise Invalid(f'invalid argument "{text}" for "--cpus" flag: want a number such as 1.5') from None


def _ulimit(text: str) -> Body:
    name, equals, value = text.partition("=")
    soft, colon, hard = value.partition(":")
    try:
        if not equals:
            raise ValueError
        return {"Name": name, "Soft": int(soft), "Hard": int(hard if colon else soft)}
    except ValueError:
        raise Invalid(f"invalid ulimit argument: {text} (want nofile=1024:2048)") from None


def _disks(parsed: Parsed) -> Body:
    def each(flag: str, read: Callable[[str], int]) -> list[Body]:
        return [mounts.throttle(word, read) for word in parsed.many(flag)]

    weights = [mounts.throttle(word, int) for word in parsed.many("blkio-weight-device")]
    return {
        "BlkioWeightDevice": [{"Path": entry["Path"], "Weight": entry["Rate"]} for entry in weights],
        "BlkioDeviceReadBps": each("device-read-bps", parse_size),
        "BlkioDeviceWriteBps": each("device-write-bps", parse_size),
        "BlkioDeviceReadIOps": each("device-read-iops", int),
        "BlkioDeviceWriteIOps": each("device-write-iops", int),
    }


def _devices(parsed: Parsed) -> Body:
    found = [mounts.device(word) for word in parsed.many("device")]
    requests: list[Body] = [mounts.gpus(parsed.text("gpus"))] if parsed.text("gpus") else []
    named = [word for word in found if isinstance(word, str)]
    if named:
        requests.append({"Driver": "cdi", "DeviceIDs": named})
    return {"Devices": [word for word in found if not isinstance(word, str)], "DeviceRequests": requests or None}


def restart_policy(text: str) -> Body:
    """Return name and count of `on-failure:3`. Raises Invalid."""
    name, colon, count = text.partition(":")
    if colon and not count.isdecimal():
        raise Invalid("invalid restart policy format: maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _security(word: str) -> str:
    """A seccomp profile is a file here; the daemon wants its contents."""
    key, equals, value = word.partition("=")
    if not equals:
        key, _, value = word.partition(":")
    if key != "seccomp" or value in ("unconfined", "builtin"):
        return word
    try:
        with open(value) as file:
            return f"seccomp={json.dumps(json.load(file), separators=(',', ':'))}"
    except OSError as e:
        raise Invalid(f"opening seccomp profile ({value}) failed: {e.strerror}") from e
    except ValueError as e:
        raise Invalid(f"compacting json for seccomp profile ({value}) failed: {e}") from e
