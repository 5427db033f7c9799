"""``lazy``: a property computed once per object. ``functools.cached_property`` without 2 ms of imports and its lock."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import cached_property as lazy
    from typing import Any
else:

    class lazy:  # noqa: N801  used like property
        """A property that is computed at first use; two threads may compute it twice, to equal values."""

        def __init__(self, compute: Callable[[Any], Any]) -> None:
            self.compute = compute
            self.attrname = compute.__name__  # values.value looks for this name and gives the class a __dict__
            self.__doc__ = compute.__doc__

        def __get__(self, owner: Any, _type: type | None = None) -> Any:
            if owner is None:
                return self
            result = owner.__dict__[self.attrname] = self.compute(owner)
            return result


__all__ = ["lazy"]
