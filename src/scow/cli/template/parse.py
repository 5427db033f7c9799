"""Tokens to a tree of nodes. The tree is plain data; ``execute`` walks it."""

from __future__ import annotations

from scow.cli.template.functions import FUNCTIONS
from scow.cli.template.lex import Token, fail, lex
from scow.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


@value
class Literal:
    """A constant."""

    value: object


@value
class Chain:
    """A base (dot, a variable, a function word, or a pipeline in brackets) and the fields asked of it."""

    kind: str  # "dot" "variable" "function" "pipe"
    name: str = ""
    fields: tuple[str, ...] = ()
    pipe: Pipe | None = None


@value
class Pipe:
    """Commands joined by ``|``; ``names`` are variables that the result is bound to."""

    commands: tuple[tuple[Literal | Chain, ...], ...]
    names: tuple[str, ...] = ()
    declares: bool = False


@value
class Text:
    """Literal text."""

    text: str


@value
class Block:
    """``if``, ``range``, ``with``, ``template``, or a bare pipeline (``kind`` "print")."""

    kind: str
    pipe: Pipe | None = None
    body: tuple[Node, ...] = ()
    otherwise: tuple[Node, ...] = ()
    name: str = ""


if TYPE_CHECKING:
    Node: TypeAlias = Text | Block


@value
class Parsed:
    """A whole template and the named ones it defines."""

    body: tuple[Node, ...]
    named: dict[str, tuple[Node, ...]]


def unquote(token: Token) -> object:
    """The value of a constant token."""
    if token.kind == "raw":
        return token.text[1:-1]
    if token.kind in ("string", "char"):
        out, text, i = [], token.text[1:-1], 0
        while i < len(text):
            if text[i] != "\\":
                out.append(text[i])
                i += 1
                continue
            letter = text[i + 1]
            size = {"x": 2, "u": 4, "U": 8}.get(letter)
            if size:
                out.append(chr(int(text[i + 2 : i + 2 + size], 16)))
                i += 2 + size
            elif letter in ESCAPES:
                out.append(ESCAPES[letter])
                i += 2
            else:
                raise fail(token.line, f"invalid syntax in {token.text}")
        found = "".join(out)
        return ord(found) if token.kind == "char" and len(found) == 1 else found
    try:
        return int(token.text.replace("_", ""), 0)
    except ValueError:
        number = float(token.text)
        return int(number) if number.is_integer() and "." not in token.text else number


class _Actions:
    """The parser's place in the list of texts and actions."""

    def __init__(self, text: str) -> None:
        self.items = lex(text)
        self.at = 0
        self.named: dict[str, tuple[Node, ...]] = {}

    def body(self, outer: str) -> tuple[tuple[Node, ...], list[Token]]:
        """Nodes up to the ``end`` or ``else`` that closes ``outer``, and that action's tokens."""
        nodes: list[Node] = []
        while self.at < len(self.items):
            item = self.items[self.at]
            self.at += 1
            if isinstance(item, Token):
                nodes.append(Text(item.text))
                continue
            if not item:
                raise fail(1, "missing value for command")
            word = item[0].text if item[0].kind == "word" else ""
            if word in ("end", "else"):
                if not outer:
                    raise fail(item[0].line, f"unexpected {{{{{word}}}}}")
                return tuple(nodes), item
            nodes.extend(self.action(word, item))
        if outer:
            raise fail(1, "unexpected EOF")
        return tuple(nodes), []

    def action(self, word: str, item: list[Token]) -> list[Node]:
        if word in ("if", "range", "with"):
            return [self.control(word, item)]
        if word in ("break", "continue") and len(item) == 1:
            return [Block(word)]
        if word in ("define", "block", "template"):
            return self.template(word, item)
        return [Block("print", pipeline(item))]

    def control(self, word: str, item: list[Token]) -> Block:
        if len(item) == 1:
            raise fail(item[0].line, f"missing value for {word}")
        pipe = pipeline(item[1:], loop=word == "range")
        body, closing = self.body(word)
        otherwise: tuple[Node, ...] = ()
        if closing[0].text == "else":
            if len(closing) > 1 and closing[1].text in ("if", "with"):
                otherwise = (self.control(closing[1].text, closing[1:]),)
            else:
                otherwise, closing = self.body(word)
                if closing[0].text == "else":
                    raise fail(closing[0].line, "expected end; found {{else}}")
        return Block(word, pipe, body, otherwise)

    def template(self, word: str, item: list[Token]) -> list[Node]:
        if len(item) < 2 or item[1].kind not in ("string", "raw"):
            raise fail(item[0].line, f"missing name in {word} clause")
        name = str(unquote(item[1]))
        if word != "template":
            body, _ = self.body(word)
            self.named[name] = body
            if word == "define":
                return []
        return [Block("template", pipeline(item[2:]) if len(item) > 2 else None, name=name)]


