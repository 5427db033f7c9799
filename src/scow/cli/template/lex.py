"""Template text to tokens: literal text, and the words inside ``{{ }}``."""

from __future__ import annotations

import re

from scow.errors import Invalid
from scow.values import value

WORDS = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<raw>`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))
      | (?P<assign>:=|=)
      | (?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
      | (?P<dot>\.)
      | (?P<variable>\$[A-Za-z0-9_]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<pipe>\|)
      | (?P<comma>,)
      | (?P<open>\()
      | (?P<close>\))""",
    re.VERBOSE,
)


@value
class Token:
    """One token; ``spaced`` tells whether white space stands before it (``.A .B`` and ``.A.B`` differ)."""

    kind: str
    text: str
    line: int
    spaced: bool = False


def fail(line: int, problem: str) -> Invalid:
    """A syntax error in Go's words."""
    return Invalid(f"template: :{line}: {problem}")


def _action(text: str, at: int, line: int) -> tuple[list[Token], int]:
    """Tokens from just behind ``{{`` to its ``}}``; returns them and the place behind."""
    tokens: list[Token] = []
    spaced = False
    while True:
        if text.startswith("}}", at):
            return tokens, at + 2
        if text.startswith("-}}", at) and spaced:
            return [*tokens, Token("trim", "-", line)], at + 3
        match = WORDS.match(text, at)
        if not match:
            if at >= len(text):
                raise fail(line, "unclosed action")
            if text[at] in "\"'`":
                raise fail(line, "unterminated quoted string" if text[at] == '"' else "unterminated raw quoted string")
            raise fail(line, f"unexpected {text[at]!r} in command")
        kind = match.lastgroup or ""
        if kind == "space":
            spaced = True
        else:
            tokens.append(Token(kind, match[0], line, spaced))
            spaced = False
        line += match[0].count("\n")
        at = match.end()


def lex(text: str) -> list[Token | list[Token]]:
    """A list of text tokens and of actions, each action a list of its tokens."""
    out: list[Token | list[Token]] = []
    at, trim = 0, False
    while True:
        start = text.find("{{", at)
        literal = text[at:] if start < 0 else text[at:start]
        line = text.count("\n", 0, max(start, 0)) + 1
        left_trim = start >= 0 and re.match(r"\{\{-[ \t\r\n]", text[start : start + 4]) is not None
        if trim:
            literal = literal.lstrip(" \t\r\n")
        if left_trim:
            literal = literal.rstrip(" \t\r\n")
        if literal:
            out.append(Token("text", literal, line))
        if start < 0:
            return out
        at = start + (3 if left_trim else 2)
        comment = re.compile(r"[ \t\r\n]*/\*.*?\*/[ \t\r\n]*(-?)\}\}", re.DOTALL).match(text, at)
        if comment:
            trim, at = bool(comment[1]), comment.end()
            continue
        tokens, at = _action(text, at, line)
        trim = bool(tokens) and tokens[-1].kind == "trim"
        out.append(tokens[:-1] if trim else tokens)
