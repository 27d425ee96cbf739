import pytest

from boxship.base.errors import Invalid
from boxship.engine.logs import options
from boxship.engine.logs.options import Rotation, Subject
from boxship.model.container import LogSpec


def spec(kind: str = "json-file", **config: str) -> LogSpec:
    return LogSpec(type=kind, config={key.replace("_", "-"): value for key, value in config.items()})


REFUSED = {
    "no such driver": (spec("loki"), "logger: no log driver named 'loki' is registered"),
    "unknown for json-file": (spec(size="1m"), "unknown log opt 'size' for json-file log driver"),
    "unknown for local": (spec("local", x="1"), "unknown log opt 'x' for log driver local"),
    "unknown for journald": (spec("journald", max_size="1m"), "unknown log opt 'max-size' for journald log driver"),
    "unknown for syslog": (spec("syslog", max_file="1"), "unknown log opt 'max-file' for syslog log driver"),
    "mode": (spec(mode="fast"), "logger: logging mode not supported: fast"),
    "buffer without mode": (
        spec(max_buffer_size="1m"), "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ),
    "buffer size": (
        spec(mode="non-blocking", max_buffer_size="big"), "error parsing option max-buffer-size: invalid size: 'big'",
    ),
    "size": (spec(max_size="ten"), "invalid size: 'ten'"),
    "zero size": (spec(max_size="0"), "max-size must be a positive number"),
    "negative size": (spec(max_size="-1"), "max-size must be a positive number"),
    "files": (spec(max_file="x"), 'strconv.Atoi: parsing "x": invalid syntax'),
    "no files": (spec(max_file="0"), "max-file cannot be less than 1"),
    "compress": (
        spec(max_size="1m", max_file="2", compress="maybe"),
        'strconv.ParseBool: parsing "maybe": invalid syntax',
    ),
    "compress one file": (
        spec(max_size="1m", compress="true"),
        "compress cannot be true when max-file is less than 2 or max-size is not set",
    ),
    "tag": (
        spec(tag="{{.Nope}}"),
        "template: log-tag:1:2: executing \"log-tag\" at <.Nope>: can't evaluate field Nope "
        "(want one of Command, DaemonName, FullID, ID, ImageFullID, ImageID, ImageName, Name)",
    ),
    "pattern": (spec(labels_regex="("), "error parsing regexp: missing ), unterminated subpattern at position 0: `(`"),
    "syslog address": (
        spec("syslog", syslog_address="here"), "syslog-address should be in form proto://address, got here",
    ),
    "syslog facility": (spec("syslog", syslog_facility="nobody"), "invalid syslog facility"),
    "syslog format": (spec("syslog", syslog_format="rfc1"), "Invalid syslog format"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "text"), REFUSED.values(), ids=REFUSED)
def test_refusals_are_dockerds(asked: LogSpec, text: str) -> None:
    with pytest.raises(Invalid) as error:
        options.check(asked)
    assert str(error.value) == text


ACCEPTED = [
    spec("none", anything="goes"),
    spec(max_size="10m", max_file="3", compress="true", labels="a", env="B", tag="{{.Name}}", mode="blocking"),
    spec("local", max_size="1k", max_file="2", compress="false", mode="non-blocking", max_buffer_size="4m"),
    spec("journald", labels="a", env_regex="^X", tag="{{.ImageName}}/{{ .Name }}/{{.ID}}"),
    spec("syslog", syslog_address="udp://1.2.3.4:1111", syslog_facility="local3", syslog_format="rfc5424micro"),
    spec("syslog", syslog_address="tcp+tls://h:6514", syslog_tls_ca_cert="/ca", syslog_tls_skip_verify="true"),
    spec("syslog", cache_max_size="1m", cache_disabled="false"),
]


@pytest.mark.parametrize("asked", ACCEPTED)
def test_what_dockerd_takes_is_taken(asked: LogSpec) -> None:
    options.check(asked)


ROTATIONS = {
    "on by default": (spec(), Rotation(max_size=20_000_000, max_file=5, compress=True)),
    "local by default": (spec("local"), Rotation(max_size=20_000_000, max_file=5, compress=True)),
    "sizes are decimal": (spec(max_size="10m", max_file="3"), Rotation(max_size=10**7, max_file=3, compress=False)),
    "a size alone keeps one file": (spec(max_size="1.5k"), Rotation(max_size=1500, max_file=1, compress=False)),
    "files alone": (spec(max_file="2"), Rotation(max_size=20_000_000, max_file=2, compress=True)),
    "one file is never packed": (spec(max_file="1"), Rotation(max_size=20_000_000, max_file=1, compress=False)),
    "local keeps its defaults": (spec("local", max_size="1m"), Rotation(max_size=1_000_000, max_file=5, compress=True)),
    "cache of syslog": (
        spec("syslog", cache_max_size="1m", cache_max_file="2", cache_compress="false"),
        Rotation(max_size=1_000_000, max_file=2, compress=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "want"), ROTATIONS.values(), ids=ROTATIONS)
def test_rotation(asked: LogSpec, want: Rotation) -> None:
    assert options.rotation(asked) == want


def test_the_daemons_options_count_for_the_daemons_driver() -> None:
    default = spec("json-file", max_size="1m", max_file="2")
    assert options.settle(LogSpec(), default) == default
    assert options.settle(spec("local"), default) == spec("local")
    mixed = options.settle(spec("json-file", max_file="9"), default)
    assert mixed.config == {"max-size": "1m", "max-file": "9"}
    assert options.settle(LogSpec(), LogSpec()) == LogSpec(type="json-file")


def test_readable() -> None:
    assert options.readable(spec("local"))
    assert options.readable(spec("syslog"))
    assert not options.readable(spec("none"))
    assert not options.readable(spec("journald", cache_disabled="true"))


SUBJECT = Subject(
    id="abcdef" * 10 + "0123",
    name="web",
    image="nginx:1",
    image_id="sha256:" + "9" * 64,
    command="nginx -g",
    env=("A=1", "PATH=/bin", "EMPTY=", "BARE"),
    labels={"tier": "front", "com.x": "y"},
)


def test_tags() -> None:
    assert options.tag(spec(), SUBJECT) == "abcdefabcdef"
    assert options.tag(spec(tag="{{.ImageName}}/{{.Name}}/{{ .ID }}"), SUBJECT) == "nginx:1/web/abcdefabcdef"
    assert options.tag(spec(tag="{{.FullID}}"), SUBJECT) == SUBJECT.id
    assert options.tag(spec(tag="{{.ImageID}} {{.Command}}"), SUBJECT) == "999999999999 nginx -g"


def test_attributes() -> None:
    assert options.attributes(spec(), SUBJECT) == {}
    assert options.attributes(spec(labels="tier,none", env="A,EMPTY,BARE"), SUBJECT) == {
        "tier": "front", "A": "1", "EMPTY": "",
    }  # fmt: skip
    assert options.attributes(spec(labels_regex="^com", env_regex="^P"), SUBJECT) == {"com.x": "y", "PATH": "/bin"}
    assert options.attributes(spec(tag="{{.Name}}"), SUBJECT) == {"tag": "web"}
