"""Immutable values: what ``@dataclass(frozen=True, slots=True)`` gives, without its import.

``dataclasses`` pulls in ``inspect``, ``ast`` and ``dis``: 10 to 17 ms, more than a whole ``scow version``
(docs/design/adr/0002). Type checkers see a frozen dataclass through PEP 681's ``dataclass_transform``.

    @value
    class Point:
        x: int
        y: int = 0

Rules: annotations are strings (``from __future__ import annotations``), defaults are immutable and come last, no
inheritance between values. ``__post_init__`` is called if there is one. The constructor is compiled after some use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_: object) -> Callable[[T], T]:
        """Stand-in for typing's marker, which does nothing at run time."""
        return lambda f: f


_set = object.__setattr__


def _refuse(self: object, name: str, _value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: values are immutable")


PATIENCE = 12
"""How many values of a class are made before its constructor is compiled, which costs as much as fifty of them."""


def _first_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Fill in the fields one by one. A class that is made often, and whoever gives the wrong arguments, gets the real
    constructor: it is compiled, installed and called.
    """
    cls: Any = next(c for c in type(self).__mro__ if "_fields" in c.__dict__)
    cls._made += 1
    given = dict(zip(cls._fields, args, strict=False))
    if cls._made <= PATIENCE and len(given) == len(args) and given.keys().isdisjoint(kwargs):
        found = {**cls._defaults, **given, **kwargs}
        if len(found) == len(cls._fields) and all(n in found for n in cls._fields):
            for n in cls._fields:
                _set(self, n, found[n])
            if hasattr(cls, "__post_init__"):
                self.__post_init__()
            return
    _compile_init(cls)(self, *args, **kwargs)


def _compile_init(cls: Any) -> Any:
    defaults: dict[str, object] = cls._defaults
    params = ", ".join(f"{n}=_d[{n!r}]" if n in defaults else n for n in cls._fields)
    body = "".join(f"\n    _s(self, {n!r}, {n})" for n in cls._fields) or "\n    pass"
    if hasattr(cls, "__post_init__"):
        body += "\n    self.__post_init__()"
    scope: dict[str, Any] = {"_d": defaults, "_s": _set}
    # The text is made of field names only, which the class statement has checked to be identifiers.
    exec(f"def __init__(self, {params}):{body}", scope)  # noqa: S102
    cls.__init__ = scope["__init__"]
    return cls.__init__


def _astuple(self: Any) -> tuple[object, ...]:
    return tuple([getattr(self, n) for n in self._fields])


def _eq(self: Any, other: object) -> bool:
    return _astuple(self) == _astuple(other) if type(other) is type(self) else NotImplemented


def _lt(self: Any, other: Any) -> bool:
    return _astuple(self) < _astuple(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple([tuple(v.items()) if isinstance(v, dict) else v for v in _astuple(self)]))


def _repr(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in self._fields)})"


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make ``cls`` an immutable value: constructor, equality, order, hash and repr from its annotations."""
    names = tuple(
        n
        for n, kind in cls.__dict__.get("__annotations__", cls.__annotations__).items()
        if not str(kind).startswith("ClassVar")
    )
    body = dict(cls.__dict__)
    defaults = {n: body.pop(n) for n in names if n in body}
    for unwanted in ("__dict__", "__weakref__"):
        body.pop(unwanted, None)
    cached = any(
        hasattr(v, "attrname") for v in body.values()
    )  # functools.cached_property keeps its result in __dict__
    slots = (*names, "__dict__") if cached else names
    body.update(
        _fields=names,
        _defaults=defaults,
        _made=0,
        __slots__=slots,
        __init__=_first_init,
        __setattr__=_refuse,
        __delattr__=_refuse,
        __match_args__=names,
    )
    for name, method in (("__eq__", _eq), ("__lt__", _lt), ("__hash__", _hash), ("__repr__", _repr)):
        if name not in cls.__dict__ or cls.__dict__[name] is None:
            body[name] = method
    made: Any = type(cls.__name__, cls.__bases__, body)
    return made  # type: ignore[no-any-return]


def replace(original: T, **changes: object) -> T:
    """A copy of a value with some fields changed; unknown names raise TypeError."""
    known = {n: getattr(original, n) for n in original._fields}  # type: ignore[attr-defined]
    return type(original)(**{**known, **changes})


def asdict(v: Any) -> dict[str, Any]:
    """The fields of a value by name, one level deep."""
    return {n: getattr(v, n) for n in v._fields}