def pipeline(tokens: list[Token], *, loop: bool = False) -> Pipe:
    """One pipeline, with the variables it declares or sets."""
    names: list[str] = []
    declares = False
    place = next((i for i, t in enumerate(tokens) if t.kind == "assign"), None)
    if place is not None and tokens[0].kind == "variable":
        names = [t.text for t in tokens[:place] if t.kind == "variable"]
        if len(names) > (2 if loop else 1):
            raise fail(tokens[0].line, "too many declarations in command")
        declares = tokens[place].text == ":="
        tokens = tokens[place + 1 :]
    if not tokens:
        raise fail(1, "missing value for command")
    commands, rest = _commands(tokens)
    if rest:
        raise fail(rest[0].line, f"unexpected {rest[0].text!r} in command")
    return Pipe(commands, tuple(names), declares)


def _commands(tokens: list[Token]) -> tuple[tuple[tuple[Literal | Chain, ...], ...], list[Token]]:
    """Commands up to the end or to an unmatched closing bracket."""
    commands: list[tuple[Literal | Chain, ...]] = []
    words: list[Literal | Chain] = []
    while tokens and tokens[0].kind != "close":
        if tokens[0].kind == "pipe":
            if not words:
                raise fail(tokens[0].line, "missing value for command")
            commands.append(tuple(words))
            words, tokens = [], tokens[1:]
            if not tokens:
                raise fail(1, "missing value for command")
            continue
        operand, tokens = _operand(tokens)
        words.append(operand)
    if not words:
        raise fail(1, "missing value for command")
    commands.append(tuple(words))
    return tuple(commands), tokens


def _operand(tokens: list[Token]) -> tuple[Literal | Chain, list[Token]]:
    first, rest = tokens[0], tokens[1:]
    base: Chain
    if first.kind in ("string", "raw", "char", "number"):
        return Literal(unquote(first)), rest
    if first.kind == "word" and first.text in ("true", "false", "nil"):
        return Literal({"true": True, "false": False, "nil": None}[first.text]), rest
    if first.kind == "word":
        if first.text not in FUNCTIONS:
            raise fail(first.line, f'function "{first.text}" not defined')
        base = Chain("function", first.text)
    elif first.kind == "variable":
        base = Chain("variable", first.text)
    elif first.kind in ("field", "dot"):
        base = Chain("dot", fields=(first.text[1:],) if first.kind == "field" else ())
    elif first.kind == "open":
        commands, rest = _commands(rest)
        if not rest:
            raise fail(first.line, "unclosed left paren")
        rest = rest[1:]
        base = Chain("pipe", pipe=Pipe(commands))
    else:
        raise fail(first.line, f"unexpected {first.text!r} in operand")
    fields = list(base.fields)
    while rest and rest[0].kind == "field" and not rest[0].spaced:
        fields.append(rest[0].text[1:])
        rest = rest[1:]
    return Chain(base.kind, base.name, tuple(fields), base.pipe), rest


def parse(text: str) -> Parsed:
    """The tree of a template's text; Invalid in Go's words when it is not one."""
    actions = _Actions(text)
    body, _ = actions.body("")
    return Parsed(body, actions.named)
