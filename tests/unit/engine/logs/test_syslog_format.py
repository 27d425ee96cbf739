import pytest

from boxship.base.errors import Invalid
from boxship.base.units import parse_rfc3339
from boxship.engine.logs import syslog_format as syslog
from boxship.engine.logs.cri import Line
from boxship.engine.logs.syslog_format import Address, Sender

TIME = parse_rfc3339("2026-11-02T03:04:05.123456789Z")

FORMATS = {
    "": (1, b"<30>Nov  2 03:04:05 web[7]: hello"),
    "rfc3164": (2, b"<27>Nov  2 03:04:05 host web[7]: hello"),
    "rfc5424": (1, b"<30>1 2026-11-02T03:04:05Z host web 7 web - hello"),
    "rfc5424micro": (1, b"<30>1 2026-11-02T03:04:05.123456Z host web 7 web - hello"),
}


@pytest.mark.parametrize("form", FORMATS)
def test_messages(form: str) -> None:
    stream, want = FORMATS[form]
    sender = Sender(hostname="host", tag="web", pid=7, format=form)
    assert syslog.message(Line(TIME, stream, b"hello\n"), sender) == want


def test_facility_and_severity_make_the_priority() -> None:
    sender = Sender(hostname="h", tag="t", pid=1, facility=syslog.facility("local7"))
    assert syslog.message(Line(TIME, 2, b"x\r\n"), sender).startswith(b"<187>")
    assert syslog.facility("") == 3
    assert syslog.facility("kern") == 0
    assert syslog.facility("11") == 11
    for wrong in ("24", "-1", "x"):
        with pytest.raises(Invalid, match="invalid syslog facility"):
            syslog.facility(wrong)


ADDRESSES = {
    "": Address(""),
    "unix:///dev/log": Address("unix", "/dev/log"),
    "unixgram:///run/s.sock": Address("unixgram", "/run/s.sock"),
    "udp://10.0.0.1": Address("udp", "10.0.0.1", 514),
    "tcp://logs.example:1514": Address("tcp", "logs.example", 1514),
    "tcp+tls://[::1]:6514": Address("tcp+tls", "::1", 6514),
}


@pytest.mark.parametrize(("text", "want"), ADDRESSES.items())
def test_addresses(text: str, want: Address) -> None:
    assert syslog.address(text) == want


@pytest.mark.parametrize("text", ["logs", "http://x", "tcp:x", "udp://h:port"])
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(Invalid, match="syslog-address should be in form proto://address"):
        syslog.address(text)


def test_framing() -> None:
    messages = [b"<1>a", b"<1>bc"]
    assert syslog.framed(messages, Address("tcp", "h"), "rfc5424") == b"<1>a\n<1>bc\n"
    assert syslog.framed(messages, Address("tcp+tls", "h"), "rfc5424") == b"4 <1>a5 <1>bc"
    assert syslog.framed(messages, Address("tcp+tls", "h"), "rfc3164") == b"<1>a\n<1>bc\n"
    assert Address("udp", "h").framed
    assert not Address("unix", "/x").framed
