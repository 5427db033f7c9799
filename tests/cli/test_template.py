"""Go templates as docker's users write them; the expected texts are what docker prints for the same template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.cli.template import Template
from scow.errors import Invalid

DATA = {
    "Name": "/web",
    "State": {"Running": True, "Pid": 5, "Health": None},
    "Env": ["A=1", "B=2"],
    "Labels": {"b": "2", "a": "1", "dotted.name": "<&>"},
    "Empty": [],
    "Size": 1.5,
    "Nothing": None,
}

TABLE = [
    ("{{.Name}}", "/web"),
    ("a{{.Name}}b", "a/webb"),
    ("{{json .State}}", '{"Running":true,"Pid":5,"Health":null}'),
    ("{{json .Labels}}", '{"a":"1","b":"2","dotted.name":"\\u003c\\u0026\\u003e"}'),
    ("{{range .Env}}{{println .}}{{end}}", "A=1\nB=2\n"),
    ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;dotted.name=<&>;"),
    ("{{range $i, $e := .Env}}{{if $i}},{{end}}{{$e}}{{end}}", "A=1,B=2"),
    ("{{range .Empty}}x{{else}}none{{end}}", "none"),
    ("{{range .Env}}{{break}}{{end}}{{range .Env}}{{continue}}x{{end}}", ""),
    ('{{if eq .State.Pid 5}}yes{{else}}no{{end}}{{if ne .Name "x"}}!{{end}}', "yes!"),
    ("{{if .Empty}}a{{else if .State.Running}}b{{else}}c{{end}}", "b"),
    ("{{if and .State.Running (gt .State.Pid 3)}}ok{{end}}", "ok"),
    ("{{or .Nothing .Name}} {{and .Name .Nothing}}", "/web <no value>"),
    ("{{not .Nothing}} {{not .Name}}", "true false"),
    ('{{index .Labels "dotted.name"}} {{index .Env 1}} {{index .Labels "none"}}', "<&> B=2 <no value>"),
    ("{{(index .Env 0)}} {{len .Env}} {{len .Name}}", "A=1 2 4"),
    ('{{.State.Pid | printf "%05d"}}|{{printf "%-6s|%6s|%q" .Name .Name .Name}}', '00005|/web  |  /web|"/web"'),
    ('{{printf "%x %o %b %c %U %t %v %T" 255 8 5 65 65 true .Env .Name}}', "ff 10 101 A U+0041 true [A=1 B=2] string"),
    ('{{printf "%d" .Name}} {{printf "%s"}} {{printf "a" 1}}', "%!d(string=/web) %!s(MISSING) a%!(EXTRA int=1)"),
    ('{{printf "%.2f %6.1f %+d %%" .Size .Size 5}}', "1.50    1.5 +5 %"),
    ('{{join .Env ","}} {{split .Name "/"}} {{upper .Name}} {{lower "AB"}} {{title "ab"}}', "A=1,B=2 [ web] /WEB ab Ab"),
    ('{{truncate .Name 2}} {{pad "x" 1 2}}| {{slice .Name 1 3}}', "/w  x  | we"),
    ("{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}x{{else}}-{{end}}", "5-"),
    ("{{$x := .Name}}{{$x}}{{$x = 3}}{{$x}}", "/web3"),
    ("{{range .Env}}{{$.Name}}{{end}}", "/web/web"),
    ("  {{- .Name -}}  ", "/web"),
    ("a {{/* comment */}} b{{- /* c */ -}} d", "a  bd"),
    ('{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}', "</web>"),
    ('{{block "t" .Env}}{{len .}}{{end}}', "2"),
    ("{{.Labels}} {{.Env}} {{.Size}} {{.Nothing}} {{.State.Running}}", "map[a:1 b:2 dotted.name:<&>] [A=1 B=2] 1.5 <no value> true"),
    ('{{html "<a>"}} {{urlquery "a b"}} {{print 1 2 "x" 3}} {{println 1 "x"}}', "&lt;a&gt; a+b 1 2x3 1 x\n"),
    ("{{`raw \\n`}} {{\"esc\\t\"}} {{'a'}}", "raw \\n esc\t 97"),
    ("{{1.5}} {{0x10}} {{true}} {{-3}}", "1.5 16 true -3"),
    ("{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 1 2}} {{eq 1 2 1}}", "true true false false true"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_renders(text: str, expected: str) -> None:
    assert Template(text).render(DATA) == expected


WRONG = [
    ("{{.Name", "template: :1: unclosed action"),
    ("{{nosuch .}}", 'template: :1: function "nosuch" not defined'),
    ("{{if .Name}}", "unexpected EOF"),
    ("{{end}}", "unexpected {{end}}"),
    ("{{}}", "missing value for command"),
    ("{{range}}{{end}}", "missing value for range"),
    ('{{"abc}}', "unterminated quoted string"),
    ("{{(.Name}}", "unclosed left paren"),
    ("{{.Name | }}", "missing value for command"),
    ("{{if .Name}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"),
    ("{{.Missing}}", 'executing "" at <.Missing>: map has no entry for key "Missing"'),
    ("{{.Name.Sub}}", "can't evaluate field Sub in type"),
    ("{{$nosuch}}", "undefined variable: $nosuch"),
    ("{{index .Env 9}}", "index out of range: 9"),
    ("{{lt 1 .Name}}", "incompatible types for comparison"),
    ("{{len 3}}", "error calling len"),
    ("{{upper 3}}", "wrong arguments for upper"),
    ("{{.Name .Env}}", "can't give argument to non-function Name"),
    ("{{range .Size}}{{end}}", "range can't iterate over 1.5"),
    ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', "exceeded maximum template depth"),
    ('{{template "nosuch"}}', 'template "nosuch" not defined'),
]


@pytest.mark.parametrize(("text", "problem"), WRONG)
def test_refuses(text: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        Template(text).render(DATA)
    assert problem in str(caught.value)


@given(st.text(alphabet='{}.$"`|()-=: abNameEnvrangeifendelse0123456789\n', max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    try:
        Template("{{" + text).render(DATA)
    except Invalid:
        pass
