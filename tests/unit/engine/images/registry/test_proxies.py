"""Which proxy for which address."""

import pytest

from boxship.engine.images.registry.proxies import proxy_for

BOTH = {"http_proxy": "http://p:1", "https_proxy": "http://s:2"}
CASES = {
    "plain": ("http://reg.example/v2/", BOTH, "http://p:1"),
    "secure": ("https://reg.example/v2/", BOTH, "http://s:2"),
    "capital letters": ("https://reg.example/", {"HTTPS_PROXY": "s:2"}, "http://s:2"),
    "no proxy for this kind": ("https://reg.example/", {"http_proxy": "http://p:1"}, None),
    "this machine": ("http://localhost:5000/", BOTH, None),
    "this machine by address": ("http://127.0.0.2:5000/", BOTH, None),
    "this machine by its other address": ("http://[::1]:5000/", BOTH, None),
    "all": ("http://reg.example/", BOTH | {"no_proxy": "*"}, None),
    "by name": ("http://reg.example/", BOTH | {"no_proxy": "a, Reg.Example"}, None),
    "below a name": ("http://a.reg.example/", BOTH | {"no_proxy": "reg.example"}, None),
    "a name that only ends so": ("http://myreg.example/", BOTH | {"no_proxy": "reg.example"}, "http://p:1"),
    "below only": ("http://reg.example/", BOTH | {"no_proxy": ".reg.example"}, "http://p:1"),
    "below, with a dot": ("http://a.reg.example/", BOTH | {"no_proxy": "*.reg.example"}, None),
    "this port": ("http://reg.example:5000/", BOTH | {"NO_PROXY": "reg.example:5000"}, None),
    "another port": ("http://reg.example/", BOTH | {"no_proxy": "reg.example:5000"}, "http://p:1"),
    "a range": ("http://10.1.2.3:5000/", BOTH | {"no_proxy": "10.0.0.0/8"}, None),
    "another range": ("http://11.1.2.3:5000/", BOTH | {"no_proxy": "10.0.0.0/8"}, "http://p:1"),
    "an address": ("http://[fd00::1]:5000/", BOTH | {"no_proxy": "fd00::1"}, None),
    "an address with a port": ("http://[fd00::1]:5000/", BOTH | {"no_proxy": "[fd00::1]:5000"}, None),
    "what is no range": ("http://10.1.2.3/", BOTH | {"no_proxy": "10.0.0.0/x"}, "http://p:1"),
}


@pytest.mark.parametrize(("url", "environ", "wanted"), CASES.values(), ids=CASES)
def test_proxies(url: str, environ: dict[str, str], wanted: str | None) -> None:
    assert proxy_for(url, environ) == wanted
