"""Flags as pflag reads them."""

import pytest

from boxship.base.errors import Invalid
from boxship.front.cli.flags import Flag, many, number, parse, switch, text

FLAGS = (
    switch("detach", "d"),
    switch("interactive", "i"),
    switch("tty", "t"),
    switch("sig-proxy", "", "", True),
    text("name"),
    text("tail", "n", default="all"),
    many("publish", "p"),
    many("env", "e"),
    number("cpus-max", "c"),
    Flag("network", "", "list", "", "network"),
)

READ = {
    "nothing": ([], {}, ()),
    "long with space": (["--name", "web"], {"name": ["web"]}, ()),
    "long with =": (["--name=web"], {"name": ["web"]}, ()),
    "empty value": (["--name="], {"name": [""]}, ()),
    "a cluster": (["-dit"], {"detach": ["true"], "interactive": ["true"], "tty": ["true"]}, ()),
    "a cluster that ends in a value": (["-itp80:80"], {"publish": ["80:80"]}, ()),
    "a value that sticks": (["-p80:80"], {"publish": ["80:80"]}, ()),
    "a value that sticks with =": (["-p=80:80"], {"publish": ["80:80"]}, ()),
    "a value apart": (["-p", "80:80"], {"publish": ["80:80"]}, ()),
    "repeated": (["-e", "A=1", "-eB=2"], {"env": ["A=1", "B=2"]}, ()),
    "a switch off": (["--sig-proxy=false"], {"sig-proxy": ["false"]}, ()),
    "the rest behind --": (["-d", "--", "-x", "y"], {"detach": ["true"]}, ("-x", "y")),
    "a dash is an argument": (["-", "-d"], {"detach": ["true"]}, ("-",)),
    "flags behind arguments": (["web", "-d"], {"detach": ["true"]}, ("web",)),
    "a value that looks like a flag": (["--name", "-d"], {"name": ["-d"]}, ()),
    "a number in hex": (["-c", "0x10"], {"cpus-max": ["0x10"]}, ()),
}


@pytest.mark.parametrize(("argv", "given", "args"), READ.values(), ids=READ)
def test_read(argv: list[str], given: dict[str, list[str]], args: tuple[str, ...]) -> None:
    parsed = parse(FLAGS, argv)
    for name, values in given.items():
        assert list(parsed.many(name)) == values
    assert parsed.args == args


def test_a_command_that_runs_another_stops_at_the_first_argument() -> None:
    parsed = parse(FLAGS, ["-d", "busybox", "ls", "-t", "--name"], interspersed=False)
    assert parsed.on("detach")
    assert not parsed.on("tty")
    assert parsed.args == ("busybox", "ls", "-t", "--name")


def test_defaults() -> None:
    parsed = parse(FLAGS, [])
    assert parsed.text("tail") == "all"
    assert parsed.on("sig-proxy")
    assert parsed.number("cpus-max") == 0
    assert parsed.many("env") == ()
    assert not parsed.given("name")


WRONG = {
    "unknown": (["--nam", "x"], "unknown flag: --nam (did you mean --name?)"),
    "unknown letter": (["-dx"], "unknown shorthand flag: 'x' in -dx"),
    "one dash too few": (["-network", "x"], "unknown shorthand flag: 'n' in -network"),
    "no value": (["--name"], "flag needs an argument: --name"),
    "no value of a letter": (["-p"], "flag needs an argument: 'p' in -p"),
    "a switch that is neither": (["--tty=maybe"], 'invalid argument "maybe" for "-t, --tty" flag: want true or false'),
    "no number": (["-c", "two"], 'invalid argument "two" for "-c, --cpus-max" flag: want a whole number'),
}


@pytest.mark.parametrize(("argv", "message"), WRONG.values(), ids=WRONG)
def test_wrong(argv: list[str], message: str) -> None:
    flags = FLAGS if argv != ["-network", "x"] else tuple(flag for flag in FLAGS if flag.short != "n")
    with pytest.raises(Invalid) as caught:
        parse(flags, argv)
    assert message in str(caught.value)


def test_one_dash_too_few_is_noticed() -> None:
    flags = tuple(flag for flag in FLAGS if flag.short != "n")
    with pytest.raises(Invalid, match="did you mean --network"):
        parse(flags, ["-network", "x"])


def test_asking_for_a_flag_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(KeyError):
        parse(FLAGS, []).text("nothing")
