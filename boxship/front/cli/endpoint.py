"""Which daemon a command line speaks to: -H, -c, the environment, the context in use. Source: docker/cli."""

from collections.abc import Mapping

from boxship.base.errors import Invalid, NotFound
from boxship.front.cli.flags import Parsed
from boxship.front.client.api import DEFAULT_HOST, Client, host_from, parse_host, tls_from
from boxship.front.client.contexts import DEFAULT, ContextStore, chosen, read_config
from boxship.front.client.wire import Address

_TLS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")


def environment(given: Parsed, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment with --config in the place that DOCKER_CONFIG has."""
    return {**environ, "DOCKER_CONFIG": given.text("config")} if given.text("config") else environ


def context_name(given: Parsed, environ: Mapping[str, str]) -> str:
    """Return the name of the context in use. Raises Invalid for flags that contradict each other."""
    hosts, flag = given.many("host"), given.text("context")
    if len(hosts) > 1:
        raise Invalid("specify only one -H")
    if hosts and flag:
        raise Invalid("conflicting options: cannot specify both --host and --context")
    return chosen(flag, bool(hosts), environ)


def client(given: Parsed, environ: Mapping[str, str]) -> Client:
    """Return the daemon of a command line, not connected yet. Raises Invalid, NotFound."""
    return Client(resolve(given, environ), read_config(environ).get("HttpHeaders"))


def resolve(given: Parsed, environ: Mapping[str, str]) -> Address:
    """Return where the daemon listens. Raises Invalid, NotFound."""
    name = context_name(given, environ)
    if name == DEFAULT:
        tls = tls_from(environ, {flag: given.text(flag) for flag in _TLS})
        hosts = given.many("host")
        return parse_host(hosts[0] if hosts else host_from(environ), tls)
    store = ContextStore(environ)
    context = store.find(name)
    if not context.host and "docker" not in (context.meta.get("Endpoints") or {}):
        raise NotFound(f'context "{name}" has no endpoint of a daemon; `boxship context update {name} --docker host=…`')
    return parse_host(context.host or DEFAULT_HOST, store.tls(context))
