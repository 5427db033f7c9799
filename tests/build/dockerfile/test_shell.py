"""Word expansion: the facts are those of BuildKit's tables (frontend/dockerfile/shell)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.shell import Style, expand

ENV = {"PWD": "/home", "SHELL": "bash", "KOREAN": "한국어", "NULL": "", "X": "xxyy"}
ERROR = None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("hello", "hello"),
        ("he'll'o", "hello"),
        ("he'llo", ERROR),
        (r"he\'llo", "he'llo"),
        (r"he\\'llo", ERROR),
        (r"abc\tdef", "abctdef"),
        (r'"abc\tdef"', r"abc\tdef"),
        (r'"abc\\tdef"', r"abc\tdef"),
        (r"'abc\tdef'", r"abc\tdef"),
        ("hello\\", "hello"),
        ("hello\\\\", "hello\\"),
        ('"hello', ERROR),
        ('"hello\\"', ERROR),
        ('"hel\'lo"', "hel'lo"),
        ("'hello\\'", "hello\\"),
        (r"'hello\\there'", r"hello\\there"),
        ("\"''\"", "''"),
        ("$.", "$."),
        ("he$1x", "hex"),
        ("he$.x", "he$.x"),
        ("he$pwd.", "he."),
        ("he$PWD", "he/home"),
        (r"he\$PWD", "he$PWD"),
        (r"he\\$PWD", r"he\/home"),
        (r'"he\$PWD"', "he$PWD"),
        (r'"he\\$PWD"', r"he\/home"),
        (r"\${}aaa", "${}aaa"),
        ("${}", ERROR),
        ("he${}xx", ERROR),
        ("he${hi}xx", "hexx"),
        ("he${.}", ERROR),
        ("he${XXX:-000}xx", "he000xx"),
        ("he${PWD:-000}xx", "he/homexx"),
        ("he${XXX:-${PWD:-yyy}}xx", "he/homexx"),
        ("he${XXX:-${YYY:-yyy}}xx", "heyyyxx"),
        ("he${XXX:YYY}", ERROR),
        ("he${XXX?}", ERROR),
        ("he${PWD:?}", "he/home"),
        ("he${NULL?}", "he"),
        ("he${NULL:?}", ERROR),
        ("he${XXX:+${PWD}}xx", "hexx"),
        ("he${PWD:+${SHELL}}xx", "hebashxx"),
        ("'he${XX}'", "he${XX}"),
        ("\"he'$PWD'\"", "he'/home'"),
        (r"'\$PWD'", r"\$PWD"),
        ("he${PWD", ERROR),
        ("he${PWD:=000}xx", ERROR),
        ("he${PWD:+${PWD}:}xx", "he/home:xx"),
        (r"he${XXX:-\$PWD:}xx", "he$PWD:xx"),
        (r"he${XXX:-\${PWD}z}xx", "he${PWDz}xx"),
        ("안녕$KOREAN", "안녕한국어"),
        ("안\\\\'녕하세요", ERROR),
        ("${{aaa}", ERROR),
        ("${aaa}}", "}"),
        ("${aaa", ERROR),
        ("${aaa:-bbb}}", "bbb}"),
        ("${aaa:-bbb", ERROR),
        ("${aaa:-bbb ${foo}", ERROR),
        ("${aaa:-bbb {foo}", "bbb {foo"),
        ("${:}", ERROR),
        ("${:-bbb}", ERROR),
        ("$1", ""),
        ("${1:-bbb}", "bbb"),
        ("$999aaa", "aaa"),
        ("${001:+bbb}aaa", "aaa"),
        ("$@@@", "@@"),
        ("${*:-bbb}", "bbb"),
        ("${-:-bbb}", "bbb"),
        ("$$", ""),
        ("${X=aaa}", ERROR),
        ("${X#*x*y}", "y"),
        ("${X#*}", "xxyy"),
        ("${X#}", "xxyy"),
        ("${X##*x}", "yy"),
        ("${X##*}", ""),
        ("${X%y}", "xxy"),
        ("${X%%y*}", "xx"),
        ("${X%}", "xxyy"),
        ("${X:#x}", ERROR),
        ("${X:%%}", ERROR),
        ("${X/x/q}", "qxyy"),
        ("${X//x/q}", "qqyy"),
        ("${X/?y/-}", "x-y"),
        ("${X/y*/-}", "xx-"),
        ("${X/$NULL/ww}", "wwxxyy"),
        ("${X//ww}", ERROR),
        ("${X//}", ERROR),
        ("${X///}", "xxyy"),
        (r"${X#\q}", ERROR),
        (r"${PWD//\//\\}", r"\\home"),
        ("${PWD/\\//}", "home"),
    ],
)
def test_words(text: str, result: str | None) -> None:
    if result is ERROR:
        with pytest.raises(DockerfileError, match="failed to process "):
            expand(text, ENV)
    else:
        assert expand(text, ENV).text == result


@pytest.mark.parametrize(
    ("value", "text", "result"),
    [
        ("()[]{}^$.*?|\\x", r"${F#()[]{\}^$.\*\?|\\}", "x"),
        ("xx**", r"${F%%\**}", "xx"),
        ("???y", r"${F#?\?}", "?y"),
        ("a***yy*", r"${F%%\**\*}", "a"),
        ("/tmp/tmp/bar.txt", "${F//$N/}", "/bar.txt"),
        ("/tmp/foo.txt", r"${F//\//\/}", r"\/tmp\/foo.txt"),
        ("v1.2.3", "${F#v}", "1.2.3"),
        ("v1.2.3", "${F%.*}", "v1.2"),
        ("v1.2.3", "${F%%.*}", "v1"),
        ("a\nab", "${F#*b}", "a\nab"),
        ("a\nxb", "${F/x*/-}", "a\n-"),
    ],
)
def test_patterns(value: str, text: str, result: str) -> None:
    assert expand(text, {"F": value, "N": "/tmp"}).text == result


@pytest.mark.parametrize(
    ("env", "text", "words"),
    [
        ({}, "hello${hi}bye", ["hellobye"]),
        ({"s": "abc  def"}, "hello${s}bye", ["helloabc", "defbye"]),
        ({"s": "abc  def"}, 'hello"${s}"bye', ["helloabc  defbye"]),
        ({"s": "abc  def"}, 'hello "${s}"bye', ["hello", "abc  defbye"]),
        ({"s": "  ab c"}, "hello${s}def", ["hello", "ab", "cdef"]),
        ({"s": "ab c   "}, "hello${s}d", ["helloab", "c", "d"]),
        ({}, 'hello" there  "', ["hello there  "]),
        ({}, r"hello\ there", ["hello there"]),
        ({}, r"hello\" there", ['hello"', "there"]),
        ({}, r'hello"\\there"', [r"hello\there"]),
        ({}, "a '' b", ["a", "b"]),
        ({}, "80${P:-0 90}", ["800", "90"]),
    ],
)
def test_splitting_follows_expansion(env: dict[str, str], text: str, words: list[str]) -> None:
    assert list(expand(text, env).words) == words


def test_names_that_were_set_and_that_were_not() -> None:
    found = expand("${FOO-a} ${BAR:-$BAZ} ${QUX+${IN}} $FOO", {"FOO": "1", "BAR": ""})
    assert found.text == "1   1"
    assert found.matched == ("FOO", "BAR")
    assert found.unmatched == ("BAZ", "IN", "QUX")


def test_escape_character_can_be_a_backtick() -> None:
    style = Style("`")
    assert expand("`$a \\$b `` c:\\d", {"b": "1"}, style).text == "$a \\1 ` c:\\d"
    assert expand('"`"q"', {}, style).text == '"q'


def test_what_run_shows_keeps_quotes_and_unset_variables() -> None:
    style = Style(raw_quotes=True, keep_unset=True)
    text = """echo "$A" '$A' ${A} $B ${B} ${B:-x} ${B#y} ${B/a/b} ${B//a/b}"""
    assert expand(text, {"A": "1"}, style).text == """echo "1" '$A' 1 $B ${B} ${B:-x} ${B#y} ${B/a/b} ${B/a/b}"""


def test_nesting_and_growth_are_bounded() -> None:
    with pytest.raises(DockerfileError, match="nested deeper"):
        expand("${a:-" * 100 + "}" * 100, {})
    with pytest.raises(DockerfileError, match="longer than"):
        expand("$a" * 100, {"a": "x" * 100_000})
    with pytest.raises(DockerfileError, match="longer than"):
        expand("${a//x/" + "y" * 1000 + "}", {"a": "x" * 10_000})


@pytest.mark.parametrize("pattern", ["#" + "*a" * 50 + "b", "%%" + "a*" * 50 + "b", "//" + "*a" * 50 + "b/", "//a*b/"])
def test_patterns_cannot_explode(pattern: str) -> None:
    start = time.perf_counter()
    expand(f"${{x{pattern}}}", {"x": "a" * 20_000})
    assert time.perf_counter() - start < 2


@given(st.text(alphabet="ab $\"'{}\\`:-+?#%/*<\t\n0@é", max_size=30))
def test_anything_is_expanded_or_refused(text: str) -> None:
    for style in (Style(), Style("`", raw_escapes=True, raw_quotes=True, keep_unset=True), Style(plain_quotes=True)):
        try:
            expand(text, {"a": "b c", "b": ""}, style)
        except DockerfileError:
            pass


@given(st.text(alphabet="ab*?", max_size=6), st.text(alphabet="ab\n", max_size=8), st.booleans())
def test_trimming_agrees_with_trying_every_length(pattern: str, value: str, longest: bool) -> None:
    import fnmatch
    import re

    matcher = re.compile(fnmatch.translate(pattern).replace("(?s:", "(?:"))
    lengths = [n for n in range(len(value) + 1) if matcher.match(value[:n])]
    expected = value[(max if longest else min)(lengths) :] if lengths else value
    assert expand("${v" + ("##" if longest else "#") + pattern + "}", {"v": value}).text == expected
