"""One logical line to its parts: instruction, flags, arguments. How arguments are split depends on the instruction."""

from __future__ import annotations

import json
import re

from scow.build.dockerfile import gofmt
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.source import SPACE
from scow.values import value

BLANKS = re.compile(r"[\t\v\f\r ]+")
_JSON_STRINGS = "when using JSON array syntax, arrays must be comprised of strings only"


@value
class Node:
    """An instruction before its meaning.

    ``name`` as written, ``flags`` without quotes, ``args`` split by the instruction's rule, ``json`` when they were
    a JSON array, ``sub`` what ONBUILD carries.
    """

    name: str
    flags: tuple[str, ...]
    args: tuple[str, ...]
    json: bool = False
    sub: Node | None = None


def node_of(text: str, escape: str, *, inner: bool = False) -> Node:
    """Take a logical line apart; ``inner`` for the instruction behind ONBUILD, which can not carry another."""
    name, *tail = BLANKS.split(text.strip(SPACE), maxsplit=1)
    flags: tuple[str, ...] = ()
    rest = tail[0] if tail else ""
    if rest.startswith("--"):
        flags, rest = flags_of(rest, escape)
    rest = rest.strip(SPACE)
    kind = name.lower()
    if kind == "onbuild":
        sub = node_of(rest, escape, inner=True) if rest and not inner else None
        return Node(name, flags, (sub.name, *sub.args) if sub else (), sub is not None and sub.json, sub)
    rule = RULES.get(kind)
    if rule is None or not rest:
        return Node(name, flags, ())
    args, is_json = rule(rest, escape)
    return Node(name, flags, args, is_json)


def flags_of(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The leading ``--flags`` of ``text``, unquoted, and what follows them; a bare ``--`` ends them."""
    flags: list[str] = []
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in SPACE:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), text[at:]
        word, at = _flag_word(text, at, escape)
        if word == "--":
            return tuple(flags), text[at:]
        if word:
            flags.append(word)


def _flag_word(text: str, at: int, escape: str) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if not quote and char in SPACE:
            break
        at += 1
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == escape:
            out.append(text[at : at + 1])
            at += 1
        else:
            out.append(char)
    return "".join(out), at


def quoted_words(text: str, escape: str) -> list[str]:
    """``text`` split at blanks outside quotes; quotes and escapes stay, for they matter to expansion."""
    if escape not in text and "'" not in text and '"' not in text:
        return [w for w in re.split(f"[{SPACE}]+", text) if w]
    words: list[str] = []
    part: list[str] = []
    quote, at = "", 0
    while at < len(text):
        char = text[at]
        at += 1
        if not quote and char in SPACE:
            if part:
                words.append("".join(part))
            part = []
            continue
        if char == escape and quote != "'":
            if at == len(text):
                break  # an escape character at the very end is dropped
            char += text[at]
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        part.append(char)
    if part:
        words.append("".join(part))
    return words


def _one_string(text: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return (text,), False


def _blank_separated(text: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return tuple(BLANKS.split(text)), False


def _json_array(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None for what is no JSON array (it is then shell form)."""
    if not text.startswith("["):
        return None
    try:
        items = json.loads(text, parse_constant=_no_constant, parse_int=len, parse_float=len)
    except RecursionError:
        raise DockerfileError(_JSON_STRINGS, near="[") from None
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in items):
        raise DockerfileError(_JSON_STRINGS, near="[")
    return tuple(item if item.isascii() else _no_surrogates(item) for item in items)


def _no_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _json_or_string(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    items = _json_array(text)
    return (items, True) if items is not None else _one_string(text, escape)


def _json_or_list(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    items = _json_array(text)
    return (items, True) if items is not None else _blank_separated(text, escape)


def _health(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    kind, *rest = re.split(f"[{SPACE}]+", text, maxsplit=1)
    if not rest:
        return (kind,), False
    args, is_json = _json_or_string(rest[0], escape)
    return (kind, *args), is_json


def _words_rule(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return tuple(quoted_words(text, escape)), False


def pairs(name: str, text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """ENV and LABEL: triples of key, value and separator; ``KEY value`` is the old form, its separator is empty."""
    words = quoted_words(text, escape)
    if words and "=" not in words[0]:
        parts = BLANKS.split(text, maxsplit=1)
        if len(parts) < 2:
            raise DockerfileError(f"{name} must have two arguments", near=text)
        return (parts[0], parts[1], ""), False
    out: list[str] = []
    for word in words:
        key, equals, given = word.partition("=")
        if not equals:
            shown = gofmt.quote(word)
            raise DockerfileError(
                f"Syntax error - can't find = in {shown}. Must be of the form: name=value",
                near=word,
                hint="quote a value that has blanks",
            )
        out += (key, given, "=")
    return tuple(out), False


def _env(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return pairs("ENV", text, escape)


def _label(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return pairs("LABEL", text, escape)


RULES = {
    "add": _json_or_list,
    "arg": _words_rule,
    "cmd": _json_or_string,
    "copy": _json_or_list,
    "entrypoint": _json_or_string,
    "env": _env,
    "expose": _blank_separated,
    "from": _blank_separated,
    "healthcheck": _health,
    "label": _label,
    "maintainer": _one_string,
    "run": _json_or_string,
    "shell": _json_or_string,
    "stopsignal": _one_string,
    "user": _one_string,
    "volume": _json_or_list,
    "workdir": _one_string,
}
"""How each instruction splits its arguments."""
