"""What headers say of limits, as tables."""

import pytest

from boxship.engine.images.registry.limits import explained, pause, retry_after, span

DATE = {"Date": "Tue, 03 Mar 2026 10:00:00 GMT"}
LATER = {**DATE, "Retry-After": "Tue, 03 Mar 2026 10:01:30 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "5"}, 5),
        (LATER, 90),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {"Retry-After": "1"}, None),
        (404, {}, None),
        (503, {}, 0.5),
        (503, {"Retry-After": "2"}, 2),
        (503, {"Retry-After": "600"}, None),
        (429, {}, None),
        (429, {"Retry-After": "3"}, 3),
        (429, LATER, None),
    ],
)
def test_pause(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert pause(status, headers, 0.5) == seconds


def test_explained() -> None:
    headers = {"RateLimit-Limit": "100;w=21600", "Docker-RateLimit-Source": "192.0.2.7", "Retry-After": "60"}
    text = explained("toomanyrequests: You have reached your limit.", headers)
    assert text.startswith("You have reached your limit.; it allows 100 pulls in 6 hours; counted for 192.0.2.7; ")
    assert "try again in 1 minute" in text
    assert explained("", {}).startswith("the registry limits how often it may be asked; logging in")


@pytest.mark.parametrize(("seconds", "text"), [(1, "1 second"), (0, "0 seconds"), (90, "2 minutes"), (7200, "2 hours")])
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text
