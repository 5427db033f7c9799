"""ENV, LABEL and ARG: names and values."""

from __future__ import annotations

from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.instructions.base import Origin, Request, at_least_one, doc_comment
from scow.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scow.build.dockerfile.instructions.base import Word


@value
class Pair:
    """A name and its value; ``legacy`` when a blank stood between them instead of ``=``."""

    key: str
    value: str
    legacy: bool = False


def _expanded(pairs: tuple[Pair, ...], word: Word) -> tuple[Pair, ...]:
    return tuple(Pair(word(p.key), word(p.value), p.legacy) for p in pairs)


@value
class Env:
    """``ENV a=b c=d`` or ``ENV a b``."""

    origin: Origin
    pairs: tuple[Pair, ...]

    def expand(self, word: Word) -> Env:
        """Names and values are expanded."""
        return replace(self, pairs=_expanded(self.pairs, word))


@value
class Label:
    """``LABEL a=b c=d`` or ``LABEL a b``."""

    origin: Origin
    pairs: tuple[Pair, ...]

    def expand(self, word: Word) -> Label:
        """Names and values are expanded."""
        return replace(self, pairs=_expanded(self.pairs, word))


@value
class Variable:
    """One name of an ARG; ``default`` is None when there is none. ``description`` comes from ``# NAME description``."""

    key: str
    default: str | None = None
    description: str = ""


@value
class Arg:
    """``ARG a b=c``."""

    origin: Origin
    variables: tuple[Variable, ...]

    def expand(self, _word: Word) -> Arg:
        """Not here: a default counts only when the build gives no value, so the converter expands it when it must."""
        return self


def _pairs(request: Request, name: str) -> tuple[Pair, ...]:
    request.flags()
    args = at_least_one(request, name)
    triples = [args[i : i + 3] for i in range(0, len(args), 3)]
    if not all(t[0] for t in triples):
        raise DockerfileError(f"{name} names can not be blank")
    return tuple(Pair(key, given, not separator) for key, given, separator in triples)


def parse_env(request: Request) -> Env:
    """ENV."""
    return Env(request.origin, _pairs(request, "ENV"))


def parse_label(request: Request) -> Label:
    """LABEL."""
    return Label(request.origin, _pairs(request, "LABEL"))


def parse_arg(request: Request) -> Arg:
    """ARG."""
    at_least_one(request, "ARG")
    request.flags()
    variables = []
    for arg in request.args:
        key, equals, default = arg.partition("=")
        if equals and not key:
            raise DockerfileError("ARG names can not be blank", near=arg)
        about = doc_comment(request.origin.comments, key)
        variables.append(Variable(key, default if equals else None, about))
    return Arg(request.origin, tuple(variables))
