"""Where proxies come from, and what is told of them."""

import pytest

from boxship.app.proxies import Proxies, proxies
from boxship.app.settings import Settings
from boxship.base.errors import Invalid

FILE = {"http-proxy": "http://file:1", "no-proxy": "example.org"}


@pytest.mark.parametrize(
    ("settings", "environ", "found"),
    [
        (Settings(), {}, ("", "", "")),
        (Settings(), {"HTTP_PROXY": "http://v:1", "no_proxy": "a,b"}, ("http://v:1", "", "a,b")),
        (Settings(proxies=FILE), {"HTTP_PROXY": "v", "HTTPS_PROXY": "s"}, ("http://file:1", "s", "example.org")),
        (Settings(http_proxy="http://flag:1", proxies=FILE), {}, ("http://flag:1", "", "example.org")),
    ],
)
def test_proxies(settings: Settings, environ: dict[str, str], found: tuple[str, str, str]) -> None:
    assert proxies(settings, environ) == found


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(Invalid, match="ftp-proxy is unknown; known are http-proxy, https-proxy, no-proxy"):
        proxies(Settings(proxies={"ftp-proxy": "x"}), {})


def test_passwords_are_not_told() -> None:
    found = Proxies("http://me:secret@proxy:3128/", "https://proxy:3129", "example.org")
    assert found.shown == ("http://me:xxxxx@proxy:3128/", "https://proxy:3129", "example.org")
    assert found.environ["HTTP_PROXY"] == found.environ["http_proxy"] == "http://me:secret@proxy:3128/"
    assert "HTTP_PROXY" not in Proxies("", "", "").environ
