"""Walks a template's tree over data and makes text."""

from __future__ import annotations

from scow.cli.template.functions import FUNCTIONS, truth
from scow.cli.template.parse import Block, Chain, Literal, Parsed, Pipe, Text
from scow.cli.template.show import show
from scow.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from scow.cli.template.parse import Node

DEEPEST = 100
NOTHING = object()


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Execution:
    """One run of a parsed template over one value."""

    def __init__(self, parsed: Parsed, data: Any) -> None:
        self.parsed = parsed
        self.data = data
        self.out: list[str] = []
        self.scopes: list[dict[str, Any]] = [{"$": data}]
        self.depth = 0

    def run(self) -> str:
        """The text."""
        self._walk(self.parsed.body, self.data)
        return "".join(self.out)

    def _walk(self, nodes: Iterable[Node], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self.out.append(node.text)
            else:
                self._block(node, dot)

    def _block(self, node: Block, dot: Any) -> None:
        if node.kind == "break":
            raise _Break
        if node.kind == "continue":
            raise _Continue
        if node.kind == "template":
            self._template(node, dot)
            return
        assert node.pipe
        if node.kind == "print":
            found = self._pipe(node.pipe, dot)
            if not node.pipe.names:
                self.out.append(show(found))
            return
        self.scopes.append({})
        try:
            if node.kind == "range":
                self._range(node, dot)
                return
            found = self._pipe(node.pipe, dot)
            if truth(found):
                self._walk(node.body, found if node.kind == "with" else dot)
            else:
                self._walk(node.otherwise, dot)
        finally:
            self.scopes.pop()

    def _range(self, node: Block, dot: Any) -> None:
        assert node.pipe
        found = self._pipe(Pipe(node.pipe.commands), dot)
        pairs: Iterable[tuple[Any, Any]]
        if isinstance(found, dict):
            pairs = [(k, found[k]) for k in sorted(found, key=str)]
        elif isinstance(found, list | tuple):
            pairs = list(enumerate(found))
        elif isinstance(found, int) and not isinstance(found, bool):
            pairs = [(i, i) for i in range(found)]
        elif found is None:
            pairs = []
        else:
            raise self._error("", f"range can't iterate over {show(found)}")
        names = node.pipe.names
        for key, item in pairs:
            self.scopes.append({})
            if names:
                self._bind(names[-1], item, declare=node.pipe.declares)
            if len(names) == 2:
                self._bind(names[0], key, declare=node.pipe.declares)
            try:
                self._walk(node.body, item)
            except _Continue:
                continue
            except _Break:
                break
            finally:
                self.scopes.pop()
        if not pairs:
            self._walk(node.otherwise, dot)

    def _template(self, node: Block, dot: Any) -> None:
        body = self.parsed.named.get(node.name)
        if body is None:
            raise self._error("", f'template "{node.name}" not defined')
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._error("", "exceeded maximum template depth")
        found = self._pipe(node.pipe, dot) if node.pipe else None
        kept, self.scopes = self.scopes, [{"$": found}]
        self._walk(body, found)
        self.scopes = kept
        self.depth -= 1

    def _bind(self, name: str, item: Any, *, declare: bool) -> None:
        if declare:
            self.scopes[-1][name] = item
            return
        for scope in reversed(self.scopes):
            if name in scope:
                scope[name] = item
                return
        raise self._error("", f"undefined variable: {name}")

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        found: Any = NOTHING
        for command in pipe.commands:
            found = self._command(command, dot, found)
        if pipe.names:
            self._bind(pipe.names[0], found, declare=pipe.declares)
        return found

    def _command(self, words: tuple[Literal | Chain, ...], dot: Any, last: Any) -> Any:
        head = words[0]
        if isinstance(head, Chain) and head.kind == "function":
            return self._fields(self._call(head.name, words[1:], dot, last), head.fields)
        method = _method(head, dot)
        if method:
            given = [self._operand(w, dot) for w in words[1:]]
            return method(*given, *([] if last is NOTHING else [last]))
        if len(words) > 1 or last is not NOTHING:
            text = head.fields[-1] if isinstance(head, Chain) and head.fields else "value"
            raise self._error(text, f"can't give argument to non-function {text}")
        return self._operand(head, dot)

    def _call(self, name: str, words: tuple[Literal | Chain, ...], dot: Any, last: Any) -> Any:
        if name in ("and", "or"):
            found: Any = None
            for word in words:
                found = self._operand(word, dot)
                if truth(found) != (name == "and"):
                    return found
            return found if last is NOTHING else last
        values = [self._operand(w, dot) for w in words]
        if last is not NOTHING:
            values.append(last)
        try:
            return FUNCTIONS[name](*values)
        except Invalid as e:
            raise self._error(name, str(e)) from e
        except (TypeError, AttributeError, ValueError) as e:
            raise self._error(name, f"wrong arguments for {name}: {e}") from e

    def _operand(self, word: Literal | Chain, dot: Any) -> Any:
        if isinstance(word, Literal):
            return word.value
        if word.kind == "dot":
            base = dot
        elif word.kind == "variable":
            base = next((s[word.name] for s in reversed(self.scopes) if word.name in s), NOTHING)
            if base is NOTHING:
                raise self._error("", f"undefined variable: {word.name}")
        elif word.kind == "function":
            base = self._call(word.name, (), dot, NOTHING)
        else:
            assert word.pipe
            base = self._pipe(word.pipe, dot)
        return self._fields(base, word.fields)

    def _fields(self, base: Any, names: tuple[str, ...]) -> Any:
        for i, name in enumerate(names):
            path = "." + ".".join(names[: i + 1])
            if isinstance(base, dict):
                if name not in base:
                    raise self._error(path, f'map has no entry for key "{name}"')
                base = base[name]
            elif base is None:
                raise self._error(
                    path, f"nil data; no entry for key {name!r}" if i == 0 else f"nil pointer evaluating {path}"
                )
            else:
                raise self._error(path, f"can't evaluate field {name} in type {type(base).__name__}")
        return base

    @staticmethod
    def _error(path: str, problem: str) -> Invalid:
        """An execution error in Go's form; the place in the line is not kept."""
        return Invalid(f'template: :1:2: executing "" at <{path}>: {problem}')


def _method(word: Literal | Chain, dot: Any) -> Any:
    """The method that ``.Name`` means on a value whose class lists it in METHODS (``.Label "key"``), else None."""
    if not isinstance(word, Chain) or word.kind != "dot" or len(word.fields) != 1:
        return None
    name = word.fields[0]
    return getattr(dot, name) if name in getattr(type(dot), "METHODS", ()) else None
