"""Go templates as `--format` uses them. What Go prints was tried with the docker CLI."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.base.errors import Invalid
from boxship.front.cli.template import parse, render

DATA: dict[str, Any] = {
    "ID": "4f5e",
    "State": {"Running": True, "ExitCode": 0, "Health": None},
    "Names": ["/web", "/front"],
    "Labels": {"com.example.role": "web", "b": "2"},
    "Count": 3,
    "Ratio": 0.5,
    "Empty": [],
    "NetworkSettings": {
        "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "90/tcp": None},
        "Networks": {"a": {"IPAddress": "10.0.0.2"}, "b": {"IPAddress": "10.0.1.2"}},
    },
}

RENDERED = {
    "text": ("plain", "plain"),
    "a field": ("{{.ID}}", "4f5e"),
    "a field below": ("{{.State.Running}}", "true"),
    "spaces": ("{{ .State.ExitCode }}", "0"),
    "text around": ("<{{.ID}}>", "<4f5e>"),
    "the whole": ("{{.State}}", "map[ExitCode:0 Health:<no value> Running:true]"),
    "a list": ("{{.Names}}", "[/web /front]"),
    "if": ("{{if .State.Running}}up{{end}}", "up"),
    "if not": ("{{if .State.Health}}up{{else}}none{{end}}", "none"),
    "else if": ("{{if .Empty}}a{{else if .Count}}b{{else}}c{{end}}", "b"),
    "range": ("{{range .Names}}[{{.}}]{{end}}", "[/web][/front]"),
    "range with an index": ("{{range $i, $n := .Names}}{{$i}}={{$n}} {{end}}", "0=/web 1=/front "),
    "range over a map, by key": ("{{range $k, $v := .Labels}}{{$k}}:{{$v}};{{end}}", "b:2;com.example.role:web;"),
    "range with one variable": ("{{range $v := .Names}}{{$v}}{{end}}", "/web/front"),
    "range of nothing": ("{{range .Empty}}x{{else}}nothing{{end}}", "nothing"),
    "addresses, as the lectures ask": (
        "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
        "10.0.0.2 10.0.1.2 ",
    ),
    "with": ("{{with .State}}{{.ExitCode}}{{end}}", "0"),
    "with of nothing": ("{{with .State.Health}}x{{else}}none{{end}}", "none"),
    "the root in a range": ("{{range .Names}}{{$.ID}}{{end}}", "4f5e4f5e"),
    "a variable": ("{{$x := .ID}}{{$x}}", "4f5e"),
    "index of a map": ('{{index .Labels "com.example.role"}}', "web"),
    "index of a list": ("{{index .Names 1}}", "/front"),
    "index within": ('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"),
    "index by two": ('{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}', "8080"),
    "json": ("{{json .Names}}", '["/web","/front"]'),
    "json of all": ("{{json .State}}", '{"Running":true,"ExitCode":0,"Health":null}'),
    "a pipeline": ("{{.Names | json}}", '["/web","/front"]'),
    "two pipes": ('{{.ID | upper | printf "%s!"}}', "4F5E!"),
    "join": ('{{join .Names ", "}}', "/web, /front"),
    "split": ('{{index (split "a,b" ",") 1}}', "b"),
    "len": ("{{len .Names}}", "2"),
    "printf": ('{{printf "%-5s|%03d|%.2f|%q" .ID .Count .Ratio "x"}}', '4f5e |003|0.50|"x"'),
    "println": ("{{println .ID .Count}}", "4f5e 3\n"),
    "eq": ("{{eq .Count 3}}{{eq .ID `4f5e`}}{{ne .Count 3}}", "truetruefalse"),
    "eq of several": ('{{eq .ID "x" "4f5e"}}', "true"),
    "comparison": ("{{if and (gt .Count 2) (lt .Count 4)}}three{{end}}", "three"),
    "or gives the first that counts": ('{{or .Empty "none"}}', "none"),
    "not": ("{{not .State.Running}}", "false"),
    "slice": ("{{slice .ID 0 2}}", "4f"),
    "truncate": ("{{truncate .ID 3}}", "4f5"),
    "pad": ("[{{pad .ID 1 2}}]", "[ 4f5e  ]"),
    "title, lower": ('{{title "abc"}}{{lower "ABC"}}', "Abcabc"),
    "raw string": ("{{`a{{b`}}", "a{{b"),
    "a comment": ("a{{/* no */}}b", "ab"),
    "trim left": ("a  {{- .Count}}", "a3"),
    "trim right": ("{{.Count -}}  b", "3b"),
    "trim both": ("a {{- /* c */ -}} b", "ab"),
    "a dash that does not trim": ("{{printf `%d` -3}}", "-3"),
    "true and nil": ("{{true}} {{json nil}}", "true null"),
    "nested blocks": ("{{range .Names}}{{if eq . `/web`}}W{{else}}-{{end}}{{end}}", "W-"),
}


@pytest.mark.parametrize(("form", "text"), RENDERED.values(), ids=RENDERED)
def test_rendered(form: str, text: str) -> None:
    assert render(parse(form), DATA) == text


def test_go_writes_some_names_in_other_letters() -> None:
    assert render(parse("{{.APIVersion}} {{.ID}}"), {"ApiVersion": "1.51", "Id": "a"}) == "1.51 a"


def test_a_field_may_be_a_function() -> None:
    assert render(parse('{{.Label "a"}}{{(.Label "a") | upper}}'), {"Label": lambda name: f"<{name}>"}) == "<a><A>"


FUNCTIONS = {
    '{{title "the old HAT"}}': "The Old HAT",
    '{{print 1 2 "a" 3}}': "1 2a3",
    '{{html "<a>"}}': "&lt;a&gt;",
    '{{urlquery "a b&"}}': "a+b%26",
    '{{js "it\'s"}}': "it\\'s",
}


@pytest.mark.parametrize("form", FUNCTIONS)
def test_functions_of_go(form: str) -> None:
    assert render(parse(form), {}) == FUNCTIONS[form]


WRONG = {
    "an unknown field": ("{{.id}}", 'map has no entry for key "id" (did you mean .ID?)'),
    "a field of nothing": ("{{.State.Health.Status}}", "nil pointer evaluating .Status"),
    "a field of a text": ("{{.ID.X}}", "can't evaluate field X"),
    "an unclosed tag": ("{{.ID", "unclosed action"),
    "an unclosed block": ("{{if .ID}}x", "an {{end}} is missing"),
    "an end too many": ("x{{end}}", "unexpected {{end}}"),
    "an unknown function": ("{{shout .ID}}", 'function "shout" not defined'),
    "an unknown variable": ("{{$y}}", "undefined variable"),
    "an open parenthesis": ("{{(len .ID}}", "unclosed left paren"),
    "nothing": ("{{}}", "cannot read"),
    "a position that is not there": ("{{index .Names 7}}", "error calling index"),
    "something else": ("{{ & }}", "unexpected '&'"),
}


@pytest.mark.parametrize(("form", "message"), WRONG.values(), ids=WRONG)
def test_wrong(form: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        render(parse(form), DATA)
    assert message in str(caught.value)


@given(st.text(st.characters(exclude_characters="{}", codec="utf-8")))
def test_text_without_braces_stays_as_it_is(text: str) -> None:
    assert render(parse(text), DATA) == text


@given(st.text(max_size=60))
def test_nonsense_is_refused_or_rendered_but_never_breaks(body: str) -> None:
    try:
        assert isinstance(render(parse("{{" + body + "}}"), DATA), str)
    except Invalid:
        pass
